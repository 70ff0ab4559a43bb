"""How many transactions a small job set takes."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from sqlalchemy import Engine, event

from qiskit_job_manager import JobManager, ManagedEstimator

MOST = 10


@pytest.fixture
def transactions():
    """Hold the first statement of each transaction of SQLite."""
    begun = []

    def watch(connection, _record):
        inside = False

        def see(statement):
            nonlocal inside
            word = statement.split()[0]
            if not inside and word not in ("COMMIT", "ROLLBACK", "PRAGMA"):
                begun.append(statement)
            inside = word == "BEGIN" or (inside and word not in ("COMMIT", "ROLLBACK"))

        connection.set_trace_callback(see)

    event.listen(Engine, "connect", watch)
    yield begun
    event.remove(Engine, "connect", watch)


def test_a_tiny_job_through_an_estimator_takes_few_transactions(tmp_path, transactions):
    circuit = QuantumCircuit(1)
    circuit.h(0)
    pub = (circuit, SparsePauliOp("Z"))
    with JobManager(tmp_path / "store.db") as manager:
        estimator = ManagedEstimator(StatevectorEstimator(), manager=manager)
        estimator.run([pub]).result()
        counts = []
        for _ in range(5):
            transactions.clear()
            estimator.run([pub]).result()
            counts.append(len(transactions))
    assert min(counts) <= MOST, counts
