"""Listeners are told what is in the store, and can do no harm."""

from __future__ import annotations

import logging
import threading

import pytest

from qiskit_job_manager import InvalidArgumentError, JobEvent, JobManager
from qiskit_job_manager.engine import listeners as parts
from qiskit_job_manager.engine.listeners import Listeners
from qiskit_job_manager.model import Advance, JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing.scripts import Call, LoseAnswer

FACTS = ("job_index", "attempt", "event", "before", "after", "cause", "at")


def facts(event):
    return tuple(getattr(event, name) for name in FACTS)


def test_a_listener_hears_the_story_that_is_in_the_store(store_path, backend, circuits):
    heard: list[JobEvent] = []
    with JobManager(store_path) as manager:
        manager.on_event(heard.append)
        job_set = manager.run(circuits(5), backend, name="told", max_experiments_per_job=2)
        assert job_set.wait(60)
        stored = [facts(event) for event in job_set.events() if event.job_index is not None]
    # Closing tells what was waiting.
    assert [facts(event) for event in heard] == stored
    assert {(event.job_set_id, event.name, event.missed) for event in heard} == {
        (job_set.job_set_id(), "told", 0)
    }


def test_what_is_told_is_in_the_store_already(manager, backend, circuits, store_path):
    late = []
    with JobManager(store_path) as reader:

        def listen(event):
            found = reader.find(event.job_set_id).events(event.job_index)
            if facts(event) not in [facts(each) for each in found]:
                late.append(event)

        manager.on_event(listen)
        assert manager.run(circuits(3), backend, max_experiments_per_job=1).wait(60)
        manager.close()
    assert late == []


def test_doubt_is_told_with_its_cause(manager, remote, circuits):
    told = threading.Event()
    heard = []

    def listen(event):
        heard.append(event)
        if event.after is JobState.IN_DOUBT:
            told.set()

    manager.on_event(listen)
    remote.script(Call.SUBMIT, LoseAnswer())
    manager.run(circuits(1), remote)
    assert told.wait(60)
    assert (heard[-1].before, heard[-1].cause) == (JobState.SUBMITTING, "connection reset")


def test_a_listener_that_raises_is_logged_and_goes_on(manager, backend, circuits, caplog):
    heard = []

    def listen(event):
        heard.append(event)
        raise RuntimeError("not my day")

    with caplog.at_level(logging.ERROR, "qiskit_job_manager"):
        manager.on_event(listen)
        assert manager.run(circuits(1), backend).results(60).success
        manager.close()
    assert len(heard) > 1
    assert [record.event for record in caplog.records] == ["listener failed"] * len(heard)


def test_one_that_stands_still_holds_up_neither_the_jobs_nor_the_others(manager, backend, circuits):
    gate, heard = threading.Event(), []
    manager.on_event(lambda _: gate.wait())
    manager.on_event(heard.append)
    try:
        job_set = manager.run(circuits(3), backend, max_experiments_per_job=1)
        assert job_set.results(60).success
    finally:
        gate.set()
    manager.close()
    assert sum(event.after is JobState.DONE for event in heard) == 3


def test_whoever_unsubscribed_hears_no_more_even_from_inside(manager, backend, circuits):
    heard = []
    stops = []

    def listen(event):
        heard.append(event)
        stops[0]()

    stops.append(manager.on_event(listen))
    assert manager.run(circuits(3), backend, max_experiments_per_job=1).wait(60)
    stops[0]()
    manager.close()
    assert len(heard) == 1


def test_what_cannot_be_called_is_refused(manager):
    with pytest.raises(InvalidArgumentError, match="listener is 7"):
        manager.on_event(7)


def steps(backend, manager, circuits, count):
    """A job set's record, and steps of its first job."""
    job_set = manager.run(circuits(1), backend)
    assert job_set.wait(60)
    record = source_of(job_set).record
    job = source_of(job_set).store.jobs(record.key)[0]
    at = record.created_at
    return record, [
        (
            job,
            Advance(
                job_key=job.key,
                expected=JobState.ACTIVE,
                after=JobState.COLLECTING,
                event=f"e{i}",
                at=at,
            ),
        )
        for i in range(count)
    ]


def test_when_the_queue_is_full_the_oldest_go_and_are_counted(
    manager, backend, circuits, monkeypatch
):
    monkeypatch.setattr(parts, "QUEUED_AT_MOST", 5)
    record, twenty = steps(backend, manager, circuits, 20)
    gate, reached, heard = threading.Event(), threading.Event(), []

    def listen(event):
        heard.append(event)
        reached.set()
        gate.wait(60)

    listeners = Listeners()
    listeners.add(listen)
    listeners.notify(record, twenty[:1])
    assert reached.wait(60)  # it has the first, and everything else waits for it
    listeners.notify(record, twenty[1:])
    gate.set()
    listeners.close()
    assert [event.event for event in heard] == ["e0", "e15", "e16", "e17", "e18", "e19"]
    assert [event.missed for event in heard] == [0, 14, 0, 0, 0, 0]


def test_the_log_tells_each_event_in_fields(manager, backend, circuits, caplog):
    with caplog.at_level(logging.DEBUG, "qiskit_job_manager"):
        job_set = manager.run(circuits(1), backend, name="logged")
        assert job_set.wait(60)
        manager.close()
    told = [each for each in caplog.records if getattr(each, "job_index", None) is not None]
    assert {each.job_set_id for each in told} == {job_set.job_set_id()}
    assert [each.event for each in told] == [
        "intended",
        "accepted",
        "ended",
        "stored",
        "understood",
    ]
    assert (told[-1].before, told[-1].after, told[-1].attempt) == ("collecting", "done", 1)
