"""Which store this is, how far it was driven, and whether it is a copy.

A row in the database is its identity. How far it was driven stands in the database and beside it:
Where a backup or a snapshot takes the place of a store, the database goes back in time and the
files beside it do not. What was submitted after the backup would be submitted, and paid for, again.
So each submission raises a number, the generation, in the transaction that stores its intent; the
number is written beside the database after the commit, and before the submission leaves.

A copy of an SQLite store with unfinished job sets must not be driven: the original may be in
use, and jobs that both submit would be paid for twice. The file's number in its file system
(inode) distinguishes them. It is stored in SQLite's ``user_version``, which is copied with the
file, while the copy itself has another number. A copy that by chance has the same number is not
noticed.
"""

from __future__ import annotations

import fcntl
import os
import uuid
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import exists, insert, select, text, update

from qiskit_job_manager import ways
from qiskit_job_manager.errors import (
    StoreCopiedError,
    StoreCorruptError,
    StoreNotWritableError,
    StoreOutdatedError,
)
from qiskit_job_manager.model import JobState
from qiskit_job_manager.private_files import open_private, private_folder
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.schema import job

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database
    from qiskit_job_manager.stores.store_files import StoreFiles

_DIGITS = 20
_ROW = schema.store.c
_NEWEST_ROW = select(_ROW.key).order_by(_ROW.key.desc()).limit(1).scalar_subquery()
_GENERATION = select(_ROW.generation).where(_ROW.key == _NEWEST_ROW)
_GENERATION_OF_SERVER = text("SELECT last_value FROM store_generation")
_UNFINISHED = [state for state in JobState if not state.is_final]


def store_ids(database: Database) -> list[str]:
    """Return the identities of a store, the newest last."""
    row = schema.store.c
    return [store_id for (store_id,) in database.read(select(row.store_id).order_by(row.key))]


def take_new_identity(connection: Connection, reached: int) -> None:
    """Give the store an identity of its own, in a transaction that writes.

    It keeps the earlier ones, under which results that are not stored yet may be found.

    Args:
        connection: That of the transaction.
        reached: The generation that the store has.
    """
    new = {"store_id": uuid.uuid4().hex, "generation": reached}
    connection.execute(insert(schema.store).values(new))


def raise_generation(connection: Connection) -> int:
    """Raise the generation, in a transaction that writes, and return it."""
    if connection.dialect.name == "sqlite":
        statement = update(schema.store).where(_ROW.key == _NEWEST_ROW)
        raised = statement.values(generation=_ROW.generation + 1).returning(_ROW.generation)
        return int(connection.scalar(raised) or 0)
    return int(connection.scalar(select(schema.store_generation.next_value())) or 0)


def generation(database: Database, within: Connection | None = None) -> int:
    """Return the generation that the database has; ``within`` is as for `Database.read`."""
    statement = _GENERATION if database.has_one_writer else _GENERATION_OF_SERVER
    return int(database.read(statement, within)[0][0])


def record_beside(files: StoreFiles, number: int) -> None:
    """Write a generation beside the database, unless a greater one is there."""
    for path in files.generation_files():
        with suppress(StoreNotWritableError):
            private_folder(path.parent)
            with os.fdopen(open_private(path, os.O_RDWR | os.O_CREAT), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if _number(file.read(_DIGITS)) < number:
                    os.pwrite(file.fileno(), str(number).zfill(_DIGITS).encode(), 0)


def ensure_newest(database: Database, files: StoreFiles, within: Connection | None = None) -> None:
    """Make sure that the database is not older than what was driven from it on this machine.

    Args:
        database: The store's database.
        files: What is beside it.
        within: The connection of a transaction that is under way, if any.

    Raises:
        StoreOutdatedError: It is.
    """
    # In this order: what another process submits meanwhile is in the database first.
    beside = recorded(files)
    if not beside:
        return
    stored = generation(database, within)
    if stored < beside:
        raise StoreOutdatedError(
            f"The store {database.where} is older than what was driven from it: it does not know "
            f"the last {beside - stored} submissions. A backup or a snapshot has taken its place. "
            "Everything can be read. It is safe to put the newer store back. Before you go on with "
            "this one, look on the backend for jobs that it does not know, as they would be "
            f"submitted and paid for again; then allow it: {ways.ADOPT}."
        )


def recorded(files: StoreFiles) -> int:
    """Return the greatest generation that is recorded beside the database, or 0."""
    return max(map(_recorded, files.generation_files()), default=0)


def _recorded(path: Path) -> int:
    try:
        descriptor = open_private(path, os.O_RDONLY)
    except (FileNotFoundError, StoreNotWritableError):
        return 0
    with os.fdopen(descriptor, "rb") as file:
        return _number(file.read(_DIGITS))


def _number(digits: bytes) -> int:
    return int(digits) if digits.isdigit() else 0


def record_place(connection: Connection, path: Path) -> None:
    """Record in the file that this is its place, in a transaction that writes."""
    connection.exec_driver_sql(f"PRAGMA user_version={_mark(path)}")


def is_original(user_version: int, path: Path) -> bool:
    """Return whether a file is where it was made, or adopted."""
    return user_version == _mark(path)


def is_in_place(connection: Connection, path: Path) -> bool:
    """Return whether an open file is where it was made, or adopted."""
    cursor = connection.connection.cursor()
    return is_original(cursor.execute("PRAGMA user_version").fetchone()[0], path)


def ensure_original(database: Database, path: Path) -> bool:
    """Make sure that the file is no copy of a store that another process may go on with.

    Returns:
        ``False`` for a copy in which everything has ended: it may be adopted.

    Raises:
        StoreCopiedError: It may be one.
        StoreCorruptError: It is one, and was copied while it was written to.
    """
    with database.reading() as connection:
        if is_in_place(connection, path):
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
            f"would be paid for twice; then allow it: {ways.ADOPT}."
        )
    return False


def _mark(path: Path) -> int:
    return zlib.crc32(str(path.stat().st_ino).encode()) & 0x7FFFFFFF
