"""Computes the result of a job, and damages it as the fate of the job says."""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.model import Blob, RawResult
from qiskit_job_manager.testing.cloud_service.faults import Fate
from qiskit_job_manager.testing.samples import DEFAULT_SHOTS, count_experiments, sampled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit.result import Result

OUT_OF_ORDER = "the control electronics lost lock"


class Engine(StrEnum):
    """What runs circuits.

    Attributes:
        SAMPLER: Makes up counts from the names of the circuits and the shots alone; see
            `qiskit_job_manager.testing.samples.expected_counts`.
        AER: Simulates them, on one thread; the same payload always gives the same counts.
    """

    SAMPLER = "sampler"
    AER = "aer"


def run(payload: Blob, options: Mapping[str, Any], fate: Fate, engine: Engine) -> RawResult:
    """Return the result of a job.

    Args:
        payload: The encoded circuits.
        options: The run options.
        fate: The fate of the job, one with a result.
        engine: What runs the circuits.

    Raises:
        Exception: The circuits cannot be read or run.
    """
    if fate is Fate.OTHER_SHOTS:
        options = {**options, "shots": int(options.get("shots", DEFAULT_SHOTS)) + 1}
    simulate = _on_aer if engine is Engine.AER else _by_name
    raw = simulate(payload, options)
    match fate:
        case Fate.CUT:
            return RawResult(raw.format, raw.data[: len(raw.data) // 2])
        case Fate.FEWER | Fate.REORDERED | Fate.FAILS_IN_PART:
            return _spoiled(raw, fate)
    return raw


def _by_name(payload: Blob, options: Mapping[str, Any]) -> RawResult:
    return sampled(payload, options, count_experiments(payload))


def _on_aer(payload: Blob, options: Mapping[str, Any]) -> RawResult:
    from qiskit_aer import AerSimulator

    from qiskit_job_manager.codec.circuits import unpack
    from qiskit_job_manager.codec.results import encode_result

    seeded = {"seed_simulator": zlib.crc32(payload.data), **options}
    job = AerSimulator(max_parallel_threads=1).run(unpack(payload), **seeded)
    return encode_result(job.result())


def _spoiled(raw: RawResult, fate: Fate) -> RawResult:
    from qiskit_job_manager.codec.results import encode_result, open_result

    result = open_result(raw).result()
    if fate is Fate.FEWER:
        result.results = result.results[:-1]
    elif fate is Fate.REORDERED:
        result.results = result.results[::-1]
    else:
        _fail_every_other(result)
    return encode_result(result)


def _fail_every_other(result: Result) -> None:
    from qiskit.result.models import ExperimentResultData

    result.success = False
    result.status = "PARTIAL COMPLETED"
    for experiment in result.results[::2]:
        experiment.success = False
        experiment.status = f"ERROR: {OUT_OF_ORDER}"
        experiment.data = ExperimentResultData()


def warm_up(engine: Engine) -> None:
    """Import the modules that the first job needs."""
    import qiskit.qpy
    import qiskit.result  # noqa: F401

    if engine is Engine.AER:
        import qiskit_aer  # noqa: F401
