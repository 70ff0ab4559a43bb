"""Job sets go on in any process that can open their backends, and are readable in every other."""

from __future__ import annotations

import itertools
import logging.handlers
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.providers.basic_provider import BasicSimulator

from qiskit_job_manager import JobManager, JobManagerInvalidStateError
from qiskit_job_manager import backends as backends_module
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import CredentialsError, StoreCopiedError, UnknownBackendError
from qiskit_job_manager.lifecycle import decisions
from qiskit_job_manager.manager import job_manager
from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus, RequestKind, RetryPolicy
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results import source_of
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing import Call, JobStory, Raise, Repeat, ScriptedBackend
from qiskit_job_manager.testing.store_samples import create, draft

REMOTE = Capabilities()
FINDABLE = Capabilities(findable=True)
RUNNING = JobStory((RemoteStatus(RemoteState.RUNNING),))
DONE = RemoteStatus(RemoteState.DONE)
PROMPT = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture(autouse=True)
def _asked_often(monkeypatch):
    """Have jobs asked about at once: half a second is for clouds that are far away."""
    monkeypatch.setattr(decisions, "_REMOTE_POLL_S", (0.01, 0.1))


@pytest.fixture
def clouds(monkeypatch):
    """What opens by a URI, here; an exception is raised instead."""
    known = {}

    def open_backend(uri):
        found = known.get(uri, UnknownBackendError(f"there is no backend called {uri!r}"))
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(backends_module, "open_backend", open_backend)
    return known


@pytest.fixture
def cloud(clouds):
    """Makes a backend that outlives any manager, and opens by its URI."""

    def make(uri, can=REMOTE):
        clouds[uri] = ScriptedBackend(SystemClock(), can, uri=uri)
        return clouds[uri]

    return make


@pytest.fixture
def leave(store_path, circuits):
    """Hand circuits over to a backend in a process, as it were, that ends before they do."""

    def leave(backend, name, count=3, **how):
        backend.tell(*[RUNNING] * count)
        with JobManager(store_path) as manager:
            how = {"max_experiments_per_job": 1, "retry": PROMPT} | how
            job_set = manager.run(circuits(count), backend, name=name, **how)
            wait_until(lambda: states(job_set) == {JobState.ACTIVE: count})
        return job_set.job_set_id()

    return leave


def states(job_set):
    return job_set.progress().jobs


def wait_until(condition, within_s=30.0):
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "the condition did not come true"
        time.sleep(0.002)


def finish(*backends):
    for backend in backends:
        for submission in backend.ledger.accepted:
            backend.finish(submission.remote_id, DONE)


def test_every_set_goes_on_and_nothing_is_sent_again(store_path, cloud, leave):
    near, far = cloud("near"), cloud("far")
    for backend, name in ((near, "a"), (far, "b"), (near, "c")):
        leave(backend, name)
    finish(near, far)
    with JobManager(store_path) as manager:
        resumed = manager.resume()
        assert [job_set.name() for job_set in resumed] == ["a", "b", "c"]
        assert all(job_set.results(timeout=60).success for job_set in resumed)
        assert [job_set.trouble() for job_set in resumed] == [None] * 3
        assert manager.resume() == []
    assert (len(near.ledger.accepted), len(far.ledger.accepted)) == (6, 3)


@pytest.mark.parametrize("as_list", [True, False])
def test_what_is_only_stored_is_sent_by_whoever_drives_it_next(
    store_path, clouds, cloud, circuits, as_list
):
    backend = cloud("near")
    three = circuits(3) if as_list else iter(circuits(3))
    with JobManager(store_path) as manager:
        job_set = manager.run(three, backend, max_experiments_per_job=1, drive=False)
        assert states(job_set) == {JobState.PLANNED: 3}
        assert source_of(job_set).record.complete
        assert [each.name() for each in manager.unfinished()] == [job_set.name()]
    assert backend.ledger.accepted == []
    with JobManager(store_path) as manager:
        (job_set,) = manager.resume()
        assert job_set.results(timeout=60).success
    assert len(backend.ledger.accepted) == 3


