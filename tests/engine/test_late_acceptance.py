"""Jobs that a backend accepts after their driver has lost the lease, or has sent them again."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from qiskit_job_manager.engine.backend_calls import DEADLINES_S
from qiskit_job_manager.engine.call_pool import CallPool, Finished
from qiskit_job_manager.engine.lease import Holder
from qiskit_job_manager.errors import (
    StoreFullError,
    SubmissionDeferredError,
    SubmissionRefusedError,
)
from qiskit_job_manager.lifecycle import CallKind
from qiskit_job_manager.model import RemoteState, RemoteStatus, RequestKind
from qiskit_job_manager.testing.scripts import Call, Hang, JobStory, LoseAnswer, Raise

LAG_S = 5.0
CAN = {"findable": True, "listing_lag_s": LAG_S}


class HeldCalls:
    """Runs calls on the engine's own thread; those that are held run when a test lets them."""

    free = 16
    free_awaits = 16

    def __init__(self):
        self._finished = []
        self._tickets = 0
        self.held = []
        self.holds = False

    def start(self, call, deadline_s, *, awaits=False):
        self._tickets += 1
        (self.held.append if self.holds else self._run)((self._tickets, call))
        return self._tickets

    def _run(self, started):
        ticket, call = started
        try:
            self._finished.append(Finished(ticket, call(), None))
        except Exception as error:  # noqa: BLE001  # as the pool does
            self._finished.append(Finished(ticket, None, error))

    def let_go(self):
        self.holds = False
        held, self.held = self.held, []
        for started in held:
            self._run(started)

    def finished(self):
        finished, self._finished = self._finished, []
        return finished

    def overdue(self, now_s):
        return []

    def close(self):
        pass


@pytest.fixture
def bench(make_bench):
    return make_bench(**CAN)


def superseded(bench, circuits):
    """Return a driver whose submission is under way when it loses its lease, without noticing."""
    pool = HeldCalls()
    engine = bench.new_engine(pool)
    record = bench.job_set(circuits(1))
    engine.drive(record, bench.backend)
    pool.holds = True
    engine.tick()
    assert bench.states(record) == {"submitting": 1}
    bench.store.release(engine.leases.take(record.key, Holder.DELETION))
    return engine, pool, record


@pytest.fixture
def slow(bench, circuits):
    return superseded(bench, circuits)


def resubmitted(bench, circuits):
    """Return such a driver of a job that the user has sent again, as it cannot be searched for."""
    engine, pool, record = superseded(bench, circuits)
    bench.drive(record)
    bench.step(2)
    bench.store.request(record.key, RequestKind.RESUBMIT)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    return engine, pool, record


