"""The queue and the limits by a clock that only the test moves."""

from __future__ import annotations

import pytest

from qiskit_job_manager.model import Blob
from qiskit_job_manager.testing import FakeClock
from qiskit_job_manager.testing.cloud_service import Engine, Faults
from qiskit_job_manager.testing.cloud_service.books import Ledger
from qiskit_job_manager.testing.cloud_service.chances import Chances
from qiskit_job_manager.testing.cloud_service.machine import Machine, Order
from qiskit_job_manager.testing.cloud_service.refusals import RefusedError


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(clock):
    def make(**faults):
        return Machine(clock, Ledger(), Chances(Faults(**faults)), Engine.SAMPLER)

    return make


def order(tag="t"):
    return Order(Blob("qpy-frames/1", b""), {}, tag, None)


def states(machine, ids):
    return [view["state"] for view in machine.described(ids)]


def test_jobs_run_one_after_the_other_in_slots(make, clock):
    machine = make(jobs_at_once=2, service_time_s=10)
    ids = [machine.submit(order()) for _ in range(4)]
    assert states(machine, ids) == ["running", "running", "queued", "queued"]
    clock.advance(10)
    assert states(machine, ids) == ["done", "done", "running", "running"]
    clock.advance(9.9)
    assert states(machine, ids)[2:] == ["running", "running"]
    clock.advance(0.1)
    assert states(machine, ids) == ["done"] * 4


def test_where_jobs_stand_does_not_depend_on_how_often_one_asks(make, clock):
    machine = make(jobs_at_once=1, service_time_s=3)
    ids = [machine.submit(order()) for _ in range(5)]
    clock.advance(10)  # nobody asked while three jobs ended
    assert states(machine, ids) == ["done", "done", "done", "running", "queued"]
    clock.advance(2)
    assert states(machine, ids) == ["done"] * 4 + ["running"]


def test_a_cancelled_job_makes_room_at_once(make, clock):
    machine = make(jobs_at_once=1, service_time_s=10)
    ids = [machine.submit(order()) for _ in range(3)]
    clock.advance(4)
    machine.cancel(ids[0])
    machine.cancel(ids[2])
    assert states(machine, ids) == ["cancelled", "running", "cancelled"]
    clock.advance(9.9)
    assert states(machine, ids)[1] == "running"
    clock.advance(0.2)
    assert states(machine, ids)[1] == "done"


def test_a_minute_is_any_sixty_seconds(make, clock):
    machine = make(submissions_per_minute=2)
    machine.submit(order())
    clock.advance(59)
    machine.submit(order())
    with pytest.raises(RefusedError, match="2 submissions a minute"):
        machine.submit(order())
    clock.advance(1)
    machine.submit(order())
    with pytest.raises(RefusedError):
        machine.submit(order())


def test_ended_jobs_are_not_pending(make, clock):
    machine = make(pending_jobs=1, service_time_s=1)
    machine.submit(order())
    with pytest.raises(RefusedError, match="1 jobs are pending, and 1 may be"):
        machine.submit(order())
    clock.advance(1)
    machine.submit(order())


def test_a_listing_has_a_job_from_its_lag_on(make, clock):
    machine = make(listing_lag_s=5)
    first = machine.submit(order())
    clock.advance(4)
    second = machine.submit(order())
    assert machine.listed("t") == []
    clock.advance(1)
    assert [view["id"] for view in machine.listed("t")] == [first]
    clock.advance(4)
    assert [view["id"] for view in machine.listed("t")] == [first, second]


def test_a_deleted_job_is_not_listed_and_its_place_is_free(make):
    machine = make(jobs_at_once=1, service_time_s=10)
    first, second = machine.submit(order()), machine.submit(order())
    machine.delete(first)
    assert [view["id"] for view in machine.listed("t")] == [second]
    assert states(machine, [first, second]) == ["running"]
    with pytest.raises(RefusedError, match="no job"):
        machine.delete(first)
