"""What a job set may cost is kept to, and what it did cost is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.engine import duplicate_submissions
from qiskit_job_manager.errors import InvalidArgumentError, ManagedResultDataNotAvailable
from qiskit_job_manager.job_set.status import held_jobs
from qiskit_job_manager.model import JobState, RemoteFigures, Totals
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing import Call, Repeat, ScriptedBackend


@pytest.fixture
def costly():
    """A backend on which each circuit is estimated to use two quantum seconds."""
    return ScriptedBackend(SystemClock(), Capabilities(volatile=True), usage_s=2.0)


def test_a_set_stops_sending_at_its_limit_and_goes_on_when_more_is_allowed(
    manager, circuits, costly
):
    job_set = manager.run(circuits(5), costly, max_experiments_per_job=1, max_usage_s=5)
    results = job_set.results(timeout=60)
    assert not results.success
    assert (job_set.progress().held, job_set.usage().estimated_s) == (3, 4.0)
    assert "3 jobs held" in job_set.report()
    assert "0.0 measured, and 4.0 estimated" in job_set.report()
    assert results.get_counts("c1")
    with pytest.raises(ManagedResultDataNotAvailable):
        results.get_counts("c4")
    assert len(costly.ledger.accepted) == 2
    job_set.allow_usage(None)
    assert job_set.results(timeout=60).success
    assert len(costly.ledger.accepted) == 5


def test_a_look_while_a_job_is_being_sent_takes_no_job_for_held(manager, circuits, costly):
    job_set = manager.run(circuits(3), costly, max_experiments_per_job=1, max_usage_s=3.0)
    assert job_set.wait(60)
    record, store = source_of(job_set).record, source_of(job_set).store
    before = Totals({JobState.PLANNED: 3}, {JobState.PLANNED: 3})
    assert held_jobs(store, record, before) == 0
    assert held_jobs(store, record, store.totals(record.key)) == 2


def test_the_limit_holds_in_the_next_process(store_path, circuits, costly):
    with JobManager(store_path) as manager:
        job_set = manager.run(circuits(3), costly, max_experiments_per_job=1, max_usage_s=2.0)
        assert job_set.wait(60)
    with JobManager(store_path) as manager:
        job_set = manager.retrieve_job_set(job_set.job_set_id(), backend=costly)
        assert job_set.wait(60)
        assert job_set.progress().held == 2
    assert len(costly.ledger.accepted) == 1


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_limit_that_is_none_is_refused_before_anything_is_stored(
    manager, circuits, costly, wrong
):
    with pytest.raises(InvalidArgumentError, match="max_usage_s"):
        manager.run(circuits(1), costly, max_usage_s=wrong)
    assert manager.job_sets() == []


def test_what_the_backend_measured_is_told_job_by_job(manager, circuits, costly):
    figures = RemoteFigures(usage_s=1.25, session_id="batch-7")
    fetch = costly.fetch
    costly.fetch = lambda remote_id: replace(fetch(remote_id), figures=figures)
    job_set = manager.run(circuits(2), costly, max_experiments_per_job=1)
    assert job_set.results(timeout=60).success
    assert [job.figures for job in job_set.managed_jobs()] == [figures] * 2
    assert (job_set.usage().measured_s, job_set.usage().estimated_s) == (2.5, 0.0)


def test_duplicates_that_are_known_count_once_each(store_path, circuits):
    can = Capabilities(findable=True, may_duplicate=True)
    backend = ScriptedBackend(SystemClock(), can, usage_s=2.0)
    backend.script(Call.SUBMIT, Repeat())
    with JobManager(store_path) as manager:
        job_set = manager.run(circuits(2), backend, name="twice", max_experiments_per_job=1)
        assert job_set.wait(30)
        assert job_set.wait_for_search(30)
        assert job_set.usage().estimated_s == 6.0
        # As if the next driver found the same duplicate.
        store, record = source_of(job_set).store, source_of(job_set).record
        [(_, event)] = store.duplicates(record.key, limit=9)
        text = (event.cause or "").replace("asked to be cancelled", "gone")
        store.record_late_acceptance(record.key, event.at, event.job_index or 0, text)
        assert job_set.usage().estimated_s == 6.0


def test_duplicates_that_are_known_count_for_the_limit(manager, circuits, wait_until, monkeypatch):
    monkeypatch.setattr(duplicate_submissions, "_PAUSE_S", 0.1)
    can = Capabilities(findable=True, may_duplicate=True)
    backend = ScriptedBackend(SystemClock(), can, usage_s=2.0)
    backend.script(Call.SUBMIT, Repeat())
    job_set = manager.run(circuits(2), backend, max_experiments_per_job=1, max_usage_s=2.0)
    assert job_set.wait(30)
    store, record = source_of(job_set).store, source_of(job_set).record
    wait_until(lambda: store.duplicates(record.key, limit=9))
    job_set.allow_usage(5.0)
    assert job_set.wait(30)
    assert (job_set.progress().held, job_set.usage().total_s) == (1, 4.0)
    job_set.allow_usage(6.0)
    assert job_set.results(timeout=30).success


@pytest.mark.parametrize(
    ("remote_id", "more_s"),
    [("job-of-a-stale-driver", 2.0), (None, 0.0)],
    ids=["a duplicate", "the one that was found"],
)
def test_a_job_that_was_accepted_late_counts_unless_it_was_adopted(
    manager, circuits, costly, remote_id, more_s
):
    job_set = manager.run(circuits(1), costly)
    assert job_set.wait(30)
    store, record = source_of(job_set).store, source_of(job_set).record
    [attempt] = store.attempts(store.jobs(record.key)[0].key)
    text = f"accepted as {remote_id or attempt.remote_id}, too late to be recorded; cancelled"
    for _ in range(2):
        store.record_late_acceptance(record.key, SystemClock().now(), 0, text)
    assert job_set.usage().estimated_s == 2.0 + more_s
