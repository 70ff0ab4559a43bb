"""Sizes of encoded experiments, and what a run would take before anything is stored or sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.experiments import (
    circuit_of,
    encode_experiment,
    encode_if_doubtful,
    hash_experiment,
)
from qiskit_job_manager.errors import CodecError, InvalidExperimentError
from qiskit_job_manager.manager.transpiler import Transpiled, runnable
from qiskit_job_manager.model import ExperimentKind, ExperimentSize, Plan
from qiskit_job_manager.planning import plan, shots_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qiskit_job_manager.manager.transpiler import Transpiler
    from qiskit_job_manager.model import EncodedExperiment, Limits, PlannedJob
    from qiskit_job_manager.ports import Backend

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Weighing:
    """How the experiments of a run are transpiled and encoded, and their default shots.

    Attributes:
        kind: What the backend takes.
        shots: Shots of an experiment, or ``None`` for the backend's default.
        precision: Precision of an estimator's PUB, or ``None`` for the backend's default.
        split_shots: Whether shots above a limit are split into shares; ``None``: not those of an
            estimator.
        transpiler: Transpiles experiments before; ``None``: they run as they were handed over.
    """

    kind: ExperimentKind
    shots: int | None
    precision: float | None
    split_shots: bool | None
    transpiler: Transpiler | None = None

    @property
    def splits(self) -> bool:
        """Whether shots above a limit are split into shares."""
        if self.split_shots is None:
            return self.kind is not ExperimentKind.ESTIMATOR_PUB
        return self.split_shots

    def encoded(self, experiment: Any, index: int) -> EncodedExperiment:
        """Return an experiment encoded as what the backend takes.

        Args:
            experiment: What was handed over, or what it was transpiled to.
            index: Its index in the job set.

        Raises:
            InvalidExperimentError: It cannot be encoded.
        """
        try:
            coded = encode_experiment(runnable(experiment), self.kind)
        except CodecError as error:
            raise _cannot_be_stored(runnable(experiment), index, error) from error
        if isinstance(experiment, Transpiled):
            return replace(coded, content_hash=experiment.content_hash)
        return coded

    def content_hash(self, experiment: Any, index: int) -> bytes:
        """Return the content hash of what was handed over, whether or not it can be stored.

        Raises:
            InvalidExperimentError: Nothing certain can be said of it.
        """
        try:
            return hash_experiment(experiment, self.kind)
        except CodecError as error:
            raise _cannot_be_stored(experiment, index, error) from error

    def encoded_if_doubtful(self, experiment: Any, index: int) -> EncodedExperiment | None:
        """Return an experiment encoded if it may be one that cannot be, else ``None``.

        Raises:
            InvalidExperimentError: It cannot be encoded.
        """
        try:
            return encode_if_doubtful(experiment, self.kind)
        except CodecError as error:
            raise _cannot_be_stored(experiment, index, error) from error

    def size(self, coded: EncodedExperiment, index: int) -> ExperimentSize:
        """Return the size of an experiment, with its own shots and precision if it has them."""
        precision, shots = None, self.shots if coded.shots is None else coded.shots
        if self.kind is ExperimentKind.ESTIMATOR_PUB:
            precision = self.precision if coded.precision is None else coded.precision
            shots = shots_for(precision)
        size = len(coded.data)
        return ExperimentSize(index, coded.name, coded.circuits, shots, size, precision)


def _cannot_be_stored(experiment: Any, index: int, error: CodecError) -> InvalidExperimentError:
    name = getattr(circuit_of(experiment), "name", None)
    return InvalidExperimentError(f"experiment {index} ({name!r}) cannot be stored: {error}")


def planned(
    experiments: Iterable[Any],
    backend: Backend,
    options: Mapping[str, Any],
    limits: Limits,
    weighing: Weighing,
) -> Plan:
    """Return the split of experiments and what it is estimated to take.

    Raises:
        InvalidExperimentError: One cannot run, or there are none at all.
        PlanError: One alone exceeds a limit.
    """
    payload_bytes = 0

    def sizes() -> Iterable[Any]:
        nonlocal payload_bytes
        for index, experiment in enumerate(experiments):
            backend.check(runnable(experiment), index, options)
            size = weighing.size(weighing.encoded(experiment, index), index)
            payload_bytes += size.payload_bytes
            yield size

    blocks = plan(sizes(), limits, split_shots=weighing.splits)
    jobs = tuple(job for block in blocks for job in block.jobs)
    if not jobs:
        msg = "there are no experiments; hand over at least one circuit"
        raise InvalidExperimentError(msg)
    return Plan(
        jobs=jobs,
        n_experiments=jobs[-1].stop,
        payload_bytes=payload_bytes,
        executions=_executions(jobs),
        usage_s=_usage_s(jobs, backend),
        submission_s=_submission_s(len(jobs), limits),
    )


def _circuits(job: PlannedJob) -> int:
    return job.stop - job.start if job.circuits is None else job.circuits


def _executions(jobs: Iterable[PlannedJob]) -> int | None:
    total = 0
    for job in jobs:
        if job.shots is None:
            return None
        total += _circuits(job) * job.shots
    return total


def _usage_s(jobs: Iterable[PlannedJob], backend: Backend) -> float | None:
    estimates = [backend.estimate_usage_s(_circuits(job), job.shots) for job in jobs]
    known = [each for each in estimates if each is not None]
    return sum(known) if known else None


def _submission_s(n_jobs: int, limits: Limits) -> float:
    """Return how long the last job waits because of the limit of submissions a minute.

    The limit counts submissions in any minute, so they may be sent in bursts.
    """
    limit = limits.submissions_per_minute
    return 0.0 if limit is None else (n_jobs - 1) // limit * _MINUTE_S
