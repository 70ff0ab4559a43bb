"""When the engine asks again, when it waits, and when it gives way."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from qiskit_job_manager.codec import results
from qiskit_job_manager.engine.backend_calls import DEADLINES_S
from qiskit_job_manager.engine.call_pool import CallPool
from qiskit_job_manager.errors import SubmissionDeferredError, TransientBackendError
from qiskit_job_manager.lifecycle import CallKind
from qiskit_job_manager.model import Limits, RemoteState, RemoteStatus, RetryPolicy
from qiskit_job_manager.testing import Call, Hang, JobStory, Raise

PATIENT = RetryPolicy(first_wait_s=1.0, longest_wait_s=3600.0)
GOES_ON = JobStory((RemoteStatus(RemoteState.RUNNING),))


@pytest.fixture
def times_of(monkeypatch):
    """Return the times of the calls of one kind that a bench makes, as they come.

    With ``about`` only of those about the job that the backend accepted as that one.
    """

    def times_of(bench, method, about=None):
        times = []
        call = getattr(bench.backend, method)

        def noted(*args, **kwargs):
            accepted = bench.backend.ledger.accepted
            if about is None or accepted[about].remote_id in args[0]:
                times.append(bench.clock.monotonic())
            return call(*args, **kwargs)

        monkeypatch.setattr(bench.backend, method, noted)
        return times

    return times_of


def test_an_answer_ends_the_waits_that_grew_while_there_was_none(make_bench, circuits, times_of):
    """The second job is sent a minute after the first, in the middle of a long wait of that."""
    bench = make_bench(findable=True)
    asked, sent = times_of(bench, "statuses", about=0), times_of(bench, "submit")
    bench.backend.script(Call.STATUSES, *[Raise(ConnectionResetError("reset"))] * 7)
    record = bench.job_set(circuits(2), retry=PATIENT, limits=Limits(submissions_per_minute=1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 2}
    assert len(sent) == 2
    assert asked[6] < sent[1] < asked[7], "the outage is to end with the second submission"
    assert asked[7] - sent[1] <= 1.6
    assert asked[7] - asked[6] > 10.0, "it would have been asked so soon anyway"


def test_after_an_answer_waits_begin_to_grow_from_the_first_again(make_bench, circuits, times_of):
    bench = make_bench(findable=True)
    bench.backend.tell(GOES_ON)
    record = bench.job_set(circuits(1), retry=PATIENT)
    bench.drive(record)
    bench.step(3)
    asked = times_of(bench, "statuses")
    bench.backend.script(Call.STATUSES, *[Raise(TransientBackendError("503"))] * 7)
    bench.run(record, within_s=600.0)
    bench.backend.script(Call.STATUSES, Raise(TransientBackendError("503")))
    failed = len(asked)
    bench.run(record, within_s=120.0)
    assert asked[failed + 1] - asked[failed] <= 1.1


def test_a_refusal_for_now_holds_back_all_jobs_of_the_account(make_bench, circuits, times_of):
    bench = make_bench(findable=True)
    sent = times_of(bench, "submit")
    bench.backend.script(Call.SUBMIT, Raise(SubmissionDeferredError("429", retry_after_s=40.0)))
    records = [bench.job_set(circuits(2), limits=Limits(pending_jobs=1)) for _ in range(2)]
    bench.drive(records[0])
    bench.step()
    bench.drive(records[1])
    for record in records:
        bench.run(record)
    assert sent[0] == 0.0
    assert sent[1] >= 40.0
    assert len(sent) == 5


def test_an_engine_whose_right_is_gone_gives_way_at_its_next_renewal(
    make_bench, circuits, times_of, monkeypatch, caplog
):
    bench = make_bench(findable=True)
    bench.backend.tell(GOES_ON)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.step(3)
    monkeypatch.setattr(bench.store, "renew", lambda token: False)
    monkeypatch.setattr(bench.store, "claim", lambda key, owner: None)  # another one has it
    bench.clock.advance(11.0)
    bench.step()
    assert [each.event for each in caplog.records if each.levelno == logging.WARNING] == [
        "superseded"
    ]
    asked = times_of(bench, "statuses")
    for _ in range(10):
        bench.clock.advance(60.0)
        bench.step()
    assert asked == []


def test_a_right_that_is_renewed_in_time_is_kept(make_bench, circuits, monkeypatch):
    bench = make_bench(findable=True)
    bench.backend.tell(GOES_ON)
    record = bench.job_set(circuits(1))
    renewed = []
    renew = bench.store.renew

    def noted(token):
        renewed.append(bench.clock.monotonic())
        return renew(token)

    monkeypatch.setattr(bench.store, "renew", noted)
    bench.drive(record)
    bench.run(record, within_s=100.0)
    gaps = [b - a for a, b in zip([0.0, *renewed], renewed, strict=False)]
    assert renewed
    assert max(gaps) <= 10.5


def test_a_second_result_that_comes_while_the_first_is_read_is_not_stored(
    make_bench, circuits, monkeypatch
):
    bench = make_bench(awaits=True, findable=True)
    pool = CallPool(4, 2, lambda: None)
    bench.engine = bench.new_engine(pool)
    first, reading, go_on = Hang(done_first=True), threading.Event(), threading.Event()
    bench.backend.script(Call.FETCH, first)
    open_result = results.open_result

    def slowly(blob):
        reading.set()
        assert go_on.wait(60.0)
        return open_result(blob)

    monkeypatch.setattr(results, "open_result", slowly)
    record = bench.job_set(circuits(1))
    bench.drive(record)

    def step_until(condition):
        until_s = time.monotonic() + 60.0
        while not condition():
            assert time.monotonic() < until_s
            bench.step()
            time.sleep(0.001)

    try:
        step_until(first.reached.is_set)
        bench.clock.advance(DEADLINES_S[CallKind.AWAIT])  # it is given up, and asked for again
        step_until(reading.is_set)
        first.release()
        step_until(lambda: bench.backend.ledger.count(Call.FETCH) == 2)
        bench.step(50)
        go_on.set()
        step_until(lambda: bench.states(record)["done"])
    finally:
        first.release()
        go_on.set()
        pool.close()
    assert bench.story(record, 0).count("stored") == 1
