"""Where a store is, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qiskit_job_manager.errors import StoreError, StoreNotWritableError
from qiskit_job_manager.stores import default_location, open_store, store_exists


def test_the_environment_names_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", f"sqlite:///{tmp_path}/named.db")
    store = open_store()
    store.close()
    assert default_location() == f"sqlite:///{tmp_path}/named.db"
    assert (tmp_path / "named.db").exists()


def test_the_default_is_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("QISKIT_JOB_MANAGER_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = Path(default_location())
    assert path.name == "store.db"
    assert path.parent.name == "qiskit-job-manager"
    assert path.is_relative_to(tmp_path)


@pytest.mark.parametrize(
    "write", [str, Path, "sqlite:///{}".format, "sqlite+pysqlite:///{}".format]
)
def test_a_path_and_its_urls_name_the_same_file(write, tmp_path):
    path = tmp_path / "a b%20" / "store.db"
    location = write(
        str(path).replace("%", "%25") if callable(write) and write not in (str, Path) else path
    )
    assert not store_exists(location)
    store = open_store(location)
    store.close()
    assert store_exists(location)
    assert path.exists()


def test_a_relative_path_stays_the_same_file_when_the_process_moves(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    store = open_store("store.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert store.job_sets(limit=1) == []
    assert str(tmp_path) in store.url
    store.close()


def test_what_an_open_store_calls_its_url_opens_it_again(store_path):
    store = open_store(store_path)
    again = open_store(store.url)
    assert again.url == store.url
    store.close()
    again.close()


@pytest.mark.parametrize(
    ("location", "right"),
    [
        ("mysql://root@host/db", "postgresql://"),
        ("oracle+x://host", "sqlite:///"),
        ("sqlite://", "sqlite:///relative"),
        ("sqlite:///x.db?mode=ro", "without options"),
        ("sqlite:///:memory:", "path of a file"),
        (":memory:", "path of a file"),
        ("", "path of a file"),
        ("a\0b", "path of a file"),
        ("postgresql://host:port/db", "postgresql://user@host:port/database"),
    ],
)
def test_a_location_that_cannot_be_used_is_refused_with_the_right_ones(location, right):
    with pytest.raises(StoreError) as caught:
        open_store(location)
    assert right in str(caught.value)


def test_a_place_where_nothing_can_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreNotWritableError, match=str(tmp_path / "file" / "store.db")):
        open_store(tmp_path / "file" / "store.db")


def test_a_password_is_shown_nowhere():
    secret = "hunter2"
    with pytest.raises(StoreError) as caught:
        open_store(f"postgresql://me:{secret}@127.0.0.1:1/db?password={secret}")
    error: BaseException | None = caught.value
    while error is not None:
        assert secret not in str(error)
        error = error.__cause__ or error.__context__


def test_only_the_owner_can_read_what_is_made(tmp_path):
    before = os.umask(0)
    try:
        store = open_store(tmp_path / "new" / "store.db")
        store.create_job_set(_draft(), "me")
        made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
        assert {path.name for path in made} >= {"store.db", "store.db.locks"}
        for path in made:
            assert path.stat().st_mode & 0o077 == 0, path
        store.close()
    finally:
        os.umask(before)


def _draft():
    from qiskit_job_manager.testing.store_samples import draft

    return draft()


def test_opening_a_store_that_is_up_to_date_imports_no_alembic(store_path):
    open_store(store_path).close()
    program = (
        "import sys; from qiskit_job_manager.stores import open_store\n"
        "assert 'sqlalchemy' not in sys.modules\n"
        "store = open_store(sys.argv[1]); store.job_sets(limit=1); store.close()\n"
        "assert 'sqlalchemy' in sys.modules and 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(store_path)], check=True)
