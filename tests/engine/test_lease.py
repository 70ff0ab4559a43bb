"""The leases of one process: shared inside it, renewed, and safe at the moment of a submission."""

from __future__ import annotations

import pytest

from qiskit_job_manager.engine.lease import RENEW_EVERY_S, SAFE_REST_S, Holder, Leases
from qiskit_job_manager.errors import StoreBusyError

LEASE_S = 30.0


class LeasingStore:
    """A store whose leases end by time, and that counts what it is asked."""

    def __init__(self, store, clock):
        self._store = store
        self._clock = clock
        self.lease_s = LEASE_S
        self.asked = []
        self.errors = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    def _ask(self, name, *arguments):
        self.asked.append(name)
        if self.errors:
            raise self.errors.pop()
        return getattr(self._store, name)(*arguments)

    def claim(self, *arguments):
        return self._ask("claim", *arguments)

    def renew(self, token):
        return self._ask("renew", token)

    def release(self, token):
        return self._ask("release", token)


@pytest.fixture
def bench(make_bench):
    return make_bench(findable=True)


@pytest.fixture
def store(bench, clock):
    return LeasingStore(bench.store, clock)


@pytest.fixture
def leases(store, clock):
    return Leases(store, clock, "me")


@pytest.fixture
def key(bench, circuits):
    return bench.job_set(circuits(1)).key


def test_a_lease_is_claimed_once_and_released_by_the_last_holder(leases, store, key):
    token = leases.take(key, Holder.HAND_OVER)
    assert leases.take(key, Holder.DRIVER) == token
    assert leases.join(key, Holder.DRIVER)
    leases.let_go(key, Holder.HAND_OVER)
    assert leases.has(token)
    leases.let_go(key, Holder.DRIVER)
    assert not leases.has(token)
    assert store.asked == ["claim", "release"]


def test_one_hand_over_at_a_time_holds_a_lease(leases, key):
    assert leases.take(key, Holder.HAND_OVER)
    assert leases.take(key, Holder.HAND_OVER) is None
    assert not leases.join(key, Holder.HAND_OVER)
    leases.let_go(key, Holder.HAND_OVER)
    assert leases.take(key, Holder.HAND_OVER)


def test_a_lease_that_is_not_held_cannot_be_joined(leases, key):
    assert not leases.join(key, Holder.DRIVER)
    leases.let_go(key, Holder.DRIVER)


def test_a_lease_is_renewed_in_time(leases, store, clock, key):
    leases.take(key, Holder.HAND_OVER)
    assert leases.tend() == RENEW_EVERY_S
    clock.advance(RENEW_EVERY_S)
    leases.tend()
    assert store.asked == ["claim", "renew"]


def test_a_lease_that_another_driver_took_is_forgotten(leases, bench, clock, key):
    token = leases.take(key, Holder.DRIVER)
    bench.store.release(token)
    other = bench.store.claim(key, "other")
    clock.advance(RENEW_EVERY_S)
    leases.tend()
    assert not leases.has(token)
    assert bench.store.renew(other)


def test_a_lease_is_safe_only_while_enough_of_it_is_left(leases, clock, key):
    token = leases.take(key, Holder.DRIVER)
    clock.advance(LEASE_S - SAFE_REST_S)
    assert leases.is_safe(token)
    clock.advance(0.1)
    assert not leases.is_safe(token)
    leases.tend()
    assert leases.is_safe(token)


def test_the_time_in_suspension_counts(leases, clock, key):
    token = leases.take(key, Holder.DRIVER)
    clock.suspend(LEASE_S)
    assert not leases.is_safe(token)


def test_a_lease_by_kernel_lock_is_safe_until_it_is_lost(leases, store, clock, key):
    store.lease_s = None
    token = leases.take(key, Holder.DRIVER)
    clock.suspend(1e6)
    assert leases.is_safe(token)
    leases.lose(token)
    assert not leases.is_safe(token)


def test_what_the_store_does_not_take_back_is_released_later(leases, store, key):
    token = leases.take(key, Holder.DRIVER)
    store.errors = [StoreBusyError("locked")]
    with pytest.raises(StoreBusyError):
        leases.let_go(key, Holder.DRIVER)
    leases.tend()
    assert not leases.has(token)
    assert store.asked == ["claim", "release", "release"]


def test_closed_leases_take_no_more(leases, store, key):
    leases.take(key, Holder.DRIVER)
    store.errors = [StoreBusyError("locked")]
    leases.close()
    leases.close()
    assert leases.take(key, Holder.DRIVER) is None


def test_a_submission_leaves_only_if_the_lease_is_safe(bench, clock, circuits, monkeypatch):
    """A machine that was suspended after the intent was stored does not send."""
    record = bench.job_set(circuits(1))
    monkeypatch.setattr(type(bench.store), "lease_s", LEASE_S)
    payload = bench.store.payload

    def suspended(job_key):
        clock.suspend(LEASE_S)
        monkeypatch.setattr(bench.store, "payload", payload)
        return payload(job_key)

    monkeypatch.setattr(bench.store, "payload", suspended)
    bench.drive(record)
    bench.step(2)
    assert not bench.backend.ledger.accepted
    assert bench.states(record) == {"planned": 1}
    assert "lease" in bench.jobs(record)[0].error
    clock.advance(RENEW_EVERY_S)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
