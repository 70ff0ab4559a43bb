"""Results that are waited for arrive without being asked about; all else is as if nobody waited."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from qiskit_job_manager.engine.call_pool import CallPool
from qiskit_job_manager.engine.loop import AWAITS_AT_ONCE
from qiskit_job_manager.errors import TransientBackendError
from qiskit_job_manager.model import JobState, Limits, RemoteState, RemoteStatus, RequestKind
from qiskit_job_manager.testing import Call, Hang, JobStory, Raise

AWAITS = {"awaits": True, "findable": True, "bulk_status": True}
GOES_ON = JobStory((RemoteStatus(RemoteState.RUNNING),))


def calls_of(bench):
    return Counter(call for call, _ in bench.backend.ledger.calls)


def step_until(bench, condition):
    """Tick after turn on real threads, the clock standing still."""
    for _ in range(20_000):
        if condition():
            return
        bench.step()
        time.sleep(0.001)
    pytest.fail("it did not come about")


class Counted(CallPool):
    """A pool that counts the calls that came back to the engine."""

    n_finished = 0

    def finished(self):
        found = super().finished()
        self.n_finished += len(found)
        return found


@pytest.fixture
def threaded(make_bench):
    """A bench whose calls are on threads, so that some may stand still."""
    pools, gates = [], []

    def make(**can):
        bench = make_bench(**{**AWAITS, **can})
        bench.pool = Counted(4, 2, lambda: None)
        bench.engine = bench.new_engine(bench.pool)
        pools.append(bench.pool)
        return bench

    def stand_still(bench, call, **how):
        gates.append(Hang(**how))
        bench.backend.script(call, gates[-1])
        return gates[-1]

    yield make, stand_still
    for gate in gates:
        gate.release()
    for pool in pools:
        pool.close()


def test_a_job_takes_two_calls_where_its_result_can_be_waited_for(make_bench, circuits):
    bench = make_bench(**AWAITS)
    record = bench.job_set(circuits(5))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 5}
    assert calls_of(bench) == {Call.SUBMIT: 5, Call.FETCH: 5}
    assert bench.story(record, 0)[-3:] == ["ended", "stored", "understood"]


def test_what_goes_on_is_waited_for_again_and_not_at_once(make_bench, circuits, clock):
    bench = make_bench(**AWAITS)
    bench.backend.tell(GOES_ON)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    begun_s = clock.monotonic()
    bench.run(record, within_s=100.0)
    assert bench.states(record) == {"active": 1}
    # A tenth of the job's age apart: of a hundred seconds that is a few dozen, at half a second
    # first.
    assert calls_of(bench)[Call.FETCH] < 60
    [job] = bench.jobs(record)
    bench.backend.finish(job.remote_id, RemoteStatus(RemoteState.DONE))
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert clock.monotonic() - begun_s < 115.0


def test_a_job_that_fails_is_told_with_its_reason(make_bench, circuits):
    bench = make_bench(**AWAITS)
    bench.backend.tell(JobStory.ending(RemoteState.ERROR, "the fridge is warm"))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    [job] = bench.jobs(record)
    assert (job.state, job.error) == (JobState.FAILED, "the fridge is warm")


def test_a_job_that_somebody_else_cancelled_is_cancelled_and_not_failed(make_bench, circuits):
    bench = make_bench(**AWAITS)
    bench.backend.tell(JobStory.ending(RemoteState.CANCELLED))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"cancelled": 1}


def test_a_job_that_vanishes_while_it_is_waited_for_is_lost(make_bench, circuits):
    bench = make_bench(**AWAITS)
    bench.backend.tell(JobStory.ending(RemoteState.GONE))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"lost": 1}


def test_a_result_that_can_be_read_once_is_never_waited_for(threaded, circuits):
    make, _ = threaded
    bench = make(reads_once=True)
    bench.backend.tell(GOES_ON)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    step_until(bench, lambda: calls_of(bench)[Call.STATUSES] or bench.clock.advance(0.1))
    assert not calls_of(bench)[Call.FETCH]


def test_waiting_takes_no_place_of_other_calls(threaded, circuits):
    make, stand_still = threaded
    bench = make()
    waits = [stand_still(bench, Call.FETCH) for _ in range(2)]
    record = bench.job_set(circuits(6), limits=Limits(pending_jobs=6))
    bench.drive(record)
    # Two wait and stand still, which is all that may; the others are asked about and fetched.
    step_until(bench, lambda: bench.states(record)["done"] == 4 or bench.clock.advance(0.01))
    assert bench.states(record) == {"active": 2, "done": 4}
    assert all(wait.reached.is_set() for wait in waits)


def test_a_job_can_be_cancelled_while_it_is_waited_for(threaded, circuits):
    make, stand_still = threaded
    bench = make()
    wait = stand_still(bench, Call.FETCH)
    bench.backend.tell(GOES_ON)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    step_until(bench, wait.reached.is_set)
    bench.store.request(record.key, RequestKind.CANCEL)
    bench.engine.wake()
    step_until(bench, lambda: bench.states(record)["cancelled"] or bench.clock.advance(0.01))
    assert not bench.engine.drives(record.key)


def test_what_is_waited_for_is_not_fetched_a_second_time(threaded, circuits):
    make, stand_still = threaded
    bench = make()
    wait = stand_still(bench, Call.FETCH, done_first=True)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    step_until(bench, wait.reached.is_set)
    # Asked meanwhile, the backend says that it is done.
    step_until(bench, lambda: calls_of(bench)[Call.STATUSES] or bench.clock.advance(0.1))
    bench.clock.advance(100.0)
    bench.step(20)
    wait.release()
    step_until(bench, lambda: bench.states(record)["done"])
    assert calls_of(bench)[Call.FETCH] == 1
    assert bench.story(record, 0).count("stored") == 1


def test_a_wait_that_is_given_up_is_replaced_and_its_late_result_is_not_stored_again(
    threaded, circuits
):
    make, stand_still = threaded
    bench = make()
    wait = stand_still(bench, Call.FETCH, done_first=True)
    record = bench.job_set(circuits(2), limits=Limits(pending_jobs=1))
    bench.drive(record)
    step_until(bench, wait.reached.is_set)
    second = stand_still(bench, Call.SUBMIT)  # so that the job set goes on for long enough
    bench.clock.advance(3600.0)
    step_until(bench, second.reached.is_set)
    step_until(bench, lambda: bench.states(record)["done"] == 1)
    before = bench.pool.n_finished
    wait.release()
    step_until(bench, lambda: bench.pool.n_finished > before)
    second.release()
    step_until(bench, lambda: bench.states(record)["done"] == 2)
    assert [bench.story(record, index).count("stored") for index in (0, 1)] == [1, 1]


def test_in_an_outage_one_enquiry_at_a_time_and_no_wait_is_tried(make_bench, circuits, clock):
    bench = make_bench(**AWAITS)
    bench.backend.tell(GOES_ON)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.step(3)
    outage = [Raise(TransientBackendError("out of reach")) for _ in range(500)]
    bench.backend.script(Call.FETCH, *outage)
    bench.backend.script(Call.STATUSES, *outage)
    before = calls_of(bench)
    bench.run(record, within_s=300.0)
    after = calls_of(bench)
    assert after[Call.STATUSES] - before[Call.STATUSES] < 100
    assert after[Call.FETCH] - before[Call.FETCH] <= 2


def test_more_jobs_than_can_be_waited_for_at_once_are_all_collected(make_bench, circuits):
    bench = make_bench(**AWAITS)
    record = bench.job_set(circuits(AWAITS_AT_ONCE + 40))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": AWAITS_AT_ONCE + 40}
