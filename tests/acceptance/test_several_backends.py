"""Real processes place circuits on several clouds: killed at the boundaries, and several at once.

The clouds' own ledgers say whether something was sent twice.
"""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.testing.cloud_service import CloudAdapter, CloudService, Outage
from qiskit_job_manager.testing.samples import expected_counts

HARNESS = Path(__file__).parents[1] / "harness"
SCRIPT = textwrap.dedent(
    """
    import os, signal, sys
    from qiskit import QuantumCircuit
    from qiskit_job_manager import JobManager, RetryPolicy
    from qiskit_job_manager.manager import backlog
    from qiskit_job_manager.stores.groups import Groups
    from qiskit_job_manager.testing.cloud_service import CloudAdapter

    harness, store, one, other, place, form, act, when, calls = sys.argv[1:]
    sys.path.insert(0, harness)
    from rig.driver import hurry
    hurry()
    backlog._DOWN_AFTER_S = 0.3

    def circuits():
        for i in range(24):
            circuit = QuantumCircuit(6, 6, name=f"c{i}")
            for qubit in range(6):
                if i >> qubit & 1:
                    circuit.x(qubit)
            circuit.measure(range(6), range(6))
            yield circuit

    left = int(calls)

    def dies(name):
        original = getattr(Groups, name)

        def dying(self, *arguments):
            global left
            left -= 1
            if left == 0 and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            found = original(self, *arguments)
            if left == 0 and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        setattr(Groups, name, dying)

    if act != "none":
        dies(act)
    with JobManager(store) as manager:
        group = manager.run(
            list(circuits()) if form == "list" else circuits(),
            [CloudAdapter(one), CloudAdapter(other)], name="sweep", place=place,
            max_experiments_per_job=2, shots=50, if_exists="resume",
            retry=RetryPolicy(first_wait_s=0.01, longest_wait_s=0.1),
        )
        assert group.results(timeout=100).success
        print("read all", flush=True)
    """
)


@pytest.fixture
def clouds(tmp_path):
    with (
        CloudService(ledger=tmp_path / "one.jsonl") as one,
        CloudService(ledger=tmp_path / "other.jsonl") as other,
    ):
        yield one, other


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def store(request, tmp_path):
    if request.param == "sqlite":
        return tmp_path / "store.db"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def start(start_script, clouds, store):
    def start(place, form="list", act="none", when="never", calls=0):
        where = (HARNESS, store, *(each.address for each in clouds))
        return start_script(SCRIPT, *where, place, form, act, when, calls)

    return start


def ended(process):
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out.split("\n")[-2:]) == (0, ["read all", ""]), err


def killed(process):
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err


def assert_all_are_there_once(store, clouds, *, times=1):
    with JobManager(store) as manager:
        results = manager.find_group("sweep").results_so_far()
        assert results.success
        assert len(results) == 24
        for index in range(24):
            expected = expected_counts(f"c{index}", 6, 50)
            found = {
                label: results.data(index, backend=label)["counts"]
                for label in results.backends_of(index)
            }
            assert list(found.values()) == [expected] * times
    for cloud in clouds:
        assert set(cloud.books().submissions_by_payload().values()) <= {1}
    sent = [e for c in clouds for e in c.books().submissions_by_payload()]
    assert len(set(sent)) * 2 >= 24


@pytest.mark.parametrize(
    ("place", "form", "act", "when", "calls"),
    [
        ("queue", "generator", "begin", "before", 1),
        ("all", "list", "begin", "after", 1),
        ("all", "list", "place", "before", 1),
        ("queue", "generator", "place", "after", 1),
        ("queue", "generator", "place", "before", 3),
        ("all", "list", "place", "after", 3),
        ("all", "list", "complete", "before", 1),
        ("queue", "generator", "complete", "after", 1),
    ],
)
def test_a_hand_over_that_is_killed_is_completed_by_the_same_script(
    start, store, clouds, place, form, act, when, calls
):
    killed(start(place, form, act, when, calls))
    ended(start(place, form))
    assert_all_are_there_once(store, clouds, times=2 if place == "all" else 1)


@pytest.mark.parametrize(("calls", "when"), [(1, "after"), (2, "before")])
def test_a_move_that_is_killed_is_completed_by_the_same_script(start, store, clouds, calls, when):
    clouds[0].begin_outage(Outage.REFUSED)
    killed(start("spread", "list", "move", when, calls))
    clouds[0].end_outage()  # a job that was being sent is in doubt, and stays with its backend
    ended(start("spread"))
    assert_all_are_there_once(store, clouds)


@pytest.mark.parametrize("place", ["queue", "spread", "all"])
def test_processes_that_run_one_script_at_once_run_each_circuit_once(start, store, clouds, place):
    several = [start(place), start(place, "generator"), start(place)]
    for process in several:
        ended(process)
    assert_all_are_there_once(store, clouds, times=2 if place == "all" else 1)


def test_processes_that_move_the_same_circuits_at_once_move_each_once(start, store, clouds):
    clouds[1].begin_outage(Outage.REFUSED)
    several = [start("spread"), start("spread", "generator"), start("spread")]
    for process in several:
        ended(process)
    assert_all_are_there_once(store, clouds)


def test_each_job_set_of_a_group_goes_on_in_any_process(start, store, clouds):
    killed(start("spread", "list", "complete", "after", 1))
    with JobManager(store) as manager:
        for cloud, label in zip(clouds, ("cloud", "cloud-2"), strict=True):
            job_set = manager.retrieve_job_set(f"sweep/{label}", CloudAdapter(cloud.address))
            assert job_set.wait(timeout=60)
    assert_all_are_there_once(store, clouds)
