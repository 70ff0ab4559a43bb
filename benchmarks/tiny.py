"""Measures what one tiny job of an optimiser's loop costs, and prints a table.

    python benchmarks/tiny.py

Each round runs the same expectation values one after the other, each call waiting for the one
before, as a variational algorithm does: on Qiskit's estimator itself, and on it through
`ManagedEstimator`, on a store in a new folder. Rounds take turns, and medians are shown.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager import JobManager, ManagedEstimator

if TYPE_CHECKING:
    from qiskit.primitives import BaseEstimatorV2

ROUNDS = 7
CALLS = 100
N_QUBITS = 4

ANSATZ = efficient_su2(N_QUBITS, reps=1)
ENERGY = SparsePauliOp.from_sparse_list(
    [("ZZ", [i, i + 1], 1.0) for i in range(N_QUBITS - 1)], num_qubits=N_QUBITS
)


def loop(estimator: BaseEstimatorV2) -> dict[str, float]:
    """Make the calls, and return milliseconds a call: of the wall clock, and of all threads."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for number in range(CALLS):
        angles = [0.01 * number] * ANSATZ.num_parameters
        estimator.run([(ANSATZ, ENERGY, angles)]).result()
    spent = {"wall": time.perf_counter() - wall_s, "cpu": time.process_time() - cpu_s}
    return {what: seconds / CALLS * 1_000 for what, seconds in spent.items()}


def managed(folder: str) -> dict[str, float]:
    """Make the calls through a manager."""
    with JobManager(Path(folder) / "store.db") as manager:
        estimator = ManagedEstimator(StatevectorEstimator(), manager=manager)
        estimator.run([(ANSATZ, ENERGY, [0.0] * ANSATZ.num_parameters)]).result()  # opens the store
        return loop(estimator)


def measure() -> dict[str, Any]:
    """Return the medians of all rounds, in milliseconds a call."""
    direct, through = [], []
    for _ in range(ROUNDS):
        direct.append(loop(StatevectorEstimator()))
        with tempfile.TemporaryDirectory() as folder:
            through.append(managed(folder))
    return {
        which: {what: statistics.median(each[what] for each in rounds) for what in ("wall", "cpu")}
        for which, rounds in (("direct", direct), ("managed", through))
    }


if __name__ == "__main__":
    figures = measure()
    print(f"{ROUNDS} rounds of {CALLS} calls, {N_QUBITS} qubits, milliseconds a call")
    for which, of in figures.items():
        print(f"{which:8}  wall {of['wall']:7.2f}  cpu of this process {of['cpu']:7.2f}")
