"""The version of a store's schema: read, compared, and brought up to date.

Alembic takes most of a second to import, so it is left alone while the version is the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from qiskit_job_manager.errors import StoreTooNewError
from qiskit_job_manager.stores.schema import REVISION

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database


_VERSION = text("SELECT version_num FROM alembic_version")


def bring_up_to_date(database: Database, first: Callable[[Connection], None]) -> None:
    """Make the tables, or migrate them, unless they are of this version.

    All of it is one transaction: a process that is killed in the middle leaves the store as it was,
    and of two processes that migrate at once the second one finds the work done.

    Args:
        database: The open database.
        first: What to do first in the transaction that migrates.

    Raises:
        StoreTooNewError: The tables are of a newer version than this program.
    """
    with database.reading() as connection:
        if _is_newest(connection, database.where):
            return
    with database.writing() as connection:
        first(connection)
        if not _is_newest(connection, database.where):
            from qiskit_job_manager.stores.migrations import migrate

            migrate(connection)


def refuse_newer(database: Database, within: Connection | None = None) -> None:
    """Make sure that no newer program has migrated the store since it was opened.

    Args:
        database: The store's database.
        within: The connection of a transaction that is under way, if any.

    Raises:
        StoreTooNewError: One has.
    """
    rows = database.read(_VERSION, within)
    _compare(rows[0][0] if rows else None, database.where)


def _is_newest(connection: Connection, where: str) -> bool:
    return _compare(schema_version(connection), where)


def _compare(version: str | None, where: str) -> bool:
    if version is not None and version > REVISION:
        from importlib import metadata

        ours = metadata.version("qiskit-job-manager")

        raise StoreTooNewError(
            f"The store {where} has schema version {version}, made by a newer qiskit-job-manager; "
            f"this one, {ours}, knows versions up to {REVISION}: install the newer one."
        )
    return version == REVISION


def schema_version(connection: Connection) -> str | None:
    """Return the number of the store's newest migration, or ``None`` before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(_VERSION)
    return version
