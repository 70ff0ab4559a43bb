"""How far a store was driven: in its database, and beside it, to notice an older copy.

Where a backup or a snapshot takes the place of a store, the database goes back in time and the
files beside it do not. What was submitted after the backup would be submitted, and paid for, again.
So each submission raises a number, the generation, in the transaction that stores its intent; the
number is written beside the database after the commit, and before the submission leaves.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import select, text, update

from qiskit_job_manager.errors import StoreNotWritableError, StoreOutdatedError
from qiskit_job_manager.private_files import open_private, private_folder
from qiskit_job_manager.stores import schema

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database
    from qiskit_job_manager.stores.store_files import StoreFiles

_DIGITS = 20
_ROW = schema.store.c
_NEWEST_ROW = select(_ROW.key).order_by(_ROW.key.desc()).limit(1).scalar_subquery()


def raise_generation(connection: Connection) -> int:
    """Raise the generation, in a transaction that writes, and return it."""
    if connection.dialect.name == "sqlite":
        statement = update(schema.store).where(_ROW.key == _NEWEST_ROW)
        raised = statement.values(generation=_ROW.generation + 1).returning(_ROW.generation)
        return int(connection.scalar(raised) or 0)
    return int(connection.scalar(select(schema.store_generation.next_value())) or 0)


def generation(database: Database) -> int:
    """Return the generation that the database has."""
    if database.has_one_writer:
        rows = database.read(select(_ROW.generation).where(_ROW.key == _NEWEST_ROW))
    else:
        rows = database.read(text("SELECT last_value FROM store_generation"))
    return int(rows[0][0])


def record_beside(files: StoreFiles, number: int) -> None:
    """Write a generation beside the database, unless a greater one is there."""
    for path in files.generation_files():
        with suppress(StoreNotWritableError):
            private_folder(path.parent)
            with os.fdopen(open_private(path, os.O_RDWR | os.O_CREAT), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if _number(file.read(_DIGITS)) < number:
                    os.pwrite(file.fileno(), str(number).zfill(_DIGITS).encode(), 0)


def ensure_newest(database: Database, files: StoreFiles) -> None:
    """Make sure that the database is not older than what was driven from it on this machine.

    Raises:
        StoreOutdatedError: It is.
    """
    # In this order: what another process submits meanwhile is in the database first.
    beside = recorded(files)
    if not beside:
        return
    stored = generation(database)
    if stored < beside:
        raise StoreOutdatedError(
            f"The store {database.where} is older than what was driven from it: it does not know "
            f"the last {beside - stored} submissions. A backup or a snapshot has taken its place. "
            "Everything can be read. It is safe to put the newer store back. Before you go on with "
            "this one, look on the backend for jobs that it does not know, as they would be "
            "submitted and paid for again; then allow it: `qjm adopt`, or "
            "JobManager.adopt_store()."
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
