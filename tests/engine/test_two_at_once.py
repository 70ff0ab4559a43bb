"""Two callers meet at one job set: hand-overs, drivers, listeners and backends of real managers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pytest

from qiskit_job_manager import JobManager, NameInUseError
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import StoreBusyError, StoreError, SubmissionRefusedError
from qiskit_job_manager.lifecycle import decisions
from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results import source_of
from qiskit_job_manager.stores.sql_store import SqlStore
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.cloud_service import Books, CloudProcess, Deed, Faults
from qiskit_job_manager.testing.scripts import Call, Hang, JobStory, Raise

DEADLINE_S = 60.0
RUNS_ON = JobStory((RemoteStatus(RemoteState.RUNNING),))


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setattr(decisions, "_REMOTE_POLL_S", (0.01, 0.02))


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def open_manager(store_path):
    managers = []

    def open_one():
        managers.append(JobManager(store_path))
        return managers[-1]

    yield open_one
    for manager in managers:
        manager.close()


@pytest.fixture
def backend():
    return ScriptedBackend(SystemClock(), Capabilities())


def wait_until(condition, within_s=DEADLINE_S):
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, "it did not come about"
        time.sleep(0.01)


def at_once(*calls):
    """Make calls in threads that begin together; return what they returned or raised."""
    gate, found = threading.Barrier(len(calls)), [None] * len(calls)

    def make(place, call):
        gate.wait()
        try:
            found[place] = call()
        except Exception as error:  # noqa: BLE001  # for the test to judge
            found[place] = error

    threads = [threading.Thread(target=make, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    return found


def sent_once(backend, jobs):
    sent = Counter(backend.ledger.submissions_by_tag())
    return len(sent) == jobs and set(sent.values()) == {1}


# -- one script, several callers -------------------------------------------------------------------


@pytest.mark.parametrize("managers", [1, 3])
def test_each_caller_of_one_script_gets_the_whole_set(open_manager, backend, circuits, managers):
    opened = [open_manager() for _ in range(managers)]
    for number in range(4):

        def call(manager, name=f"sweep-{number}"):
            job_set = manager.run(iter(circuits(4)), backend, name, 1, if_exists="resume")
            return job_set.results(timeout=DEADLINE_S).success

        calls = [lambda manager=opened[i % managers]: call(manager) for i in range(6)]
        assert at_once(*calls) == [True] * 6
    assert sent_once(backend, 16)


def test_without_resume_one_caller_runs_and_the_others_hear_that_the_name_is_taken(
    open_manager, backend, circuits
):
    managers = [open_manager() for _ in range(3)]
    calls = [lambda m=m: m.run(circuits(2), backend, "sweep", 1) for m in managers]
    found = at_once(*calls)
    refused = [each for each in found if isinstance(each, Exception)]
    assert [type(each) for each in refused] == [NameInUseError] * 2
    (job_set,) = (each for each in found if not isinstance(each, Exception))
    assert job_set.results(timeout=DEADLINE_S).success
    assert sent_once(backend, 2)


PROGRAM = textwrap.dedent(
    """
    import sys, time
    from qiskit import QuantumCircuit
    from qiskit_job_manager import JobManager

    def circuits():
        for i in range(8):
            circuit = QuantumCircuit(1, 1, name=f"c{i}")
            circuit.measure(0, 0)
            yield circuit

    store, address, start = sys.argv[1], sys.argv[2], float(sys.argv[3])
    with JobManager(store) as manager:
        time.sleep(max(0.0, start - time.time()))
        uri = f"cloud:http://{address}?variant=findable"
        job_set = manager.run(circuits(), uri, "sweep", 1, if_exists="resume")
        assert job_set.results(timeout=90).success and job_set.n_experiments == 8
    """
)


def test_three_processes_that_start_one_script_run_each_job_once(tmp_path, store_path):
    JobManager(store_path).close()
    with CloudProcess(tmp_path / "ledger", Faults()) as cloud:
        where = [str(store_path), cloud.address, str(time.time() + 6)]
        command = [sys.executable, "-c", PROGRAM, *where]
        started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
        errors = [each.communicate(timeout=120)[1] for each in started]
    assert [each.returncode for each in started] == [0, 0, 0], errors
    accepted = Books.read(tmp_path / "ledger").of(Deed.ACCEPTED)
    assert len(accepted) == 8


def test_a_hand_over_waits_for_another_and_goes_on_where_that_one_was_cut_off(
    open_manager, backend, circuits
):
    first, second = open_manager(), open_manager()
    reached, fail = threading.Event(), threading.Event()

    def broken():
        yield from circuits(2)
        reached.set()
        assert fail.wait(DEADLINE_S)
        raise RuntimeError("disk hiccup")

    def hand_over():
        with pytest.raises(RuntimeError, match="hiccup"):
            first.run(broken(), backend, "sweep", 1)
        first.close()

    thread = threading.Thread(target=hand_over)
    thread.start()
    assert reached.wait(DEADLINE_S)
    threading.Timer(0.3, fail.set).start()
    job_set = second.run(circuits(5), backend, "sweep", 1, if_exists="resume")
    thread.join(DEADLINE_S)
    assert job_set.results(timeout=DEADLINE_S).success
    assert job_set.n_experiments == 5
    assert sent_once(backend, 5)


def test_a_hand_over_that_lost_its_lease_says_so_and_deletes_nothing(
    open_manager, backend, circuits, store_path
):
    manager, other = open_manager(), open_manager()
    stolen = threading.Event()

    def lazy():
        yield from circuits(2)
        assert stolen.wait(DEADLINE_S)
        yield from circuits(4)[2:]

    def steal():
        wait_until(lambda: other.job_sets("sweep") and other.find("sweep").n_experiments)
        theirs = source_of(other.find("sweep"))
        # Its locks are free then, as when its lease has run out.
        source_of(manager.find("sweep")).store.close()
        assert theirs.store.claim(theirs.record.key, "thief") is not None
        stolen.set()

    thread = threading.Thread(target=steal)
    thread.start()
    with pytest.raises(StoreError):
        manager.run(lazy(), backend, "sweep", 1, drive=False)
    thread.join(DEADLINE_S)
    assert other.find("sweep").n_experiments == 1


# -- again in one process --------------------------------------------------------------------------


def test_a_resumed_hand_over_keeps_the_answers_that_are_under_way(open_manager, backend, circuits):
    """The jobs whose submission is under way meanwhile are neither in doubt nor sent again."""
    manager = open_manager()
    held = [Hang(done_first=True) for _ in range(4)]
    backend.script(Call.SUBMIT, *held)

    def broken():
        yield from circuits(4)
        assert held[0].reached.wait(DEADLINE_S)
        raise RuntimeError("disk hiccup")

    with pytest.raises(RuntimeError, match="hiccup"):
        manager.run(broken(), backend, "sweep", 1)
    job_set = manager.run(circuits(6), backend, "sweep", 1, if_exists="resume")
    for each in held:
        each.release()
    assert job_set.results(timeout=DEADLINE_S).success
    assert sent_once(backend, 6)
    assert JobState.IN_DOUBT not in {event.after for event in job_set.events()}


@pytest.mark.parametrize("number", range(8))
def test_what_a_listener_asks_of_its_own_set_is_done(open_manager, backend, circuits, number):
    manager, asked, box = open_manager(), threading.Event(), {}
    ready = threading.Event()
    backend.tell(JobStory.ending(RemoteState.ERROR, "the fridge is warm"))

    def retry(event):
        if event.after is JobState.FAILED and not asked.is_set():
            assert ready.wait(DEADLINE_S)
            box["set"].retry()
            asked.set()

    manager.on_event(retry)
    box["set"] = manager.run(circuits(1), backend, "sweep")
    ready.set()
    assert asked.wait(DEADLINE_S)
    wait_until(lambda: box["set"].progress().success)  # nobody waits for the set meanwhile


def test_a_backend_that_is_given_replaces_the_one_in_use(open_manager, circuits):
    """New submissions go to it; jobs that the old one has are still read from that."""
    old = ScriptedBackend(SystemClock(), Capabilities())
    new = ScriptedBackend(SystemClock(), Capabilities())
    old.script(Call.SUBMIT, Raise(SubmissionRefusedError("the session is closed")))
    old.tell(RUNS_ON)
    manager = open_manager()
    job_set = manager.run(circuits(2), old, "sweep", 1)
    wait_until(lambda: set(job_set.progress().jobs) == {JobState.FAILED, JobState.ACTIVE})
    again = manager.retrieve_job_set("sweep", backend=new)
    again.retry()
    wait_until(lambda: again.progress().jobs.get(JobState.DONE) == 1)
    assert len(old.ledger.accepted) == len(new.ledger.accepted) == 1
    job_set.cancel()
    job_set.wait(timeout=DEADLINE_S)
    assert old.ledger.count(Call.CANCEL) == 1


def test_a_backend_that_is_given_after_a_request_moves_the_set(open_manager, backend, circuits):
    first = open_manager()
    backend.tell(JobStory.ending(RemoteState.ERROR, "the fridge is warm"))
    assert not first.run(circuits(1), backend, "sweep").results(timeout=DEADLINE_S).success
    first.close()
    manager = open_manager()
    manager.find("sweep").retry()
    job_set = manager.retrieve_job_set("sweep", backend=backend)
    wait_until(lambda: job_set.progress().success)


# -- giving back -----------------------------------------------------------------------------------


def test_a_release_that_fails_is_made_again(open_manager, backend, circuits, monkeypatch):
    manager, other = open_manager(), open_manager()
    release, failures = SqlStore.release, [StoreBusyError("locked")] * 3

    def failing(store, token):
        if failures:
            raise failures.pop()
        release(store, token)

    monkeypatch.setattr(SqlStore, "release", failing)
    assert manager.run(circuits(1), backend, "sweep").results(timeout=DEADLINE_S).success
    theirs = source_of(other.find("sweep"))
    wait_until(lambda: theirs.store.driver(theirs.record.key) is None)
    assert not failures


def test_close_closes_although_nothing_can_be_released(store_path, backend, circuits, monkeypatch):
    def failing(store, token):
        raise StoreBusyError("locked")

    backend.tell(RUNS_ON)
    manager = JobManager(store_path)
    with monkeypatch.context() as patched:
        patched.setattr(SqlStore, "release", failing)
        job_set = manager.run(circuits(1), backend, "sweep")
        wait_until(lambda: JobState.ACTIVE in job_set.progress().jobs)
        manager.close()
    with JobManager(store_path) as other:
        theirs = source_of(other.find("sweep"))
        assert theirs.store.claim(theirs.record.key, "other") is not None


def test_listeners_may_end_themselves_while_the_manager_closes(store_path, backend, circuits):
    for _ in range(5):
        manager, gate, stops = JobManager(store_path), threading.Event(), []

        def listen(event, place, stops=stops, gate=gate):
            assert gate.wait(DEADLINE_S)
            stops[place]()

        for place in range(3):
            stops.append(manager.on_event(lambda event, place=place: listen(event, place)))
        manager.run(circuits(1), backend).wait(timeout=DEADLINE_S)
        threading.Timer(0.05, gate.set).start()
        manager.close()
