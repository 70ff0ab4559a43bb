"""The store on SQLAlchemy: one SQLite file by default, PostgreSQL when it is shared.

Importing this package is cheap; SQLAlchemy is imported when a store is opened, Alembic only when
its schema is not the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.stores.locations import default_location, sqlite_path, store_exists

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit_job_manager.stores.sql_store import SqlStore

__all__ = ["default_location", "open_store", "sqlite_path", "store_exists"]


def open_store(location: str | Path | None = None) -> SqlStore:
    """Open a store, making it or bringing its schema up to date where needed.

    The caller closes it. It must not be used across a fork.

    Args:
        location: The path of an SQLite file, or an SQLAlchemy URL (``sqlite:///…``,
            ``postgresql://…``); ``None``: `default_location`.

    Raises:
        StoreError: It cannot be opened; the kind and the message say why.
    """
    from qiskit_job_manager.stores.open import open_at

    return open_at(default_location() if location is None else location)
