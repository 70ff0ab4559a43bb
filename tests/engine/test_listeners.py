"""Listeners hear what is in the store, each on a thread of its own, and harm nobody."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from qiskit_job_manager.engine.listeners import Listeners
from qiskit_job_manager.model import Advance, JobEvent, JobState

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def listeners():
    listeners = Listeners()
    yield listeners
    listeners.close()


@pytest.fixture
def notify(listeners, job_set, job):
    """Tell of a job that was refused, or whose facts alone changed."""

    def notify(after=JobState.FAILED, attempts=1):
        step = Advance(
            job_key=job.key,
            expected=JobState.SUBMITTING,
            after=after,
            event="refused",
            at=AT,
            cause="no\x00 such gate",
        )
        listeners.notify(job_set, [(replace(job, attempts=attempts), step)])

    return notify


def refused(job_set, attempt=1):
    return JobEvent(
        job_set_id=job_set.job_set_id,
        name="sweep",
        job_index=0,
        attempt=attempt,
        event="refused",
        before=JobState.SUBMITTING,
        after=JobState.FAILED,
        cause="no\\x00 such gate",
        at=AT,
    )


def test_a_listener_hears_of_events_on_a_daemon_thread_and_not_of_facts(listeners, notify, job_set):
    heard = []
    listeners.add(lambda event: heard.append((event, threading.current_thread())))
    notify()
    notify(after=JobState.SUBMITTING)
    notify(attempts=0)
    listeners.close()
    assert [event for event, _ in heard] == [refused(job_set), refused(job_set, None)]
    assert {(thread.name, thread.daemon) for _, thread in heard} == {("qjm-listener", True)}


def test_who_ends_it_hears_nothing_more_and_the_others_do(listeners, notify):
    first, second = [], []
    end = listeners.add(first.append)
    listeners.add(second.append)
    end()
    end()
    notify()
    listeners.close()
    assert (len(first), len(second)) == (0, 1)


def test_a_listener_that_fails_is_logged_and_called_again(listeners, notify, job_set, caplog):
    calls = []

    def failing(event):
        calls.append(event)
        raise ZeroDivisionError("a mistake of the listener")

    listeners.add(failing)
    notify()
    notify()
    listeners.close()
    assert len(calls) == 2
    told = [(each.levelno, each.event, each.job_set_id, each.message) for each in caplog.records]
    words = f"the listener {failing!r} failed"
    assert told == [(logging.ERROR, "listener failed", job_set.job_set_id, words)] * 2
    assert isinstance(caplog.records[0].exc_info[1], ZeroDivisionError)


def test_events_are_in_the_log_with_all_their_fields(notify, job_set, caplog):
    notify()
    assert caplog.records == []
    caplog.set_level(logging.DEBUG, "qiskit_job_manager")
    notify()
    (told,) = caplog.records
    assert told.message == "job 0 of 'sweep': refused, submitting -> failed"
    assert (told.event, told.job_set_id, told.job_index) == ("refused", job_set.job_set_id, 0)
    assert (told.attempt, told.before, told.after) == (1, "submitting", "failed")
    assert told.cause == "no\\x00 such gate"
