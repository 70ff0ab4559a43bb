"""How often the store is asked for a small job set."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager import JobManager, ManagedEstimator
from qiskit_job_manager.stores.database import Database

MOST = 24


@pytest.fixture
def count_transactions(monkeypatch):
    counted = []

    def counting(name):
        call = getattr(Database, name)

        def counted_call(self, *arguments, **options):
            counted.append(name)
            return call(self, *arguments, **options)

        monkeypatch.setattr(Database, name, counted_call)

    for name in ("read", "write", "quick"):
        counting(name)
    return counted


def test_a_tiny_job_through_an_estimator_takes_few_transactions(tmp_path, count_transactions):
    circuit = QuantumCircuit(1)
    circuit.h(0)
    pub = (circuit, SparsePauliOp("Z"))
    with JobManager(tmp_path / "store.db") as manager:
        estimator = ManagedEstimator(StatevectorEstimator(), manager=manager)
        estimator.run([pub]).result()
        counts = []
        for _ in range(5):
            count_transactions.clear()
            estimator.run([pub]).result()
            counts.append(len(count_transactions))
    assert min(counts) <= MOST, counts