class TakingOver:
    """A store on which each claim takes over a lease that has run out."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def claim(self, *arguments):
        token = self._store.claim(*arguments)
        return token and replace(token, took_over=True)


def step_until(bench, condition, seconds=0.0):
    """Tick on real threads, the clock moving by some seconds each time."""
    until_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until_s
        bench.engine.tick()
        bench.clock.advance(seconds)
        time.sleep(0.001)


def accepted(bench):
    return [each.remote_id for each in bench.backend.ledger.accepted]


def finish(bench, engine, pool):
    """Let the held submission leave, and its driver do what it can about the answer."""
    pool.let_go()
    for _ in range(4):
        engine.tick()


def events(bench, record):
    return {each.event: each.cause for each in bench.store.events(record.key, 0)}


def test_a_second_job_is_recorded_logged_and_cancelled(bench, slow, caplog):
    engine, pool, record = slow
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    finish(bench, engine, pool)
    kept, second = accepted(bench)
    assert bench.jobs(record)[0].remote_id == kept
    text = f"accepted as {second}, too late to be recorded; it was asked to be cancelled"
    assert events(bench, record)["accepted late"] == text
    assert logged(caplog) == [(record.job_set_id, f"job 0 of 'set-1' was {text}")]
    assert bench.backend.ledger.count(Call.CANCEL) == 1
    ((key, event),) = bench.store.duplicates(record.key, limit=5)
    assert (key, event.job_index) == (record.key, 0)


def logged(caplog, event="accepted late"):
    """What was logged of jobs that were accepted late: the job set, and the message."""
    late = [each for each in caplog.records if each.event == event]
    return [(each.job_set_id, each.message) for each in late]


def test_one_that_cannot_be_cancelled_is_told_with_the_reason(bench, slow):
    engine, pool, record = slow
    bench.drive(record)
    bench.run(record)
    bench.backend.script(Call.CANCEL, Raise(OSError("down")))
    finish(bench, engine, pool)
    second = accepted(bench)[1]
    assert events(bench, record)["accepted late"] == (
        f"accepted as {second}, too late to be recorded; it could not be cancelled: OSError: down"
    )


def test_one_that_cannot_be_recorded_is_logged(bench, slow, caplog, monkeypatch):
    def full(*_, **__):
        raise StoreFullError("No space left.")

    engine, pool, record = slow
    bench.drive(record)
    bench.run(record)
    monkeypatch.setattr(bench.store, "record_late_acceptance", full)
    finish(bench, engine, pool)
    second = bench.backend.ledger.accepted[1]
    words = (
        f"a job of 'set-1' was submitted too late, with the tag {second.tag}, and that cannot be "
        f"recorded: accepted as {second.remote_id}. No space left."
    )
    assert logged(caplog) == [(record.job_set_id, words)]
    assert "accepted late" not in events(bench, record)


def test_a_job_that_may_still_count_is_not_cancelled(bench, slow):
    """The new driver is still looking for it, finds it by its tag, and keeps it."""
    engine, pool, record = slow
    bench.drive(record)
    bench.step(2)
    assert bench.states(record) == {"in doubt": 1}
    finish(bench, engine, pool)
    text = "its job is in doubt, so it was not cancelled"
    assert events(bench, record)["accepted late"].endswith(f"too late to be recorded; {text}")
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert len(accepted(bench)) == 1
    assert not bench.backend.ledger.count(Call.CANCEL)


def test_a_job_that_was_resubmitted_meanwhile_is_cancelled(make_bench, circuits):
    """Nobody looks for it any more, though its attempt has no end."""
    bench = make_bench()
    engine, pool, record = resubmitted(bench, circuits)
    finish(bench, engine, pool)
    assert events(bench, record)["accepted late"].endswith("it was asked to be cancelled")
    assert bench.backend.ledger.count(Call.CANCEL) == 1


def test_a_job_that_the_new_driver_has_found_is_none_too_many(bench, slow):
    engine, pool, record = slow
    pool.let_go()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    finish(bench, engine, pool)
    assert "accepted late" not in events(bench, record)
    assert not bench.backend.ledger.count(Call.CANCEL)


def test_one_that_was_not_answered_is_recorded_and_searched_for(bench, slow, caplog):
    """The backend has accepted it; only the answer was lost."""
    engine, pool, record = slow
    bench.drive(record)
    bench.run(record)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    finish(bench, engine, pool)
    kept, second = accepted(bench)
    tag = next(e.tag for e in bench.backend.ledger.accepted if e.remote_id == second)
    text = (
        f"sent with the tag {tag}, too late to be recorded, and not answered: connection reset; "
        "the backend may have accepted it, and is searched for it"
    )
    assert events(bench, record)["perhaps accepted late"] == text
    assert [each.message for each in caplog.records if each.event == "perhaps accepted late"] == [
        f"job 0 of 'set-1' was {text}"
    ]
    bench.drive(record)
    step_until(bench, lambda: not bench.store.requests(record.key), seconds=1.0)
    assert second in events(bench, record)["twin"]
    assert bench.backend.ledger.count(Call.CANCEL) == 1
    assert bench.jobs(record)[0].remote_id == kept


def test_one_that_was_not_answered_is_told_where_it_cannot_be_searched_for(make_bench, circuits):
    bench = make_bench()
    engine, pool, record = resubmitted(bench, circuits)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    finish(bench, engine, pool)
    told = events(bench, record)["perhaps accepted late"]
    assert told.endswith("the backend may have accepted it: look for it there")
    assert not bench.store.requests(record.key)


@pytest.mark.parametrize("no", [SubmissionDeferredError("later"), SubmissionRefusedError("never")])
def test_one_that_was_refused_late_is_not_worth_a_word(bench, slow, no):
    engine, pool, record = slow
    bench.drive(record)
    bench.run(record)
    bench.backend.script(Call.SUBMIT, Raise(no))
    finish(bench, engine, pool)
    assert "perhaps accepted late" not in events(bench, record)
    assert not bench.store.requests(record.key)


def sent_again(bench, circuits, held):
    """Return a job set that is done though its first submission still hangs in the same driver."""
    bench.backend.script(Call.SUBMIT, held)
    bench.engine = bench.new_engine(CallPool(4, 4, lambda: None))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    step_until(bench, held.reached.is_set)
    bench.clock.advance(DEADLINES_S[CallKind.SUBMIT])
    step_until(bench, lambda: bench.states(record) == {"done": 1}, seconds=1.0)
    return record


def test_an_answer_that_comes_after_the_job_was_sent_again_is_reported(bench, circuits):
    held = Hang()
    record = sent_again(bench, circuits, held)
    held.release()
    step_until(bench, lambda: len(accepted(bench)) == 2)
    bench.drive(record)
    step_until(bench, lambda: "accepted late" in events(bench, record))
    bench.engine.stop()
    assert accepted(bench)[-1] in events(bench, record)["accepted late"]
    assert bench.backend.ledger.count(Call.CANCEL) == 1


class HangAndFail(Hang):
    """The call hangs until it is released, and fails then."""

    def stand_still(self):
        super().stand_still()
        raise ConnectionResetError("connection reset")


def after_deletion(bench, circuits, held):
    """Let a submission that hangs go on after its job set was deleted, and return its tag."""
    record = sent_again(bench, circuits, held)
    step_until(bench, lambda: not bench.engine.drives(record.key))
    first, _ = bench.store.attempts(bench.jobs(record)[0].key)
    bench.store.delete_job_set(bench.engine.leases.take(record.key, Holder.DELETION))
    held.release()
    return first.tag


def test_one_whose_job_set_was_deleted_is_cancelled_and_logged(bench, circuits, caplog):
    after_deletion(bench, circuits, Hang())
    step_until(bench, lambda: logged(caplog))
    bench.engine.stop()
    _, second = accepted(bench)
    assert logged(caplog)[0][1] == (
        f"a job of 'set-1' was accepted as {second}, after the job set was deleted; it was asked "
        "to be cancelled"
    )
    assert bench.backend.ledger.count(Call.CANCEL) == 1


def test_one_whose_job_set_was_deleted_and_whose_answer_is_lost_is_logged(bench, circuits, caplog):
    tag = after_deletion(bench, circuits, HangAndFail())
    step_until(bench, lambda: logged(caplog, "perhaps accepted late"))
    bench.engine.stop()
    assert logged(caplog, "perhaps accepted late")[0][1] == (
        f"a job of 'set-1' was sent with the tag {tag} and not answered: connection reset, after "
        "the job set was deleted; look for it at the backend"
    )


def test_after_a_take_over_by_expiry_the_search_goes_on_until_the_set_has_ended(bench, slow):
    """What the former driver submits meanwhile is found even if that driver dies then."""
    _, pool, record = slow
    bench.backend.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
    store, bench.store = bench.store, TakingOver(bench.store)
    bench.engine = bench.new_engine()
    bench.store = store
    bench.drive(record)
    while not accepted(bench):
        bench.clock.advance(max(bench.engine.tick(), 0.01))
    pool.let_go()  # nobody takes its answer
    kept, second = accepted(bench)
    until_s = bench.clock.monotonic() + 200
    while bench.clock.monotonic() < until_s and not bench.backend.ledger.count(Call.CANCEL):
        bench.clock.advance(max(bench.engine.tick(), 0.01))
    bench.step(2)
    assert second in events(bench, record)["twin"]
    bench.backend.finish(kept, RemoteStatus(RemoteState.DONE))
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert not bench.store.requests(record.key)
