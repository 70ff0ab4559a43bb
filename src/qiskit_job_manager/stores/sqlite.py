"""What is special about SQLite: the file, its settings, and whether it is ours."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from qiskit_job_manager.errors import StoreBusyError, StoreCorruptError, StoreNotWritableError
from qiskit_job_manager.patience import Patience
from qiskit_job_manager.stores import identity
from qiskit_job_manager.stores.database import WRITES, Database
from qiskit_job_manager.stores.database_errors import translated
from qiskit_job_manager.stores.locks import ensure_locks_work

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID = 0x514A4D31
"""Marks the files of this program: the letters QJM1."""

# Short, as each wait in SQLite's own code holds up Ctrl-C; `Database` tries again.
_BUSY_TIMEOUT_S = 1.0

_SWITCH_TIMEOUT_MS = 1000

_SMALLEST = 512
"""Bytes of the smallest SQLite database: one page of the smallest size."""

_OTHER_LIBRARY = (
    "The store {} is open in a process that keeps a write-ahead log, which the SQLite {} of this "
    "process cannot do safely: end the other process first, or use the same Python for both."
)


class _OtherLibraryError(StoreBusyError):
    """Waiting does not help: another process must end first."""


# A new file's pages: half of SQLite's own size, as the last page of each blob is partly empty and
# most are results and circuits of a few thousand bytes. A file that exists keeps its size.
_PAGE_SIZE = "PRAGMA page_size=2048"

_SETTINGS = (
    _PAGE_SIZE,
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    # For each connection, and each thread that reads keeps one.
    "PRAGMA cache_size=-512",
    "PRAGMA synchronous=FULL",
    # Only macOS takes notice: there, a plain fsync does not reach the disk.
    "PRAGMA fullfsync=ON",
)

# To open and close a file by other means drops the locks that SQLite holds on it in this process.
# So no thread opens a new file before the thread that makes it has closed it.
_making = threading.Lock()


def connect(path: Path) -> Database:
    """Open the SQLite file at ``path``, made empty if there is none, and prove that it is ours."""
    _make(path)
    patience = Patience()
    while True:
        try:
            _prepare(path)
            return Database(_engine(path), str(path))
        except _OtherLibraryError:
            raise
        except StoreBusyError:
            if not patience.pause():
                ensure_locks_work(path.parent)
                raise


def _prepare(path: Path) -> None:
    with (
        translated(str(path)),
        closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as connection,
    ):
        _prove_ours(connection, path)
        connection.execute(_PAGE_SIZE)
        _choose_journal(connection, path, journal_mode(sqlite3.sqlite_version_info))


def mark(connection: Connection, path: Path) -> None:
    """Mark the file as ours, and as no copy, in the transaction that makes its tables."""
    if connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID:
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        identity.record_place(connection, path)


def journal_mode(version: tuple[int, ...]) -> str:
    """Return the journal mode that is safe with a version of the SQLite library.

    Before 3.51.3, and in 3.52.0, a write-ahead log that is reset at the wrong instant corrupts
    the file; a rollback journal is slower and has no such defect.
    """
    fixed = version >= (3, 51, 3) and version != (3, 52, 0)
    return "wal" if fixed else "delete"


def _make(path: Path) -> None:
    with _making:
        if path.exists():
            return
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):  # another process was first
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreNotWritableError(
                f"The store {path} cannot be made: {error.strerror}. Name another place with "
                "store=… or QISKIT_JOB_MANAGER_STORE."
            ) from error


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        # A thread that waits for a connection could wait for itself.
        max_overflow=-1,
        creator=lambda: _connected(path),
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _connected(path: Path) -> sqlite3.Connection:
    # If the file was removed meanwhile, SQLite must not make an empty one in its place.
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    if not writes:
        # A read takes its lock with the first statement: with this one, which can be repeated.
        connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1")


def _prove_ours(connection: sqlite3.Connection, path: Path) -> None:
    # SQLite takes a file that is shorter than any database for an empty one, and overwrites it.
    if 0 < path.stat().st_size < _SMALLEST:
        raise StoreCorruptError(f"The file {path} is no SQLite database: name another file.")
    # A transaction that reads undoes first what a crash left, and keeps others from writing.
    connection.execute("BEGIN")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    odd_bytes = path.stat().st_size % page_size
    connection.execute("COMMIT")
    if mark != APPLICATION_ID and (mark or tables):
        raise StoreCorruptError(
            f"The file {path} is an SQLite database, but of another program: name another file."
        )
    # SQLite would read what is missing of the last page as zeros.
    if odd_bytes:
        raise StoreCorruptError(f"The file {path} was cut short: restore it from a backup.")


def _choose_journal(connection: sqlite3.Connection, path: Path, wanted: str) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone() == (wanted,):
        return
    connection.execute(f"PRAGMA busy_timeout={_SWITCH_TIMEOUT_MS}")
    try:
        connection.execute(f"PRAGMA journal_mode={wanted}")
    except sqlite3.OperationalError as error:
        # Another process has it open. The rollback journal may stay; a write-ahead log may not.
        if wanted == "delete":
            raise _OtherLibraryError(_OTHER_LIBRARY.format(path, sqlite3.sqlite_version)) from error
