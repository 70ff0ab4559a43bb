"""The engine's own record of a job is what the store says after each step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qiskit_job_manager.engine.active_job_set import advanced
from qiskit_job_manager.model import (
    Advance,
    Blob,
    Halves,
    JobState,
    RawResult,
    RemoteState,
    RemoteStatus,
)

QUEUED = RemoteStatus(RemoteState.QUEUED, queue_position=3)
ERROR = RemoteStatus(RemoteState.ERROR, message="too warm")
RESULT = RawResult("qiskit-result/1", b"data")


@pytest.fixture
def walk(make_bench, circuits):
    """Take a job of five experiments through steps; compare the records after each."""
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(5), per_job=5)
    token = bench.store.claim(record.key, "driver")

    def walk(*steps):
        [job] = bench.jobs(record)
        for after, facts in steps:
            step = Advance(
                job_key=job.key,
                expected=job.state,
                after=after,
                event=f"to {after}",
                at=bench.clock.now(),
                **facts,
            )
            assert bench.store.advance(token, [step]) == [True]
            job = advanced(job, step)
            assert bench.jobs(record)[0] == job
        return job

    return walk


SENT = [
    (JobState.SUBMITTING, {"new_tag": "tag-1"}),
    (JobState.ACTIVE, {"remote_id": "job-1"}),
]
FAILED = [
    *SENT,
    (JobState.ACTIVE, {"status": QUEUED, "error": "down"}),
    (JobState.ACTIVE, {"error": ""}),
    (JobState.COLLECTING, {"status": ERROR}),
    (JobState.COLLECTING, {"result": RESULT, "error": "too warm"}),
    (JobState.FAILED, {"failed_offsets": (1, 4), "ends_attempt": True}),
]


def test_a_job_that_fails(walk):
    job = walk(*FAILED)
    assert (job.state, job.attempts, job.tag, job.remote_id) == (
        JobState.FAILED,
        1,
        "tag-1",
        "job-1",
    )
    assert (job.status, job.error, job.failed_offsets) == (ERROR, "too warm", (1, 4))
    assert job.has_result


def test_a_second_attempt_begins_without_what_the_first_one_left(walk):
    job = walk(
        *FAILED,
        (JobState.PLANNED, {"cancel_requested": False}),
        (JobState.SUBMITTING, {"new_tag": "tag-2"}),
    )
    assert (job.attempts, job.tag, job.remote_id, job.status) == (2, "tag-2", None, None)
    assert not job.has_result


def test_a_wish_to_cancel_stays_until_it_is_cleared(walk):
    wish = (JobState.ACTIVE, {"cancel_requested": True})
    assert walk(*SENT, wish, (JobState.ACTIVE, {"status": QUEUED})).cancel_requested
    assert not walk((JobState.ACTIVE, {"cancel_requested": False})).cancel_requested


@pytest.mark.parametrize("middle", [1, 2, 4])
@pytest.mark.parametrize("estimate_s", [None, 10.0])
def test_a_job_that_is_halved(make_bench, circuits, middle, estimate_s):
    bench = make_bench(findable=True, usage_s=estimate_s and estimate_s / 5)
    record = bench.job_set(circuits(5), per_job=5)
    token = bench.store.claim(record.key, "driver")
    [job] = bench.jobs(record)
    assert job.estimate_s == estimate_s
    halves = Halves(middle, Blob("qpy/1", b"first"), Blob("qpy/1", b"second"))
    sent = Advance(
        job_key=job.key,
        expected=JobState.PLANNED,
        after=JobState.SUBMITTING,
        event="intended",
        at=bench.clock.now(),
        new_tag="tag-1",
    )
    halved = replace(
        sent,
        expected=JobState.SUBMITTING,
        after=JobState.PLANNED,
        new_tag=None,
        halves=halves,
        error="too large",
        ends_attempt=True,
    )
    assert bench.store.advance(token, [sent, halved]) == [True, True]
    first, second = bench.jobs(record)
    assert advanced(advanced(job, sent), halved) == first
    assert (first.start, first.stop, second.start, second.stop) == (0, middle, middle, 5)
    assert (first.circuits, second.circuits) == (middle, 5 - middle)
    if estimate_s:
        assert first.estimate_s == pytest.approx(estimate_s * middle / 5)
