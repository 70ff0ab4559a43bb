"""Results for the measured circuits, made before anything is measured.

A job is known by the name of its first circuit; what follows a hyphen is not looked at, as Qiskit
appends a number to the names of circuits that it binds values to. As with `circuits`, there are 5
qubits, 1,024 shots and some 30 different outcomes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from qiskit_job_manager.codec.circuits import unpack_one
from qiskit_job_manager.codec.results import encode_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from qiskit import QuantumCircuit

    from qiskit_job_manager.model import Blob, RawResult

N_QUBITS = 5
SHOTS = 1_024
N_DIFFERENT = 100


def results_by_first(
    circuits: Sequence[QuantumCircuit], per_job: int, *, memory: bool = False
) -> dict[str, Result]:
    """Return the result of each job, by the name of its first circuit.

    Args:
        circuits: All circuits; a job takes ``per_job`` of them, in order.
        per_job: Circuits in a job; the last may have fewer.
        memory: Whether every shot is told, as `BackendSamplerV2` wants it.
    """
    chance = np.random.default_rng(11)
    data = [_drawn(chance, memory=memory) for _ in range(N_DIFFERENT)]
    found = {}
    for start in range(0, len(circuits), per_job):
        names = [circuit.name for circuit in circuits[start : start + per_job]]
        found[names[0]] = Result(
            backend_name="simulated",
            backend_version="1",
            job_id=f"job of {names[0]}",
            success=True,
            status="COMPLETED",
            results=[
                _experiment(name, data[(start + offset) % N_DIFFERENT])
                for offset, name in enumerate(names)
            ],
        )
    return found


def of_circuits(made: Mapping[str, Result]) -> Callable[[list[QuantumCircuit]], Result]:
    """Return what gives the result of a job by its circuits."""
    return lambda circuits: made[circuits[0].name.partition("-")[0]]


def of_payload(
    made: Mapping[str, Result],
) -> Callable[[Blob, Mapping[str, Any]], RawResult]:
    """Return what gives the encoded result of a job by its payload; encodes all of them now."""
    encoded = {name: encode_result(result) for name, result in made.items()}
    return lambda payload, _: encoded[unpack_one(payload, 0).name]


def _drawn(chance: np.random.Generator, *, memory: bool) -> ExperimentResultData:
    counts = chance.multinomial(SHOTS, chance.dirichlet(np.ones(2**N_QUBITS)))
    told = {hex(outcome): int(count) for outcome, count in enumerate(counts) if count}
    if not memory:
        return ExperimentResultData(counts=told)
    shots = [outcome for outcome, count in told.items() for _ in range(count)]
    return ExperimentResultData(counts=told, memory=shots)


def _experiment(name: str, data: ExperimentResultData) -> ExperimentResult:
    header = {"name": name, "creg_sizes": [["meas", N_QUBITS]], "memory_slots": N_QUBITS}
    return ExperimentResult(shots=SHOTS, success=True, data=data, header=header, status="DONE")
