"""Results that can be read once, fetched by a process of its own: killing others loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.model import RetryPolicy
from qiskit_job_manager.testing.ibm_service import Kind, Rule, Trouble, Way

# What a user's notebook does, in a process that can be killed.
NOTEBOOK = """
import sys
from qiskit import QuantumCircuit
from qiskit_job_manager import JobManager, Limits, RetryPolicy

circuits = []
for index in range(3):
    circuit = QuantumCircuit(5, 2, name=f"c{index}")
    circuit.x(index % 2)
    circuit.measure([0, 1], [0, 1])
    circuits.append(circuit)
manager = JobManager(sys.argv[1])
limits = Limits(submissions_per_minute=1000, pending_jobs=10)
job_set = manager.run(
    circuits, sys.argv[2], name="private", shots=40, max_experiments_per_job=1, limits=limits,
    retry=RetryPolicy(first_wait_s=0.01, longest_wait_s=0.1),
)
job_set.results(timeout=120)
"""
BACKEND = "ibm:ibm_manila?private=true&listing_lag_s=0.05"


@pytest.fixture
def notebook(account, tmp_path):
    """Start a notebook; it is killed in the end."""
    store = tmp_path / "private.db"
    process = subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK, str(store), BACKEND],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield store, process
    process.kill()
    process.wait()


def test_killing_the_process_while_private_results_are_fetched_loses_nothing(
    ibm, notebook, wait_until
):
    """The couriers stand before the service when the notebook dies, and bring the results home."""
    store, process = notebook
    slowly = Trouble(status=429, code=1202, retry_after_s=1.0)  # the client waits, and asks again
    ibm.add(Rule(kind=Kind.RESULTS, trouble=slowly, times=3))
    wait_until(lambda: ibm.books().requests[Kind.RESULTS] >= 1, within_s=60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with JobManager(store) as manager:
        results = manager.retrieve_job_set("private").results(timeout=90)
        assert results.success
        for index in range(3):
            assert sum(results.get_counts(f"c{index}").values()) == 40
    books = ibm.books()
    assert len(books.submissions) == 3
    assert all(each.private for each in books.submissions)
    assert sorted(books.handed_out) == sorted(each.job_id for each in books.submissions)


def test_a_private_result_that_broke_off_is_lost_and_said_so(ibm, account, manager):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(5, 1, name="broken")
    circuit.measure(0, 0)
    ibm.script(Kind.RESULTS, Trouble(way=Way.HALF))
    prompt = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.1)
    job_set = manager.run([circuit], BACKEND, shots=40, retry=prompt)
    results = job_set.results(timeout=60)
    assert not results.success
    assert "earlier fetch" in job_set.error_messages()
