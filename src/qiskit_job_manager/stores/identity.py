"""The identity of a store: a row in its database that says which store it is."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from qiskit_job_manager.stores import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database


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
