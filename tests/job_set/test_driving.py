"""Who moves a job set: what a waiting process makes of a driver that it sees no more."""

from __future__ import annotations

import time
from itertools import chain, repeat

import pytest

from qiskit_job_manager import JobManager, JobManagerInvalidStateError
from qiskit_job_manager.stores.sql_store import SqlStore

OTHER = "run on host-b (process 7)"


@pytest.fixture
def cut_off(store_path, backend, circuits, die_in_hand_over):
    """A job set whose hand-over died with all that was stored done, seen from another process."""
    die_in_hand_over(circuits(5), backend, name="sweep", max_experiments_per_job=2)
    with JobManager(store_path) as second:
        job_set = second.retrieve_job_set("sweep", backend)
        with pytest.raises(JobManagerInvalidStateError, match="cut off"):
            job_set.wait(20)
        yield job_set


@pytest.fixture
def drivers(monkeypatch):
    """Set who drives, one look after the other, and how long leases last there."""

    def set_drivers(seen, *, lease_s):
        looks = iter(seen)
        monkeypatch.setattr(SqlStore, "driver", lambda store, key: next(looks))
        monkeypatch.setattr(SqlStore, "lease_s", lease_s)
        return looks

    return set_drivers


def test_a_driver_whose_lease_ended_in_an_outage_may_come_back(cut_off, drivers):
    looks = drivers(chain([OTHER, None, None, OTHER, None], repeat(OTHER)), lease_s=30.0)
    assert not cut_off.wait(0.5)
    assert next(looks) == OTHER


def test_a_driver_that_does_not_come_back_within_a_lease_is_gone(cut_off, drivers):
    drivers(chain([OTHER], repeat(None)), lease_s=0.1)
    with pytest.raises(JobManagerInvalidStateError, match="cut off"):
        cut_off.wait(20)


def test_the_time_of_a_driver_does_not_run_while_the_store_is_away(cut_off, drivers):
    def seen():
        yield from (OTHER, None)
        time.sleep(0.5)  # longer than two leases
        yield None
        yield from repeat(OTHER)

    looks = drivers(seen(), lease_s=0.2)
    assert not cut_off.wait(1)
    assert next(looks) == OTHER


def test_a_driver_that_was_never_seen_is_not_waited_for(cut_off, drivers):
    looks = drivers(chain([None], repeat(OTHER)), lease_s=30.0)
    with pytest.raises(JobManagerInvalidStateError, match="cut off"):
        cut_off.wait(20)
    assert next(looks) == OTHER


def test_a_kernel_lock_that_is_free_is_final(cut_off, drivers):
    drivers(chain([OTHER], repeat(None)), lease_s=None)
    with pytest.raises(JobManagerInvalidStateError, match="cut off"):
        cut_off.wait(20)
