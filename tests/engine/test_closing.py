"""An engine that is stopped, and whose store is closed, in the middle of a turn."""

from __future__ import annotations

import logging
import threading

import pytest

from qiskit_job_manager.engine import loop
from qiskit_job_manager.testing import FakeClock

DEADLINE_S = 60.0


class GatedStore:
    """A store, one method of which stands still until it is told to go on."""

    def __init__(self, store, method):
        self.whole = store
        self._method = method
        self.reached = threading.Event()
        self.gate = threading.Event()

    def __getattr__(self, name):
        attribute = getattr(self.whole, name)
        return self._gated(attribute) if name == self._method else attribute

    def _gated(self, call):
        def wait_and_call(*args, **kwargs):
            self.reached.set()
            assert self.gate.wait(DEADLINE_S)
            return call(*args, **kwargs)

        return wait_and_call


class PushedClock(FakeClock):
    """A clock on which a quarter of a minute passes each time that somebody looks at it."""

    def monotonic(self):
        self.advance(15.0)
        return super().monotonic()


@pytest.fixture
def started(make_bench, circuits):
    """Start the engine of a bench on three jobs, with a store that stands still at a method."""
    running = []

    def start(method):
        bench = make_bench(findable=True)
        record = bench.job_set(circuits(3), max_usage_s=1000.0)
        store = GatedStore(bench.store, method)
        bench.store, bench.clock = store, PushedClock()
        engine = bench.new_engine()
        bench.store = store.whole
        running.append((engine, store))
        engine.drive(record, bench.backend)
        engine.start()
        assert store.reached.wait(DEADLINE_S)
        return bench, record, engine, store.gate

    yield start
    for engine, store in running:
        store.gate.set()
        engine.stop()


def engine_thread():
    return next(each for each in threading.enumerate() if each.name == "qjm-engine")


# What the engine asks of a store while it drives a set, from the first to the last.
_METHODS = (
    "claim",
    "jobs",
    "renew",
    "job_set",
    "requests",
    "usage",
    "advance",
    "payload",
    "release",
)


@pytest.mark.parametrize("method", _METHODS)
def test_a_store_that_is_closed_in_the_middle_of_a_turn_ends_the_engine_quietly(
    method, started, caplog, monkeypatch
):
    monkeypatch.setattr(loop, "STOP_WITHIN_S", 0.0)  # as on a machine that is too busy to stop
    caplog.set_level(logging.INFO)
    bench, record, engine, gate = started(method)
    thread = engine_thread()
    engine.stop()
    bench.store.close()
    gate.set()
    thread.join(DEADLINE_S)  # an exception that ends a thread fails the test
    assert not thread.is_alive()
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    bench.crash()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
