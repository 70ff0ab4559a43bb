"""Results that are made up from the names of the experiments and the shots."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.model import Blob, RawResult

DEFAULT_SHOTS = 1024


def count_experiments(payload: Blob) -> int:
    """Return how many experiments a payload holds."""
    from qiskit_job_manager.codec.circuits import unpack

    return len(unpack(payload))


def sampled(
    payload: Blob,
    options: Mapping[str, Any],
    n_experiments: int,
    *,
    failed: Mapping[int, str] | None = None,
) -> RawResult:
    """Return a result whose counts depend on the names of the experiments and the shots alone.

    Args:
        payload: The encoded circuits.
        options: The run options; only ``"shots"`` matters.
        n_experiments: For how many experiments; another number than that of the payload makes a
            malformed result.
        failed: Offsets of experiments that failed, each with its reason.
    """
    from qiskit.result import Result

    from qiskit_job_manager.codec.circuits import unpack
    from qiskit_job_manager.codec.results import encode_result

    shots = int(options.get("shots", DEFAULT_SHOTS))
    failed = failed or {}
    circuits = unpack(payload)
    experiments = [
        _experiment(circuits[offset % len(circuits)], shots, failed.get(offset))
        for offset in range(n_experiments)
    ]
    whole = {
        "backend_name": "scripted",
        "backend_version": "1",
        "job_id": "",
        "success": not failed,
        "status": "PARTIAL COMPLETED" if failed else "COMPLETED",
        "results": experiments,
    }
    return encode_result(Result.from_dict(whole))


def expected_counts(name: str, clbits: int, shots: int) -> dict[str, int]:
    """Return the counts, with hexadecimal keys, that `sampled` gives an experiment."""
    if clbits == 0:
        return {}
    often = zlib.crc32(name.encode()) % 2**clbits
    rarely = (often + 1) % 2**clbits
    few = shots // 4
    return {hex(often): shots - few} | ({hex(rarely): few} if few else {})


def _experiment(circuit: Any, shots: int, reason: str | None) -> dict[str, Any]:
    header = {
        "name": circuit.name,
        "n_qubits": circuit.num_qubits,
        "memory_slots": circuit.num_clbits,
        "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
        "metadata": circuit.metadata,
    }
    counts = {} if reason else expected_counts(circuit.name, circuit.num_clbits, shots)
    return {
        "shots": shots,
        "success": reason is None,
        "status": f"ERROR: {reason}" if reason else "DONE",
        "data": {"counts": counts} if counts else {},
        "header": header,
        "meas_level": 2,
    }
