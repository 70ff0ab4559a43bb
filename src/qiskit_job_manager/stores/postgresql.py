"""What is special about PostgreSQL: its driver, and who may migrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import ArgumentError

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.stores.database import Database
from qiskit_job_manager.stores.identity import store_ids
from qiskit_job_manager.stores.leases import TimedLeases
from qiskit_job_manager.stores.sql_store import SqlStore
from qiskit_job_manager.stores.store_files import StoreFiles
from qiskit_job_manager.stores.versions import bring_up_to_date

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_MIGRATING = 0x514A4D31
"""Number of the lock that whoever migrates holds; the letters QJM1."""


def open_server(url: str) -> SqlStore:
    """Open the store in the database that a URL names, which must exist."""
    engine = _engine(url)
    database = Database(engine, engine.url.set(query={}).render_as_string(hide_password=True))
    try:
        bring_up_to_date(database, first=_wait_for_others)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, TimedLeases(database), StoreFiles(url, store_ids(database)))


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "The store's URL cannot be read: write postgresql://user@host:port/database."
        ) from error
    try:
        # A server may have been restarted since a connection was last used.
        return create_engine(parsed, pool_pre_ping=True, max_overflow=-1)
    except ModuleNotFoundError as error:
        raise StoreError(
            "A store in PostgreSQL needs its driver: pip install 'qiskit-job-manager[postgres]'."
        ) from error


def _wait_for_others(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
