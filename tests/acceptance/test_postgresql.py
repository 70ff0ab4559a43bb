"""The same promises on a shared PostgreSQL, through all layers."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager

pytestmark = pytest.mark.service


def counting(i):
    circuit = QuantumCircuit(5, 5, name=f"c{i}")
    for qubit in range(5):
        if i >> qubit & 1:
            circuit.x(qubit)
    circuit.measure(range(5), range(5))
    return circuit


def test_circuits_run_and_are_read_by_another_manager(postgresql_url):
    with JobManager(postgresql_url) as first:
        job_set = first.run(
            (counting(i) for i in range(30)),
            "aer",
            name="shared",
            max_experiments_per_job=4,
            shots=10,
            if_exists="resume",
        )
        assert job_set.results(timeout=60).success
    with JobManager(postgresql_url) as second:
        results = second.retrieve_job_set("shared").results(timeout=0)
        assert [results.get_counts(f"c{i}") for i in range(30)] == [
            {f"{i:05b}": 10} for i in range(30)
        ]
        assert "Jobs done             8\n" in second.find("shared").report()


def test_what_a_closed_manager_left_is_finished_by_another(postgresql_url):
    with JobManager(postgresql_url) as first:
        first.run([counting(i) for i in range(30)], "aer", name="left", max_experiments_per_job=1)
    with JobManager(postgresql_url) as second:
        assert second.retrieve_job_set("left").results(timeout=60).success
