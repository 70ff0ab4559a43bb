"""What the engine knows of a job, as decisions see it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from qiskit_job_manager.engine.active_job_set import LiveJob
from qiskit_job_manager.lifecycle import CallKind, Situation
from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_decisions_see_every_fact(job):
    record = replace(
        job,
        status=RemoteStatus(RemoteState.RUNNING),
        has_result=True,
        cancel_requested=True,
    )
    live = LiveJob(
        record,
        since_s=1.0,
        ticket=2,
        awaited=3,
        await_s=4.0,
        ready_s=5.0,
        look_ups=6,
        cancel_sent=True,
    )
    assert live.situation() == Situation(
        job_key=7,
        state=JobState.ACTIVE,
        busy=True,
        ready_s=5.0,
        remote=RemoteState.RUNNING,
        has_result=True,
        cancel_requested=True,
        cancel_sent=True,
        doubted_s=1.0,
        look_ups=6,
        awaited=True,
        await_s=4.0,
    )
    idle = Situation(job_key=7, state=JobState.ACTIVE, doubted_s=1.0)
    assert LiveJob(job, since_s=1.0).situation() == idle


def test_where_asking_fails_nothing_waits_for_the_result(job):
    live = LiveJob(job, since_s=0.0, await_s=4.0, failures=1)
    assert live.situation().await_s == math.inf
    assert not live.may_be_awaited(5.0)


@pytest.mark.parametrize(
    ("state", "awaited", "now_s", "may"),
    [
        (JobState.ACTIVE, None, 4.0, True),
        (JobState.ACTIVE, None, 3.9, False),
        (JobState.ACTIVE, 1, 4.0, False),
        (JobState.COLLECTING, None, 4.0, False),
        (JobState.SUBMITTING, None, 4.0, False),
    ],
)
def test_a_result_is_waited_for_once_and_in_time(job, state, awaited, now_s, may):
    live = LiveJob(replace(job, state=state), since_s=0.0, await_s=4.0, awaited=awaited)
    assert live.may_be_awaited(now_s) is may


def test_failures_in_a_row_are_told_at_the_third_and_whenever_their_number_has_doubled(job):
    live, told = LiveJob(job, since_s=0.0), []
    for count in range(1, 26):
        outage = live.note_failure(CallKind.STATUS, f"word {count}", NOON, 10.0 + count)
        if outage.is_to_be_reported(10.0 + count):
            told.append(str(outage))
    words = "asking for the status has failed {0} times since 12:00:00 UTC: word {0}"
    assert told == [words.format(count) for count in (3, 6, 12, 24)]
    assert live.outage.is_stored


def test_failures_within_two_seconds_are_no_news(job):
    live = LiveJob(job, since_s=0.0)
    for _ in range(9):
        outage = live.note_failure(CallKind.CANCEL, "down", NOON, 10.0)
    assert not outage.is_to_be_reported(11.9)
    assert not outage.is_stored
    assert outage.is_to_be_reported(12.0)
    assert str(outage) == "cancelling has failed 9 times since 12:00:00 UTC: down"