@pytest.mark.parametrize(
    ("met", "told"),
    [
        (UnknownBackendError("there is no backend called 'gone'"), "no backend called 'gone'"),
        (ModuleNotFoundError("No module named 'vendor'"), "No module named 'vendor'"),
        (CredentialsError("no account is saved"), "no account is saved"),
        (RuntimeError("the vendor's own bug"), "RuntimeError: the vendor's own bug"),
    ],
)
def test_a_set_whose_backend_cannot_be_opened_says_why_and_holds_up_no_other(
    store_path, clouds, cloud, leave, met, told
):
    gone, here = cloud("gone"), cloud("here")
    leave(gone, "first")
    leave(here, "second")
    clouds["gone"] = met
    finish(here)
    with JobManager(store_path) as manager:
        first, second = manager.resume()
        assert second.results(timeout=60).success
        assert second.trouble() is None
        assert "'first'" in first.trouble()
        assert told in first.trouble()
        assert "can be read" in first.trouble()
        with pytest.raises(JobManagerInvalidStateError, match="'first'"):
            first.wait(30)


def test_a_set_without_its_backend_is_readable_and_goes_on_once_it_is_back(
    store_path, clouds, cloud, leave
):
    backend = cloud("gone")
    set_id = leave(backend, "set")
    backend.finish(backend.ledger.accepted[0].remote_id, DONE)
    with JobManager(store_path) as manager:
        job_set = manager.retrieve_job_set(set_id)
        wait_until(lambda: states(job_set).get(JobState.DONE) == 1)
    clouds["gone"] = ModuleNotFoundError("No module named 'vendor'")
    with JobManager(store_path) as manager:
        job_set = manager.retrieve_job_set(set_id)
        assert states(job_set) == {JobState.DONE: 1, JobState.ACTIVE: 2}
        (done,) = (job for job in job_set.managed_jobs() if job.state is JobState.DONE)
        assert job_set.results_so_far().get_counts(done.start_index)
        assert "No module named 'vendor'" in job_set.trouble()
        clouds["gone"] = backend
        finish(backend)
        assert job_set.results(timeout=60).success
        assert job_set.trouble() is None


def test_a_set_that_is_known_by_no_name_says_how_to_go_on(store_path, cloud, circuits, leave):
    backend = ScriptedBackend(SystemClock(), REMOTE)
    set_id = leave(backend, "mine")
    finish(backend)
    with JobManager(store_path) as manager:
        (job_set,) = manager.resume()
        assert f"retrieve_job_set({set_id!r}, backend=...)" in job_set.trouble()
        assert manager.retrieve_job_set(set_id, backend=backend).results(timeout=60).success


def test_a_set_that_another_process_drives_is_no_trouble(store_path, clouds, cloud, leave):
    backend = cloud("near")
    leave(backend, "set")
    with JobManager(store_path) as first, JobManager(store_path) as second:
        (there,) = first.resume()
        source = source_of(there)
        wait_until(lambda: source.store.driver(source.record.key) is not None)
        del clouds["near"]
        (here,) = second.resume()
        assert here.trouble() is None
        finish(backend)
        assert here.wait(60)


def test_a_word_that_nobody_heeded_makes_a_finished_set_go_on(store_path, cloud, leave):
    backend = cloud("near")
    set_id = leave(backend, "set", count=1)
    backend.finish("job-1", RemoteStatus(RemoteState.ERROR, message="too warm"))
    with JobManager(store_path) as manager:
        manager.retrieve_job_set(set_id).wait(60)
        assert manager.resume() == []
    store = open_store(store_path)
    store.request(store.job_set(set_id).key, RequestKind.RETRY)
    store.close()
    with JobManager(store_path) as manager:
        (job_set,) = manager.resume()
        assert job_set.results(timeout=60).success


