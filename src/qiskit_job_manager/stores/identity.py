"""The identity of a store: a row in its database that says which store it is."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.generation import generation

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database


def store_ids(database: Database) -> list[str]:
    """Return the identities of a store, the newest last."""
    with database.reading() as connection:
        return _store_ids(connection)


def take_new_identity(connection: Connection) -> list[str]:
    """Give the store an identity of its own, in a transaction that writes; return all it has had.

    It keeps the earlier ones, under which results that are not stored yet may be found.
    """
    new = {"store_id": uuid.uuid4().hex, "generation": generation(connection)}
    connection.execute(insert(schema.store).values(new))
    return _store_ids(connection)


def _store_ids(connection: Connection) -> list[str]:
    row = schema.store.c
    return list(connection.scalars(select(row.store_id).order_by(row.key)))
