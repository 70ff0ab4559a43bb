"""What the parts of the store have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import CursorResult

    from qiskit_job_manager.stores.database import Database
    from qiskit_job_manager.stores.leases import Ownership


class Part:
    """One side of the store, working on the database that all of them share."""

    def __init__(self, database: Database, ownership: Ownership) -> None:
        self._database = database
        self._ownership = ownership


def must_hit(landed: CursorResult[object], job_set_key: int, rule: str = "it was deleted") -> None:
    """Refuse a write that met no row.

    Raises:
        StoreError: No row was written; the transaction is rolled back.
    """
    if landed.rowcount != 1:
        raise StoreError(f"Job set number {job_set_key} cannot be changed so: {rule}.")
