"""What fails for long is reported; calls that never return and missing threads stay bounded."""

from __future__ import annotations

import logging
import shutil
import threading
import time

import pytest

from qiskit_job_manager import JobManagerTimeoutError
from qiskit_job_manager.engine.backend_calls import DEADLINES_S
from qiskit_job_manager.engine.call_pool import CallPool
from qiskit_job_manager.engine.rate_limits import MOST_ABANDONED
from qiskit_job_manager.errors import StoreBusyError, StoreGoneError
from qiskit_job_manager.lifecycle import CallKind
from qiskit_job_manager.model import RemoteState, RemoteStatus
from qiskit_job_manager.testing.scripts import Call, Hang, JobStory, Raise

BROKEN = Raise(RuntimeError("There is no current event loop"))
RUNS_ON = JobStory((RemoteStatus(RemoteState.RUNNING),))


def tick_for(bench, seconds):
    until_s = bench.clock.monotonic() + seconds
    while bench.clock.monotonic() < until_s:
        bench.clock.advance(min(max(bench.engine.tick(), 0.01), 60.0))


def warnings(caplog, event):
    return [each for each in caplog.records if getattr(each, "event", None) == event]


def test_reads_that_fail_for_long_are_stored_logged_once_and_given_as_trouble(
    make_bench, circuits, caplog
):
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(3))
    bench.backend.script(Call.STATUSES, *[BROKEN] * 60)
    bench.drive(record)
    tick_for(bench, 120)
    assert len(warnings(caplog, "calls fail")) == 1
    trouble = bench.engine.trouble(record.key)
    assert "asking for the status has failed" in trouble
    assert "no current event loop" in trouble
    assert "3 jobs" in trouble
    assert all("no current event loop" in job.error for job in bench.jobs(record))


def test_what_works_again_is_no_trouble_any_more(make_bench, circuits, caplog):
    bench = make_bench(findable=True)
    bench.backend.tell(RUNS_ON)
    record = bench.job_set(circuits(1))
    bench.backend.script(Call.STATUSES, *[BROKEN] * 6)
    bench.drive(record)
    tick_for(bench, 300)
    assert bench.states(record) == {"active": 1}
    assert bench.engine.trouble(record.key) is None
    assert bench.jobs(record)[0].error is None


def test_a_few_failures_are_no_news(make_bench, circuits, caplog):
    bench = make_bench(findable=True)
    bench.backend.script(Call.FETCH, *[BROKEN] * 2)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert not warnings(caplog, "calls fail")


def test_a_time_out_says_what_fails(manager_on, circuits, wait_until):
    manager, backend = manager_on
    backend.script(Call.STATUSES, *[BROKEN] * 10_000)
    job_set = manager.run(circuits(1), backend)
    wait_until(lambda: "no current event loop" in (job_set.trouble() or ""))
    with pytest.raises(JobManagerTimeoutError, match="no current event loop"):
        job_set.results(timeout=0)


@pytest.fixture
def manager_on(tmp_path):
    from qiskit_job_manager import JobManager
    from qiskit_job_manager.clock import SystemClock
    from qiskit_job_manager.ports import Capabilities
    from qiskit_job_manager.testing import ScriptedBackend

    with JobManager(tmp_path / "store.db") as manager:
        yield manager, ScriptedBackend(SystemClock(), Capabilities())


def test_a_store_that_cannot_be_used_is_logged_once_until_it_can(
    make_bench, circuits, caplog, monkeypatch
):
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(1))

    def locked(*arguments, **options):
        raise StoreBusyError("another process holds it")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "advance", locked)
        bench.drive(record)
        bench.step(10)
        assert "another process holds it" in bench.engine.trouble(record.key)
        assert len(warnings(caplog, "store trouble")) == 1
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert bench.engine.trouble(record.key) is None


@pytest.fixture
def hanging(make_bench, circuits):
    """Return a bench with real threads on which each enquiry hangs, and the calls that hang."""
    bench = make_bench(findable=True)
    calls = [Hang() for _ in range(500)]
    bench.backend.script(Call.STATUSES, *calls)
    bench.engine = bench.new_engine(CallPool(16, 64, lambda: None))
    yield bench, calls
    for call in calls:
        call.release()
    bench.engine.stop()


def tick_and_advance(bench, seconds, times):
    for _ in range(times):
        bench.engine.tick()
        time.sleep(0.002)
        bench.clock.advance(seconds)


def test_calls_that_never_return_are_bounded_for_each_account(hanging, circuits, caplog):
    bench, calls = hanging
    record = bench.job_set(circuits(20))
    bench.drive(record)
    tick_and_advance(bench, 0.1, 40)
    before = threading.active_count()
    tick_and_advance(bench, DEADLINES_S[CallKind.STATUS], 60)
    assert sum(call.reached.is_set() for call in calls) <= MOST_ABANDONED + 16
    assert threading.active_count() <= before + MOST_ABANDONED
    assert "have not returned" in bench.engine.trouble(record.key)
    for call in calls:
        call.release()
    until_s = time.monotonic() + 60
    while bench.states(record) != {"done": 20}:
        assert time.monotonic() < until_s
        tick_and_advance(bench, 1.0, 5)


def test_a_thread_that_cannot_be_started_puts_the_call_off(make_bench, circuits, monkeypatch):
    bench = make_bench(findable=True)
    bench.engine = bench.new_engine(CallPool(16, 64, lambda: None))
    record = bench.job_set(circuits(2))
    start, failures = threading.Thread.start, [1, 2, 3]

    def short_of_threads(thread):
        if thread.name == "qjm-call" and failures:
            failures.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", short_of_threads)
    bench.drive(record)
    until_s = time.monotonic() + 60
    while bench.states(record) != {"done": 2}:
        assert time.monotonic() < until_s
        tick_and_advance(bench, 0.5, 5)
    assert not failures
    bench.engine.stop()
    assert bench.story(record, 0).count("deferred") + bench.story(record, 1).count("deferred") == 3


def test_an_engine_thread_that_cannot_be_started_is_started_later(
    manager_on, circuits, monkeypatch, caplog
):
    manager, backend = manager_on
    start, failures = threading.Thread.start, [1]

    def short_of_threads(thread):
        if thread.name == "qjm-engine" and failures:
            failures.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", short_of_threads)
    with caplog.at_level(logging.WARNING):
        job_set = manager.run(circuits(1), backend)
    assert len(warnings(caplog, "no thread")) == 1
    assert job_set.results(timeout=60).success


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_store_that_was_removed_gives_one_word_and_an_end(
    tmp_path, circuits, caplog, whole_folder
):
    from qiskit_job_manager import JobManager
    from qiskit_job_manager.clock import SystemClock
    from qiskit_job_manager.ports import Capabilities
    from qiskit_job_manager.testing import ScriptedBackend

    path = tmp_path / "folder" / "store.db"
    backend = ScriptedBackend(SystemClock(), Capabilities())
    backend.tell(RUNS_ON)
    manager = JobManager(path)
    job_set = manager.run(circuits(1), backend)
    if whole_folder:
        shutil.rmtree(path.parent)
    else:
        for each in path.parent.glob("store.db*"):
            if each.is_file():
                each.unlink()
    with pytest.raises(StoreGoneError, match="was moved, removed or replaced while it was in use"):
        job_set.wait()
    manager.close()
    broken = warnings(caplog, "broken")
    assert len(broken) <= 1
    assert all("put the file back" in record.getMessage() for record in broken)
    assert not any(record.exc_info for record in caplog.records)
    assert not warnings(caplog, "store trouble")
