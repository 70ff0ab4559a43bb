"""Several processes, some of which die, share one SQLite store."""

from __future__ import annotations

import gc
import os
import signal

import pytest

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store, sqlite
from qiskit_job_manager.stores.locks import KernelLock
from qiskit_job_manager.testing.store_samples import (
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)


@pytest.fixture
def store(store_path):
    store = open_store(store_path)
    hand_over(store, [["a"], ["b"]])
    yield store
    store.close()


def test_a_driver_that_was_killed_frees_its_right_at_once(store, store_path, fork):
    def drive(say):
        mine = open_store(store_path)
        must_claim(mine, "child")
        say("claimed")
        signal.pause()

    child = fork(drive)
    assert child.word() == "claimed"
    key = the_set(store).key
    assert store.driver(key) == "child"
    assert store.claim(key, "parent") is None
    child.kill()
    assert store.driver(key) is None
    assert must_claim(store, "parent").owner == "parent"


def test_a_driver_that_is_stopped_stays_the_driver(store, store_path, fork):
    def drive(say):
        mine = open_store(store_path)
        must_claim(mine, "child")
        say("claimed")
        os.kill(os.getpid(), signal.SIGSTOP)

    child = fork(drive)
    assert child.word() == "claimed"
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert store.claim(the_set(store).key, "parent") is None
    assert store.driver(the_set(store).key) == "child"


def test_a_fork_that_outlives_the_driver_does_not_keep_its_right(store, store_path, fork):
    def drive(say):
        mine = open_store(store_path)
        must_claim(mine, "child")
        grandchild = os.fork()
        if grandchild == 0:
            say(str(os.getpid()))
            signal.pause()
        signal.pause()

    child = fork(drive)
    grandchild = int(child.word())
    try:
        child.kill()
        assert must_claim(store, "parent").owner == "parent"
    finally:
        os.kill(grandchild, signal.SIGKILL)


def test_a_lock_that_is_forgotten_is_free(tmp_path):
    path = tmp_path / "locks" / "a.lock"
    lock = KernelLock.take(path)
    assert KernelLock.is_held(path)
    assert KernelLock.take(path) is None
    del lock
    gc.collect()
    assert not KernelLock.is_held(path)
    KernelLock.take(path).release()


def test_a_store_opened_before_a_fork_is_refused_in_the_child_and_fine_in_the_parent(store, fork):
    token = must_claim(store)

    def use(say):
        for attempt in (
            lambda: store.jobs(token.job_set_key),
            lambda: store.job_sets(limit=1),
            lambda: store.release(token),
        ):
            with pytest.raises(StoreError, match="forked"):
                attempt()
        store.close()

    assert fork(use).wait() == 0
    assert store.driver(token.job_set_key) == "driver"
    assert store.claim(token.job_set_key, "other") is None
    assert store.advance(token, [submission(store, 0, "t")]) == [True]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_processes_that_open_a_new_store_at_once_all_succeed(
    journal, store_path, fork, monkeypatch
):
    monkeypatch.setattr(sqlite, "journal_mode", lambda version: journal)
    gate_out, gate_in = os.pipe()

    def work(say):
        os.close(gate_in)
        os.read(gate_out, 1)
        name = str(os.getpid())
        store = open_store(store_path)
        assert the_set(store, name).name == name
        store.close()

    children = [fork(work) for _ in range(4)]
    os.close(gate_out)
    os.close(gate_in)
    assert [child.wait() for child in children] == [0] * 4
    store = open_store(store_path)
    assert {found.name for found in store.job_sets(limit=9)} == {str(each.pid) for each in children}
    store.close()


def test_drivers_killed_at_any_moment_leave_whole_steps_only(store, store_path, fork):
    """Attempt, event and state of a step are there together or not at all."""
    submit, back = JobState.SUBMITTING, JobState.PLANNED

    def drive(say):
        mine = open_store(store_path)
        token = must_claim(mine, f"child {os.getpid()}")
        say("driving")
        for number in range(10**6):
            there = submission(mine, 0, f"{os.getpid()}-{number}")
            mine.advance(token, [there, step(mine, 0, submit, back, ends_attempt=True)])
            say(".")

    attempts = 0
    for rounds in range(1, 9):
        child = fork(drive)
        said = ""
        while said.count(".") < rounds % 3:
            said += child.word()
        child.kill()
        job = store.jobs(the_set(store).key)[0]
        assert job.state == JobState.PLANNED
        assert job.attempts >= attempts
        attempts = job.attempts
        tried = store.attempts(job.key)
        assert [attempt.number for attempt in tried] == list(range(1, attempts + 1))
        assert all(attempt.ended_at for attempt in tried)
        story = [event.attempt for event in store.events(the_set(store).key, 0)]
        assert story == [number for attempt in tried for number in [attempt.number] * 2]
    assert attempts > 0
