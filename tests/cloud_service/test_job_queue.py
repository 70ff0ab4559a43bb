"""The queue and the limits by a clock that only the test moves."""

from __future__ import annotations

import pytest

from qiskit_job_manager.model import Blob
from qiskit_job_manager.testing import FakeClock
from qiskit_job_manager.testing.cloud_service import Engine, Faults
from qiskit_job_manager.testing.cloud_service.fault_schedule import FaultSchedule
from qiskit_job_manager.testing.cloud_service.job_queue import JobQueue, Order
from qiskit_job_manager.testing.cloud_service.ledger import Ledger
from qiskit_job_manager.testing.emulator.refusals import RefusedError


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(clock):
    def make(**faults):
        return JobQueue(clock, Ledger(), FaultSchedule(Faults(**faults)), Engine.SAMPLER)

    return make


def order(tag="t"):
    return Order(Blob("qpy-frames/1", b""), {}, tag, None)


def states(jobs, ids):
    return [view["state"] for view in jobs.described(ids)]


def test_jobs_run_one_after_the_other_in_slots(make, clock):
    jobs = make(jobs_at_once=2, service_time_s=10)
    ids = [jobs.submit(order()) for _ in range(4)]
    assert states(jobs, ids) == ["running", "running", "queued", "queued"]
    clock.advance(10)
    assert states(jobs, ids) == ["done", "done", "running", "running"]
    clock.advance(9.9)
    assert states(jobs, ids)[2:] == ["running", "running"]
    clock.advance(0.1)
    assert states(jobs, ids) == ["done"] * 4


def test_where_jobs_stand_does_not_depend_on_how_often_one_asks(make, clock):
    jobs = make(jobs_at_once=1, service_time_s=3)
    ids = [jobs.submit(order()) for _ in range(5)]
    clock.advance(10)  # nobody asked while three jobs ended
    assert states(jobs, ids) == ["done", "done", "done", "running", "queued"]
    clock.advance(2)
    assert states(jobs, ids) == ["done"] * 4 + ["running"]


def test_a_cancelled_job_makes_room_at_once(make, clock):
    jobs = make(jobs_at_once=1, service_time_s=10)
    ids = [jobs.submit(order()) for _ in range(3)]
    clock.advance(4)
    jobs.cancel(ids[0])
    jobs.cancel(ids[2])
    assert states(jobs, ids) == ["cancelled", "running", "cancelled"]
    clock.advance(9.9)
    assert states(jobs, ids)[1] == "running"
    clock.advance(0.2)
    assert states(jobs, ids)[1] == "done"


def test_a_minute_is_any_sixty_seconds(make, clock):
    jobs = make(submissions_per_minute=2)
    jobs.submit(order())
    clock.advance(59)
    jobs.submit(order())
    with pytest.raises(RefusedError, match="2 submissions a minute"):
        jobs.submit(order())
    clock.advance(1)
    jobs.submit(order())
    with pytest.raises(RefusedError):
        jobs.submit(order())


def test_ended_jobs_are_not_pending(make, clock):
    jobs = make(pending_jobs=1, service_time_s=1)
    jobs.submit(order())
    with pytest.raises(RefusedError, match="1 jobs are pending, and 1 may be"):
        jobs.submit(order())
    clock.advance(1)
    jobs.submit(order())


def test_a_listing_has_a_job_from_its_lag_on(make, clock):
    jobs = make(listing_lag_s=5)
    first = jobs.submit(order())
    clock.advance(4)
    second = jobs.submit(order())
    assert jobs.listed("t") == []
    clock.advance(1)
    assert [view["id"] for view in jobs.listed("t")] == [first]
    clock.advance(4)
    assert [view["id"] for view in jobs.listed("t")] == [first, second]


def test_a_deleted_job_is_not_listed_and_its_place_is_free(make):
    jobs = make(jobs_at_once=1, service_time_s=10)
    first, second = jobs.submit(order()), jobs.submit(order())
    jobs.delete(first)
    assert [view["id"] for view in jobs.listed("t")] == [second]
    assert states(jobs, [first, second]) == ["running"]
    with pytest.raises(RefusedError, match="no job"):
        jobs.delete(first)