def test_an_incomplete_hand_over_is_no_set_to_resume_and_says_what_to_do(store_path):
    store = open_store(store_path)
    create(store, draft("torn"))
    store.close()
    with JobManager(store_path) as manager:
        assert manager.resume() == []
        trouble = manager.find("torn").trouble()
    assert "'torn'" in trouble
    assert "if_exists='resume'" in trouble


def test_a_copied_store_resumes_nothing_and_reads(store_path, cloud, leave, tmp_path):
    backend = cloud("near")
    leave(backend, "set")
    copy = tmp_path / "copy.db"
    shutil.copy(store_path, copy)
    with JobManager(copy) as manager:
        with pytest.raises(StoreCopiedError, match="copied or moved"):
            manager.resume()
        assert [job_set.name() for job_set in manager.unfinished()] == ["set"]


# -- credentials -----------------------------------------------------------------------------------


def test_gone_credentials_are_told_once_and_nothing_fails(manager, circuits, caplog):
    backend = ScriptedBackend(SystemClock(), FINDABLE)
    backend.script(Call.SUBMIT, *[Raise(CredentialsError("the token has expired"))] * 5)
    with caplog.at_level(logging.INFO, "qiskit_job_manager"):
        job_set = manager.run(circuits(3), backend, max_experiments_per_job=1, retry=PROMPT)
        assert job_set.results(timeout=60).success
    told = [record.message for record in caplog.records if "token has expired" in record.message]
    assert len(told) == 1
    assert any("good again" in record.message for record in caplog.records)
    assert max(backend.ledger.submissions_by_tag().values()) == 1


# -- a clock that is set back ----------------------------------------------------------------------


