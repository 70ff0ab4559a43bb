"""The limits of IBM's service on one job and on jobs at one time.

``backend.max_circuits`` is ``None`` there, and the limits in a backend's configuration are "no
longer relevant or enforced". These were documented or observed:

========================  =========================================================================
executions per job        10 million: circuits after parameter broadcasting, times shots
                          (documentation, "Job limits")
payload                   50 MB were documented until July 2026, and no number since; 300 MB were
                          accepted in practice. Ours is counted before the client encodes it
submissions               5 a minute for each user (REST API reference), refused with 429
pending jobs              3 on the Open Plan, as its refusals say; not known for other plans. Too
                          many are refused with the code 3458; then we wait
instructions              26.8 million control instructions on each qubit (documentation, the same)
========================  =========================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.model import Limits

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

    from qiskit_job_manager.backends.ibm.connection import OpenBackend

EXECUTIONS_PER_JOB = 10_000_000
SUBMISSIONS_PER_MINUTE = 5
OPEN_PLAN_PENDING_JOBS = 3
INSTRUCTIONS_PER_QUBIT = 26_800_000

CLIENT_BYTES = 50_000_000
"""Bytes of one submission as the client encodes it."""

LARGEST_GROWTH = 4 / 3
"""Bytes of the client for each of ours, at most.

The client compresses circuits and writes them in base64: that gave 0.1 to 0.3 of ours for circuits
that were transpiled for 5 and for 133 qubits. What cannot be compressed grows by base64 alone: a
circuit of one gate, and random parameter values, by 1.3.
"""

DEFAULT_SHOTS = 4096
OVERHEAD_S = 2.0
SECONDS_PER_EXECUTION = 0.00035

_WEIGHTS = {"rz": 1, "p": 1, "sx": 2, "x": 2, "cz": 2, "cx": 2, "ecr": 2, "reset": 17}
_MEASURE_WEIGHT = 10
_HEAVIEST = 17


def limits_of(opened: OpenBackend | None) -> Limits:
    """Return the limits; those of the plan are known only after the service was opened."""
    return Limits(
        executions_per_job=EXECUTIONS_PER_JOB,
        payload_bytes_per_job=int(CLIENT_BYTES / LARGEST_GROWTH),
        pending_jobs=None if opened is None else _pending_jobs(opened),
        submissions_per_minute=SUBMISSIONS_PER_MINUTE,
    )


def estimated_usage_s(circuits: int, shots: int | None) -> float:
    """Return the quantum seconds of a job, by the quick formula of IBM's documentation.

    It holds without error mitigation and with the usual delay between repetitions.

    >>> estimated_usage_s(10, 1000)
    5.5
    """
    return OVERHEAD_S + SECONDS_PER_EXECUTION * circuits * (shots or DEFAULT_SHOTS)


def too_many_instructions(circuit: QuantumCircuit) -> str | None:
    """Describe how a circuit exceeds the instructions for one qubit, or return ``None``.

    Only circuits that are large enough to exceed the limit are counted.
    """
    if len(circuit.data) * _HEAVIEST <= INSTRUCTIONS_PER_QUBIT:
        return None
    counts: dict[Any, int] = {}
    for instruction in circuit.data:
        weight = _WEIGHTS.get(instruction.operation.name, _MEASURE_WEIGHT)
        for qubit in instruction.qubits:
            counts[qubit] = counts.get(qubit, 0) + weight
    qubit, most = max(counts.items(), key=lambda each: each[1])
    if most <= INSTRUCTIONS_PER_QUBIT:
        return None
    return (
        f"has {most:,} control instructions on qubit {circuit.find_bit(qubit).index}; the service "
        f"takes {INSTRUCTIONS_PER_QUBIT:,}"
    )


def _pending_jobs(opened: OpenBackend) -> int | None:
    """Return the limit of the Open Plan, if the instance is known to belong to it."""
    try:
        instances = opened.service.instances()
        own = [each for each in instances if each["crn"] == opened.backend._instance]
        plan = str(own[0]["plan"])
    except (LookupError, TypeError, AttributeError):
        return None
    return OPEN_PLAN_PENDING_JOBS if plan.lower() == "open" else None
