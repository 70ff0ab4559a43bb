"""An SQLite store meets what can happen to files."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from qiskit_job_manager.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreGoneError,
    StoreNotWritableError,
    StoreTooNewError,
)
from qiskit_job_manager.model import JobState, RawResult
from qiskit_job_manager.patience import patient
from qiskit_job_manager.stores import open_store, sqlite
from qiskit_job_manager.testing.store_samples import (
    create,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)


def raw(path, *statements):
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return [connection.execute(statement).fetchall() for statement in statements][-1]
    finally:
        connection.close()


@pytest.fixture
def filled(store_path):
    """Path of a closed store with one job set, its first job done."""
    store = open_store(store_path)
    hand_over(store, [["a", "b"], ["c"]])
    done = RawResult("raw/1", b"precious result")
    token = must_claim(store)
    store.advance(token, [submission(store, 0, "t")])
    store.advance(token, [step(store, 0, JobState.SUBMITTING, JobState.DONE, result=done)])
    store.close()
    return store_path


@pytest.mark.parametrize(
    "content", [b"circuits = []\n" * 99, b"x", b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_is_named_and_left_alone(store_path, content):
    store_path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match=str(store_path)):
        open_store(store_path)
    assert store_path.read_bytes() == content


def test_another_programs_database_is_left_alone(store_path):
    raw(store_path, "CREATE TABLE photos (name)")
    before = store_path.read_bytes()
    with pytest.raises(StoreCorruptError, match="another program"):
        open_store(store_path)
    assert store_path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(StoreError, match=str(tmp_path)):
        open_store(tmp_path)


def test_an_empty_file_becomes_a_store(store_path):
    store_path.touch()
    store = open_store(store_path)
    assert store.job_sets(limit=1) == []
    store.close()


def test_a_truncated_file_is_called_damaged_wherever_it_is_cut(filled):
    whole = filled.read_bytes()
    for size in (*range(1, len(whole), 2048), len(whole) - 1):
        filled.write_bytes(whole[:size])
        with pytest.raises(StoreCorruptError, match=str(filled)):
            _read_all(filled)


def _read_all(path):
    store = open_store(path)
    try:
        for job_set in store.job_sets(limit=9):
            list(store.experiments(job_set.key))
            list(store.events(job_set.key))
            for job in store.jobs(job_set.key):
                store.payload(job.key)
                store.result(job.key)
    finally:
        store.close()


@pytest.mark.parametrize("table", ["payload", "result"])
def test_bytes_that_changed_are_never_handed_out(filled, table):
    raw(filled, f"UPDATE {table} SET data = CAST('x' || substr(data, 2) AS BLOB)")
    store = open_store(filled)
    (job,) = store.jobs(the_set(store).key, limit=1)
    with pytest.raises(StoreCorruptError, match=f"{table} of job number {job.key}"):
        getattr(store, table)(job.key)
    store.close()


@pytest.mark.parametrize("table", ["payload", "result"])
def test_a_checksum_that_is_none_is_called_damage(filled, table):
    raw(filled, f"UPDATE {table} SET sha256 = 7")
    store = open_store(filled)
    (job,) = store.jobs(the_set(store).key, limit=1)
    with pytest.raises(StoreCorruptError):
        getattr(store, table)(job.key)
    store.close()


def test_bytes_that_a_damaged_number_gave_to_another_job_are_never_handed_out(filled):
    raw(filled, "UPDATE result SET job = (SELECT max(key) FROM job)")
    store = open_store(filled)
    last = store.jobs(the_set(store).key)[-1]
    with pytest.raises(StoreCorruptError, match=f"result of job number {last.key}"):
        store.result(last.key)
    store.close()


def test_a_schema_that_is_no_text_any_more_is_called_damage(filled):
    """SQLite quotes what it cannot parse, which Python then cannot decode."""
    data = filled.read_bytes()
    assert b"PRIMARY KEY" in data
    filled.write_bytes(data.replace(b"PRIMARY KEY", b"PRIMAR\xd9 KEY"))
    with pytest.raises(StoreCorruptError, match="damaged"):
        open_store(filled)


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("UPDATE job SET state = 'melted'", lambda store, key: store.jobs(key)),
        (
            "UPDATE job_count SET state = 'melted' WHERE state = 'planned'",
            lambda store, key: store.totals(key),
        ),
        ("UPDATE job SET failed_offsets = '[1'", lambda store, key: store.jobs(key)),
        ("UPDATE job_set SET limits = '[]'", lambda store, key: store.job_sets(limit=1)),
        ("UPDATE job_set SET options = 'x'", lambda store, key: store.job_sets(limit=1)),
        ("UPDATE event SET after = 'melted'", lambda store, key: list(store.events(key))),
    ],
)
def test_a_row_that_makes_no_sense_is_called_damage(filled, change, read):
    store = open_store(filled)
    key = the_set(store).key
    raw(filled, change)
    with pytest.raises(StoreCorruptError):
        read(store, key)
    store.close()


@pytest.mark.parametrize(
    "change", ["DELETE FROM job_count", "UPDATE job_count SET jobs = jobs + 1, experiments = 7"]
)
def test_whoever_drives_puts_wrong_counts_right(filled, change):
    store = open_store(filled)
    before = store.totals(the_set(store).key)
    raw(filled, change)
    assert store.totals(the_set(store).key) != before
    store.claim(the_set(store).key, "me")
    assert store.totals(the_set(store).key) == before
    store.close()


def test_a_newer_store_is_refused_naming_both_versions(filled):
    raw(filled, "UPDATE alembic_version SET version_num = '0907'")
    before = filled.read_bytes()
    with pytest.raises(StoreTooNewError, match=r"0907.*0012"):
        open_store(filled)
    assert filled.read_bytes() == before


def test_a_full_disk_writes_nothing_by_halves_and_passes(filled, monkeypatch):
    (pages,) = raw(filled, "PRAGMA page_count")[0]
    with monkeypatch.context() as patch:
        patch.setattr(
            sqlite, "_SETTINGS", (*sqlite._SETTINGS, f"PRAGMA max_page_count={pages + 2}")
        )
        store = open_store(filled)
        before = the_set(store), store.totals(the_set(store).key)
        with pytest.raises(StoreFullError, match="no space"):
            hand_over(store, [[f"e{i}" for i in range(1000)]])
        assert (the_set(store), store.totals(the_set(store).key)) == before
        assert create(store, draft("small")).name == "small"
        store.close()
    store = open_store(filled)
    hand_over(store, [[f"e{i}" for i in range(1000)]])
    store.close()


def test_a_store_that_cannot_be_written_can_be_read(filled, monkeypatch):
    monkeypatch.setattr(sqlite, "_SETTINGS", (*sqlite._SETTINGS, "PRAGMA query_only=ON"))
    store = open_store(filled)
    assert the_set(store).n_experiments == 3
    with pytest.raises(StoreNotWritableError, match=str(filled)) as caught:
        store.rename(the_set(store).key, "other")
    assert isinstance(caught.value, OSError)
    store.close()


def test_a_store_held_for_too_long_is_busy_and_goes_on_later(filled):
    store = open_store(filled)
    other = sqlite3.connect(filled, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    key = 1
    for use in (
        lambda: store.rename(key, "other"),
        lambda: store.jobs_covering(key, 0),
        lambda: store.job_sets(limit=1),
        lambda: store.claim(key, "me"),
    ):
        with patient(0.05), pytest.raises(StoreBusyError):
            use()
    other.execute("ROLLBACK")
    other.close()
    assert len(store.jobs_covering(key, 0)) == 1
    assert store.claim(key, "me") is not None
    store.close()


@pytest.mark.parametrize("text", ["lone \ud800 surrogate"])
def test_text_that_no_database_takes_is_an_error_of_ours(store_path, text):
    store = open_store(store_path)
    with pytest.raises(StoreError, match=str(store_path)):
        create(store, draft(name=text))
    assert store.job_sets(limit=1) == []
    store.close()


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "delete"),
        ((3, 51, 2), "delete"),
        ((3, 51, 3), "wal"),
        ((3, 51, 9), "wal"),
        ((3, 52, 0), "delete"),
        ((3, 52, 1), "wal"),
        ((3, 53, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_a_write_ahead_log_is_used_only_where_the_library_resets_it_safely(version, mode):
    assert sqlite.journal_mode(version) == mode


def test_the_journal_follows_the_library_that_opens_the_file(filled, monkeypatch):
    for mode in ("wal", "delete", "wal"):
        monkeypatch.setattr(sqlite, "journal_mode", lambda version, mode=mode: mode)
        _read_all(filled)
        assert raw(filled, "PRAGMA journal_mode") == [(mode,)]


def test_a_log_in_use_elsewhere_is_not_shared_with_an_unsafe_library(filled, monkeypatch):
    monkeypatch.setattr(sqlite, "journal_mode", lambda version: "wal")
    safe = open_store(filled)
    safe.jobs(1)
    monkeypatch.setattr(sqlite, "journal_mode", lambda version: "delete")
    monkeypatch.setattr(sqlite, "_SWITCH_TIMEOUT_MS", 10)
    with pytest.raises(StoreBusyError, match="write-ahead log"):
        open_store(filled)
    safe.close()
    open_store(filled).close()


def test_a_journal_in_use_elsewhere_stays_for_now(filled, monkeypatch):
    reader = sqlite3.connect(filled, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM job").fetchall()
    monkeypatch.setattr(sqlite, "journal_mode", lambda version: "wal")
    monkeypatch.setattr(sqlite, "_SWITCH_TIMEOUT_MS", 10)
    _read_all(filled)
    reader.close()
    assert raw(filled, "PRAGMA journal_mode") == [("delete",)]


def test_every_connection_has_the_settings_that_the_promises_need(filled):
    database = sqlite.connect(filled)
    with database.writing() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("foreign_keys", "trusted_schema", "synchronous", "busy_timeout")
        }
    assert found == {
        "foreign_keys": 1,
        "trusted_schema": 0,
        "synchronous": 2,
        "busy_timeout": 1_000,
    }
    database.close()


def test_pages_are_small_so_that_results_leave_little_of_them_empty(store_path):
    """A result of 6,200 bytes takes two pages of SQLite's own size, a quarter of it for nothing."""
    open_store(store_path).close()
    header = store_path.read_bytes()[:100]
    assert int.from_bytes(header[16:18], "big") == 2048


@pytest.mark.parametrize("what", ["file", "folder", "replaced"])
def test_a_store_whose_file_is_gone_says_so_and_makes_no_other(tmp_path, what):
    folder = tmp_path / "folder"
    store = open_store(folder / "store.db")
    hand_over(store, [["a"]])
    token = must_claim(store)
    key = token.job_set_key
    if what == "folder":
        shutil.rmtree(folder)
    else:
        (folder / "store.db").unlink()
    if what == "replaced":
        (folder / "store.db").write_bytes(b"")
    for use in (
        lambda: store.change_tags(key, lambda _: ("x",)),
        lambda: store.claim(key, "driver"),
        lambda: store.advance(token, [submission(store, 0, "tag")]),
        lambda: create(store, draft("new")),
    ):
        with pytest.raises(StoreGoneError, match=r"moved, removed or replaced.*put the file back"):
            use()
    store.close()
    assert folder.exists() == (what != "folder")
    assert (folder / "store.db").exists() == (what == "replaced")