class SetBackClock(SystemClock):
    """A machine's clock that is set back by a day each tenth time that it is asked."""

    asked = 0

    def now(self):
        SetBackClock.asked += 1
        return datetime.now(UTC) - timedelta(days=SetBackClock.asked // 10)


def test_a_clock_that_is_set_back_stops_nothing_and_mixes_nothing_up(
    store_path, cloud, leave, circuits, monkeypatch
):
    backend = cloud("near")
    monkeypatch.setattr(job_manager, "SystemClock", SetBackClock)
    for name in "abc":
        leave(backend, name, count=5)
    finish(backend)
    with JobManager(store_path) as manager:
        resumed = manager.resume()
        assert [job_set.name() for job_set in resumed] == ["a", "b", "c"]
        for job_set in resumed:
            assert job_set.results(timeout=60).success
            for job in range(5):
                story = [event.after for event in job_set.events(job) if event.after]
                assert story[0] is JobState.SUBMITTING
                assert story[-1] is JobState.DONE
    assert SetBackClock.asked > 20
    assert len(backend.ledger.accepted) == 15


# -- duplicates ------------------------------------------------------------------------------------


class Doubling(ScriptedBackend):
    """Accepts the first submission twice, as behind a gateway that repeats requests by itself."""

    def __init__(self, *args):
        super().__init__(*args)
        self._calls = itertools.count()

    def submit(self, payload, options, tag, labels=()):
        if next(self._calls):
            return super().submit(payload, options, tag, labels)
        super().submit(payload, options, tag, labels)
        super().submit(payload, options, tag, labels)
        raise ConnectionResetError("the answer was lost")


@pytest.fixture
def warned():
    """All warnings, also those that another thread gives before the test itself has begun."""
    handler = logging.handlers.BufferingHandler(1000)
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("qiskit_job_manager")
    logger.addHandler(handler)
    yield handler.buffer
    logger.removeHandler(handler)


@pytest.fixture
def doubled(warned, manager, circuits):
    """A set of three jobs, of which the backend has one twice; all are still running."""
    backend = Doubling(SystemClock(), FINDABLE)
    backend.tell(*[RUNNING] * 4)
    job_set = manager.run(circuits(3), backend, max_experiments_per_job=1, retry=PROMPT)
    wait_until(lambda: states(job_set) == {JobState.ACTIVE: 3})
    return backend, job_set


def test_a_job_that_was_accepted_twice_is_told_of_and_the_second_one_cancelled(doubled, warned):
    backend, job_set = doubled
    tags = [submission.tag for submission in backend.ledger.accepted]
    (twice,) = {tag for tag in tags if tags.count(tag) == 2}
    oldest, duplicate = (s.remote_id for s in backend.ledger.accepted if s.tag == twice)
    assert oldest in [job.job_id() for job in job_set.managed_jobs()]

    def warnings():
        told = [record.getMessage() for record in warned]
        return [message for message in told if "the backend has it 2 times" in message]

    wait_until(warnings)
    (warning,) = warnings()
    assert duplicate in warning
    assert job_set.cancel_duplicates() == [duplicate]
    assert backend.ledger.cancelled == [duplicate]
    assert job_set.cancel_duplicates() == []
    finish(backend)
    assert job_set.results(timeout=60).success


def test_duplicates_that_ended_are_left_alone(doubled):
    backend, job_set = doubled
    finish(backend)
    assert job_set.results(timeout=60).success
    assert job_set.cancel_duplicates() == []
    assert backend.ledger.cancelled == []


def test_a_backend_that_cannot_be_searched_has_no_duplicates_to_find(manager, circuits):
    job_set = manager.run(circuits(1), ScriptedBackend(SystemClock(), REMOTE))
    with pytest.raises(JobManagerInvalidStateError, match="cannot look for jobs"):
        job_set.cancel_duplicates()


# -- jobs that only their dead process could ask about ---------------------------------------------


class Unretrievable(BackendV2):
    """A provider's backend that nobody has seen, without ``retrieve_job``; its jobs never end."""

    class Job(JobV1):
        def submit(self):
            raise AssertionError("the backend submits")

        def result(self):
            raise AssertionError("it is not done")

        def status(self):
            return JobStatus.RUNNING

    def __init__(self):
        super().__init__(name="unretrievable")
        self.runs = 0

    @classmethod
    def _default_options(cls):
        return Options(shots=100)

    @property
    def target(self):
        return BasicSimulator().target

    @property
    def max_circuits(self):
        return None

    def run(self, run_input, **options):
        self.runs += 1
        return self.Job(self, f"job-{self.runs}")


def test_a_running_job_that_nobody_can_ask_about_after_a_crash_is_in_doubt_and_not_sent_again(
    store_path, circuits
):
    backend = Unretrievable()
    with JobManager(store_path) as manager:
        job_set = manager.run(circuits(2), backend, name="far", max_experiments_per_job=1)
        wait_until(lambda: states(job_set) == {JobState.ACTIVE: 2})
    with JobManager(store_path) as manager:
        job_set = manager.retrieve_job_set("far", backend=backend)
        assert job_set.wait(60)
        assert states(job_set) == {JobState.IN_DOUBT: 2}
        assert job_set.progress().needs_user == 2
        assert any("only the process that sent" in (e.cause or "") for e in job_set.events(0))
        assert backend.runs == 2
        job_set.resubmit([0])
        job_set.abandon([1])
        wait_until(lambda: states(job_set) == {JobState.ACTIVE: 1, JobState.CANCELLED: 1})
    assert backend.runs == 3


# -- jobs that a client posted twice ---------------------------------------------------------------


def test_results_do_not_wait_for_the_search_for_twins_which_the_next_process_makes(
    store_path, circuits
):
    can = Capabilities(findable=True, may_duplicate=True, listing_lag_s=1.0)
    backend = ScriptedBackend(SystemClock(), can)
    backend.script(Call.SUBMIT, Repeat())
    with JobManager(store_path) as manager:
        job_set = manager.run(circuits(2), backend, name="twice", max_experiments_per_job=1)
        assert job_set.results(timeout=60).success
        assert backend.ledger.count(Call.FIND_DUPLICATES) == 0
        assert [each.name() for each in manager.unfinished()] == ["twice"]
    with JobManager(store_path) as manager:
        job_set = manager.retrieve_job_set("twice", backend=backend)
        assert job_set.wait_for_search(20)
        assert manager.unfinished() == []
    assert backend.ledger.count(Call.CANCEL) == 1
