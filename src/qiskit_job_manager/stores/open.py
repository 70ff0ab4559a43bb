"""Opening a store: which database, which kind of leases, and the schema brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.stores import sqlite
from qiskit_job_manager.stores.identity import store_ids
from qiskit_job_manager.stores.leases import KernelLocks
from qiskit_job_manager.stores.locations import sqlite_path
from qiskit_job_manager.stores.sql_store import SqlStore
from qiskit_job_manager.stores.store_files import StoreFiles
from qiskit_job_manager.stores.versions import bring_up_to_date

if TYPE_CHECKING:
    from pathlib import Path

_SERVERS = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


def open_at(location: str | Path) -> SqlStore:
    """Open the store at a path or URL; see `stores.open_store`."""
    path = sqlite_path(location)
    if path is not None:
        return _open_file(path, location)
    scheme = str(location).partition("://")[0]
    if scheme not in _SERVERS:
        raise StoreError(
            f"No store is known for URLs that begin with {scheme!r}: give the path of a file, "
            "sqlite:///… or postgresql://…"
        )
    from qiskit_job_manager.stores.postgresql import open_server

    return open_server(str(location))


def _open_file(path: Path, location: str | Path) -> SqlStore:
    database = sqlite.connect(path)
    try:
        bring_up_to_date(database, first=lambda connection: sqlite.mark(connection, path))
    except BaseException:
        database.close()
        raise
    files = StoreFiles(location, store_ids(database))
    return SqlStore(database, KernelLocks(database, files), files)
