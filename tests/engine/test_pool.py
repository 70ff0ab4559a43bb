"""Calls that hang are given up and replaced; what comes back late is still made use of."""

from __future__ import annotations

import threading
import time

import pytest

from qiskit_job_manager.engine.backend_calls import DEADLINES_S
from qiskit_job_manager.engine.call_pool import CallPool
from qiskit_job_manager.lifecycle import CallKind
from qiskit_job_manager.testing import Call, Hang


def wait_until(condition, within_s=20.0):
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


@pytest.fixture
def woken():
    return threading.Event()


@pytest.fixture
def pool(woken):
    pool = CallPool(2, 1, woken.set)
    yield pool
    pool.close()


def collect(pool, count):
    found = []
    wait_until(lambda: found.extend(pool.finished()) or len(found) >= count)
    return {done.ticket: done for done in found}


def test_a_call_comes_back_with_its_value_or_its_error(pool, woken):
    good = pool.start(lambda: 7, 10.0)
    bad = pool.start(lambda: 1 / 0, 10.0)
    found = collect(pool, 2)
    assert found[good].value == 7
    assert isinstance(found[bad].error, ZeroDivisionError)
    assert woken.is_set()
    assert pool.free == 2


def test_a_call_that_ends_its_thread_comes_back_with_that(pool):
    def leave():
        raise SystemExit(3)

    ticket = pool.start(leave, 10.0)
    assert isinstance(collect(pool, 1)[ticket].error, SystemExit)


def test_no_more_calls_are_free_than_there_are_places(pool):
    gate = threading.Event()
    for _ in range(2):
        pool.start(gate.wait, 10.0)
    assert pool.free == 0
    gate.set()
    collect(pool, 2)
    assert pool.free == 2


def test_a_call_that_hangs_is_given_up_and_its_place_is_taken_by_another(pool):
    gate = threading.Event()
    hanging = [pool.start(gate.wait, 10.0) for _ in range(2)]
    assert pool.overdue(9.9) == []
    assert pool.overdue(10.0) == hanging
    assert pool.free == 2
    assert collect(pool, 0) == {}
    ticket = pool.start(lambda: "alive", 20.0)
    assert collect(pool, 1)[ticket].value == "alive"
    gate.set()
    late = collect(pool, 2)
    assert set(late) == set(hanging)
    assert pool.free == 2


def test_threads_do_not_pile_up_as_late_calls_come_back(pool):
    others = set(threading.enumerate())  # pools of earlier tests may still be closing
    for _ in range(20):
        gate = threading.Event()
        pool.start(gate.wait, 1.0)
        pool.overdue(1.0)
        gate.set()
        collect(pool, 1)
    ours = set(threading.enumerate()) - others
    assert len([each for each in ours if each.name == "qjm-call"]) <= 4


def turn_until(bench, condition, within_s=20.0):
    """Tick by turn in real time, for calls that run on threads of their own."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        bench.engine.tick()
        time.sleep(0.001)


@pytest.fixture
def threaded(make_bench):
    def make(**can):
        bench = make_bench(**can)
        bench.pool = CallPool(4, 0, lambda: None)
        bench.engine = bench.new_engine(bench.pool)
        return bench

    return make


def test_a_submission_that_hangs_is_in_doubt_and_its_late_answer_is_taken(threaded, circuits):
    bench = threaded()
    hang = Hang(done_first=True)
    bench.backend.script(Call.SUBMIT, hang)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    turn_until(bench, hang.reached.is_set)
    bench.clock.advance(DEADLINES_S[CallKind.SUBMIT])
    turn_until(bench, lambda: bench.states(record)["in doubt"])
    hang.release()
    turn_until(bench, lambda: bench.states(record)["active"])
    bench.clock.advance(60.0)
    turn_until(bench, lambda: bench.states(record)["done"] or bench.clock.advance(1.0))
    assert len(bench.backend.ledger.accepted) == 1


def test_a_submission_that_hangs_is_found_by_its_tag_and_the_late_answer_changes_nothing(
    threaded, circuits
):
    bench = threaded(findable=True)
    hang = Hang(done_first=True)
    bench.backend.script(Call.SUBMIT, hang)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    turn_until(bench, hang.reached.is_set)
    bench.clock.advance(DEADLINES_S[CallKind.SUBMIT])
    turn_until(bench, lambda: bench.states(record)["done"] or bench.clock.advance(1.0))
    hang.release()
    turn_until(bench, lambda: bench.pool.free == 4)
    assert bench.states(record) == {"done": 1}
    assert len(bench.backend.ledger.accepted) == 1


@pytest.mark.parametrize("call", [Call.STATUSES, Call.FETCH])
def test_a_read_that_hangs_is_given_up_and_asked_again(threaded, circuits, call):
    bench = threaded(findable=True)
    hang = Hang()
    bench.backend.script(call, hang)
    record = bench.job_set(circuits(2))
    bench.drive(record)
    turn_until(bench, lambda: hang.reached.is_set() or bench.clock.advance(1.0))
    turn_until(bench, lambda: bench.states(record)["done"] == 2 or bench.clock.advance(30.0))
    hang.release()
    assert len(bench.backend.ledger.accepted) == 2
