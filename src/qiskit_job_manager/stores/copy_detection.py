"""Whether an SQLite file is the one that was made, or a copy of it.

A copy of a store with unfinished job sets must not be driven: the original may be in use, and jobs
that both submit would be paid for twice. The file's number in its file system (inode)
distinguishes them. It is stored in SQLite's ``user_version``, which is copied with the file, while
the copy itself has another number. A copy that by chance has the same number is not noticed.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from qiskit_job_manager.errors import StoreCopiedError, StoreCorruptError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores.schema import job

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database

_UNFINISHED = [state for state in JobState if not state.is_final]


def record_place(connection: Connection, path: Path) -> None:
    """Record in the file that this is its place, in a transaction that writes."""
    connection.exec_driver_sql(f"PRAGMA user_version={_mark(path)}")


def is_original(user_version: int, path: Path) -> bool:
    """Return whether a file is where it was made, or adopted."""
    return user_version == _mark(path)


def ensure_original(database: Database, path: Path) -> bool:
    """Make sure that the file is no copy of a store that another process may go on with.

    Returns:
        ``False`` for a copy in which everything has ended: it may be adopted.

    Raises:
        StoreCopiedError: It may be one.
        StoreCorruptError: It is one, and was copied while it was written to.
    """
    with database.reading() as connection:
        if connection.exec_driver_sql("PRAGMA user_version").scalar() == _mark(path):
            return True
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise StoreCorruptError(
                f"The store {path} was copied or moved, and is damaged ({found}): copy it again "
                "while nothing uses it."
            )
        unfinished = connection.scalar(select(exists().where(job.c.state.in_(_UNFINISHED))))
    if unfinished:
        raise StoreCopiedError(
            f"The store {path} was copied or moved, and has unfinished job sets. Everything can be "
            "read. To go on here, make sure that nothing goes on with the original, as the jobs "
            "would be paid for twice; then allow it: `qjm adopt`, or JobManager.adopt_store()."
        )
    return False


def _mark(path: Path) -> int:
    return zlib.crc32(str(path.stat().st_ino).encode()) & 0x7FFFFFFF
