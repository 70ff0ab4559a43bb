"""Real processes extend one job set: killed at the boundaries, and several at once.

The cloud's own ledger says whether something was sent twice.
"""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.testing.cloud_service import CloudAdapter, CloudService
from qiskit_job_manager.testing.samples import expected_counts

HARNESS = Path(__file__).parents[1] / "harness"
SCRIPT = textwrap.dedent(
    """
    import os, signal, sys
    from qiskit import QuantumCircuit
    from qiskit_job_manager import JobManager, RetryPolicy
    from qiskit_job_manager.manager import pacing
    from qiskit_job_manager.stores.sql_store import SqlStore
    from qiskit_job_manager.testing.cloud_service import CloudAdapter

    harness, store, address, first, last, form, when, calls = sys.argv[1:]
    sys.path.insert(0, harness)
    from rig.driver import hurry
    hurry()
    pacing._BLOCKS_AT_ONCE = 1  # each job is a transaction of its own

    def circuits():
        for i in range(int(first), int(last)):
            circuit = QuantumCircuit(6, 6, name=f"c{i}")
            for qubit in range(6):
                if i >> qubit & 1:
                    circuit.x(qubit)
            circuit.measure(range(6), range(6))
            yield circuit

    extend, left = SqlStore.extend_job_set, int(calls)

    def dying(self, key, blocks, at):
        global left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        landed = extend(self, key, blocks, at)
        if left == 0 and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return landed

    SqlStore.extend_job_set = dying
    with JobManager(store) as manager:
        job_set = manager.run(
            list(circuits()) if form == "list" else circuits(),
            CloudAdapter(address), name="sweep", max_experiments_per_job=1, shots=50,
            if_exists="extend", retry=RetryPolicy(first_wait_s=0.01, longest_wait_s=0.1),
        )
        print("handed over", flush=True)
        assert job_set.results(timeout=100).success
        print("read all", flush=True)
    """
)


@pytest.fixture
def cloud(tmp_path):
    with CloudService(ledger=tmp_path / "ledger.jsonl") as cloud:
        yield cloud


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def store(request, tmp_path):
    if request.param == "sqlite":
        return tmp_path / "store.db"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def start(start_script, cloud, store):
    def start(first, last, form="list", when="never", calls=0):
        where = (HARNESS, store, cloud.address)
        return start_script(SCRIPT, *where, first, last, form, when, calls)

    return start


def ended(process):
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out.split("\n")[-2:]) == (0, ["read all", ""]), err


def assert_all_are_there_once(store, cloud, count):
    with JobManager(store) as manager:
        job_set = manager.retrieve_job_set("sweep", backend=CloudAdapter(cloud.address))
        results = job_set.results(timeout=100)
        assert results.success
        assert sorted(int(each.name[1:]) for each in job_set) == list(range(count))
        for index in range(count):
            assert results.data(f"c{index}")["counts"] == expected_counts(f"c{index}", 6, 50)
    paid = cloud.books().submissions_by_payload()
    assert len(paid) == count
    assert set(paid.values()) == {1}


@pytest.mark.parametrize(
    ("form", "when", "calls"),
    [
        ("list", "before", 1),
        ("generator", "after", 1),
        ("generator", "before", 4),
    ],
)
def test_an_extension_that_is_killed_is_completed_by_the_same_script(
    start, store, cloud, form, when, calls
):
    ended(start(0, 4, form))
    killed = start(0, 12, form, when, calls)
    killed.communicate(timeout=100)
    assert killed.returncode == -signal.SIGKILL
    with JobManager(store) as manager:
        (job_set,) = manager.job_sets(name="sweep")
        added = job_set.n_experiments - 4
        assert added == (calls if when == "after" else calls - 1)
        assert job_set.progress().complete
    ended(start(0, 12, form))
    assert_all_are_there_once(store, cloud, 12)


def test_what_was_added_before_a_kill_is_sent_by_any_process_that_opens_the_set(
    start, store, cloud
):
    ended(start(0, 2))
    killed = start(0, 6, "list", "after", 4)
    killed.communicate(timeout=100)
    assert killed.returncode == -signal.SIGKILL
    assert_all_are_there_once(store, cloud, 6)


def test_processes_that_extend_one_set_at_once_run_each_circuit_once(start, store, cloud):
    ended(start(0, 4))
    several = [start(0, 16), start(8, 24, "generator"), start(2, 20), start(4, 24)]
    for process in several:
        ended(process)
    assert_all_are_there_once(store, cloud, 24)


def test_processes_that_begin_and_extend_a_set_at_once_run_each_circuit_once(start, store, cloud):
    several = [start(0, 6), start(0, 10, "generator"), start(0, 8)]
    for process in several:
        ended(process)
    assert_all_are_there_once(store, cloud, 10)
