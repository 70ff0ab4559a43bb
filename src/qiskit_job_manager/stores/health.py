"""A look at a store's file that changes nothing: it neither makes nor migrates one."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import identity
from qiskit_job_manager.stores.schema import REVISION
from qiskit_job_manager.stores.sqlite import APPLICATION_ID, journal_mode
from qiskit_job_manager.stores.store_files import StoreFiles

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 5.0
_DEFECTS_TOLD = 5
_WITH_GENERATION = "0005"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What an SQLite file is like.

    Attributes:
        path: The file.
        n_bytes: Its size, with those of its journals.
        others_can_read: Whether other users of the machine may read it.
        is_empty: Whether nothing was ever stored in it: another process makes a store of it now, or
            died before it did.
        is_ours: Whether it is marked as a store of this program.
        journal_mode: The journal mode that it is in.
        safe_mode: The journal mode that is safe with this SQLite library.
        revision: Version of its schema, or ``None`` if it has none.
        is_original: Whether it is where it was made, or has nothing unfinished: of other copies,
            it is not known whether something goes on with the original.
        unknown_submissions: Submissions that were made from the store and that it does not know,
            as a backup has taken its place.
        defects: What SQLite's check of its structure found; empty is well.
    """

    path: Path
    n_bytes: int
    others_can_read: bool
    is_empty: bool
    is_ours: bool
    journal_mode: str
    safe_mode: str
    revision: str | None
    is_original: bool
    unknown_submissions: int
    defects: tuple[str, ...]

    @property
    def is_newer(self) -> bool:
        """Whether a newer program has made it, which this one cannot open."""
        return self.revision is not None and self.revision > REVISION


def examine(path: Path) -> Health:
    """Look at an SQLite file that exists.

    The structure is checked as a whole, which takes about as long as reading the file.

    Raises:
        sqlite3.Error: It is no SQLite database, is too damaged to be read, or is locked.
        OSError: It cannot be read.
    """
    with closing(
        sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_S, isolation_level=None
        )
    ) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")  # another process may just make a store of the file
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        (place,) = connection.execute("PRAGMA user_version").fetchone()
        found = connection.execute(f"PRAGMA quick_check({_DEFECTS_TOLD})").fetchall()
        revision = _revision(connection)
        connection.execute("COMMIT")
        return Health(
            path=path,
            n_bytes=sum(map(_size, _files(path))),
            others_can_read=bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)),
            is_empty=not mark and not tables,
            is_ours=mark == APPLICATION_ID,
            journal_mode=mode,
            safe_mode=journal_mode(sqlite3.sqlite_version_info),
            revision=revision,
            is_original=identity.is_original(place, path) or not _has_unfinished(connection),
            unknown_submissions=_unknown_submissions(connection, path),
            defects=tuple(text for (text,) in found if text != "ok"),
        )


def _files(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-journal"))]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # a journal comes and goes
        return 0


def _has_unfinished(connection: sqlite3.Connection) -> bool:
    if _revision(connection) is None:
        return False
    ended = ", ".join(f"'{state}'" for state in JobState if state.is_final)
    question = f"SELECT EXISTS(SELECT 1 FROM job WHERE state NOT IN ({ended}))"  # noqa: S608  ours
    return bool(connection.execute(question).fetchone()[0])


def _unknown_submissions(connection: sqlite3.Connection, path: Path) -> int:
    if (_revision(connection) or "") < _WITH_GENERATION:
        return 0
    rows = connection.execute("SELECT store_id, generation FROM store ORDER BY key").fetchall()
    # In this order: a process that submits meanwhile writes the database first.
    beside = identity.recorded(StoreFiles(path, [store_id for store_id, _ in rows]))
    (stored,) = connection.execute("SELECT generation FROM store ORDER BY key DESC").fetchone()
    return max(0, beside - int(stored))


def _revision(connection: sqlite3.Connection) -> str | None:
    table = "SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'"
    if connection.execute(table).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None
