"""A store that another process holds for a while is waited for, as long as the caller says."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.errors import StoreBusyError, StoreNotWritableError
from qiskit_job_manager.model import RequestKind
from qiskit_job_manager.patience import DEFAULT_S, patient, remaining_s
from qiskit_job_manager.stores import locks, open_store, sqlite
from qiskit_job_manager.testing.store_samples import hand_over, must_claim, submission


@pytest.fixture
def filled(store_path):
    store = open_store(store_path)
    hand_over(store, [["a"]])
    store.close()
    return store_path


@contextmanager
def held(path):
    """Hold the file as a backup program may, until the block ends."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as shell:
        shell.execute("BEGIN EXCLUSIVE")
        yield lambda: shell.execute("ROLLBACK")


CALLS = {
    "a quick read": lambda store, token: store.jobs(token.job_set_key),
    "a read": lambda store, token: store.job_sets(limit=9),
    "a change": lambda store, token: store.change_tags(token.job_set_key, lambda _: ("x",)),
    "a request": lambda store, token: store.request(token.job_set_key, RequestKind.CANCEL),
    "a claim": lambda store, token: store.claim(token.job_set_key, "driver"),
    "a renewal": lambda store, token: store.renew(token),
    "blocks": lambda store, token: hand_over(store, [["b"]], token=token),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_goes_on_when_the_file_is_free_again(call, filled, monkeypatch):
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.01)
    store = open_store(filled)
    token = must_claim(store)
    with held(filled) as let_go:
        with patient(0.05), pytest.raises(StoreBusyError, match="trying again is safe"):
            CALLS[call](store, token)
        timer = threading.Timer(0.3, let_go)
        timer.start()
        CALLS[call](store, token)
        timer.join()
    store.close()


def test_a_store_that_is_held_is_opened_when_it_is_free_again(filled, monkeypatch):
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.01)
    with held(filled) as let_go:
        with patient(0.05), pytest.raises(StoreBusyError):
            open_store(filled)
        timer = threading.Timer(0.3, let_go)
        timer.start()
        open_store(filled).close()
        timer.join()


def test_a_step_is_written_once_however_often_it_had_to_be_tried(filled, monkeypatch):
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.01)
    store = open_store(filled)
    token = must_claim(store)
    intent = submission(store, 0, "tag")
    with held(filled) as let_go:
        timer = threading.Timer(0.3, let_go)
        timer.start()
        assert store.advance(token, [intent]) == [True]
        timer.join()
    assert len(store.attempts(intent.job_key)) == 1
    store.close()


def test_waiting_for_a_set_ends_at_its_deadline_while_the_store_is_held(filled, monkeypatch):
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.01)
    with JobManager(filled) as manager:
        job_set = manager.find("sweep")
        with held(filled):
            assert job_set.wait(timeout=0.2) is False


def test_the_earlier_end_of_two_counts():
    assert remaining_s() == DEFAULT_S
    with patient(float("inf")):
        assert remaining_s() == float("inf")
        with patient(0):
            assert remaining_s() == 0
            with patient(10):
                assert remaining_s() == 0
        assert remaining_s() == float("inf")


def test_a_drive_without_a_lock_service_is_not_called_busy(filled, monkeypatch):
    """Without its lock service SQLite takes a network drive for one that is held."""

    def no_locks(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(locks.fcntl, "lockf", no_locks)
    with (
        held(filled),
        patient(0.05),
        pytest.raises(StoreNotWritableError, match="File locks do not work"),
    ):
        open_store(filled)


def test_what_lasts_is_logged_once(filled, monkeypatch, caplog):
    from qiskit_job_manager.stores import database

    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(database, "_LOG_AFTER_S", 0.05)
    store = open_store(filled)
    with held(filled):
        for _ in range(3):
            with patient(0.2), pytest.raises(StoreBusyError):
                store.job_sets(limit=1)
    assert [record.msg for record in caplog.records] == ["waiting for the store: %s"]
    store.job_sets(limit=1)
    store.close()
