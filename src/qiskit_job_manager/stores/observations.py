"""What job sets ran on and in: snapshots, stored once for each content, and when they were seen."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from qiskit_job_manager.errors import StoreCorruptError
from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.model import Blob, Observation, ObservationKind, Snapshot
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.rows import or_corrupt
from qiskit_job_manager.stores.schema import microseconds
from qiskit_job_manager.stores.write_statements import NEW_OBSERVATION

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database

_snapshots, _rows, _sets = schema.snapshot, schema.observation, schema.job_set

_COLUMNS = (_rows.c.kind, _rows.c.first_at, _rows.c.last_at, _rows.c.sha256, _rows.c.note)
_LOCK = (
    select(_sets.c.key)
    .where(_sets.c.key == bindparam("set"), _sets.c.former_name.is_(None))
    .with_for_update()
)
_KEPT = (
    select(_snapshots.c.key)
    .where(_snapshots.c.sha256 == bindparam("sha256"))
    .with_for_update(read=True, key_share=True)
)
_UNNAMED = delete(_snapshots).where(~exists().where(_rows.c.sha256 == _snapshots.c.sha256))


def observe(
    database: Database, job_set_key: int, seen: Observation, snapshot: Snapshot | None
) -> bool:
    """Record what was seen: a new observation, or that the newest one of its kind still holds.

    Args:
        database: The store's database.
        job_set_key: The job set.
        seen: What was seen.
        snapshot: The snapshot that it names, or ``None``.

    Returns:
        ``False`` when the job set was deleted: nothing was written.
    """

    def work(connection: Connection) -> bool:
        if connection.scalar(_LOCK, {"set": job_set_key}) is None:
            return False
        add(database, connection, job_set_key, seen, snapshot)
        return True

    return database.write(work, repeatable=True)


def add(
    database: Database,
    connection: Connection,
    job_set_key: int,
    seen: Observation,
    snapshot: Snapshot | None,
) -> None:
    """Record what was seen, in a transaction that holds the job set."""
    newest = connection.execute(
        select(_rows.c.key, _rows.c.sha256, _rows.c.note)
        .where(_rows.c.job_set == job_set_key, _rows.c.kind == seen.kind.value)
        .order_by(_rows.c.key.desc())
        .limit(1)
    ).one_or_none()
    note = None if seen.note is None else clean(seen.note)
    if newest is not None and (_bytes(newest.sha256), newest.note) == (seen.sha256, note):
        later = update(_rows).where(_rows.c.key == newest.key, _rows.c.last_at < seen.last_at)
        connection.execute(later.values(last_at=seen.last_at))
        return
    add_first(database, connection, job_set_key, seen, snapshot)


def add_first(
    database: Database,
    connection: Connection,
    job_set_key: int,
    seen: Observation,
    snapshot: Snapshot | None,
) -> None:
    """Record what was seen where nothing of the kind was, or something else."""
    if snapshot is not None:
        keep(database, connection, snapshot)
    values = {
        "job_set": job_set_key,
        "kind": seen.kind.value,
        "first_at": microseconds(seen.first_at),
        "last_at": microseconds(seen.last_at),
        "sha256": seen.sha256,
        "note": None if seen.note is None else clean(seen.note),
    }
    database.run(connection, NEW_OBSERVATION, values)


def keep(database: Database, connection: Connection, snapshot: Snapshot) -> None:
    """Store a snapshot unless its content is stored, and hold it until the transaction ends.

    On a server this locks its row, so that no deletion removes it before it is named.
    """
    if database.run(connection, _KEPT, {"sha256": snapshot.sha256}):
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(_snapshots).values(
        sha256=snapshot.sha256, format=snapshot.blob.format, data=snapshot.blob.data
    )
    again = {"sha256": new.excluded.sha256}  # locks a row that another process has just added
    connection.execute(new.on_conflict_do_update(index_elements=["sha256"], set_=again))


def observations(database: Database, job_set_key: int) -> list[Observation]:
    """Return what was seen of a job set, oldest first."""
    found = select(*_COLUMNS).where(_rows.c.job_set == job_set_key).order_by(_rows.c.key)
    return [_observation_from(row) for row in database.read(found)]


def snapshot(database: Database, sha256: bytes) -> Snapshot:
    """Return a snapshot.

    Raises:
        StoreCorruptError: The store does not have it.
    """
    columns = select(_snapshots.c.format, _snapshots.c.data)
    found = database.read(columns.where(_snapshots.c.sha256 == sha256))
    if not found:
        raise StoreCorruptError(
            f"The store names the snapshot {sha256.hex()[:12]} and does not have it, so what a job "
            "set ran on is not known: restore the store from a backup. All else in it can still be "
            "read."
        )
    name, data = found[0]
    return Snapshot(sha256, Blob(name, bytes(data)))


def remove_unnamed(connection: Connection) -> None:
    """Remove the snapshots that no job set names any more, in a transaction of the caller."""
    # On a server another process may name one just now; then the next deletion removes the others.
    with contextlib.suppress(IntegrityError), connection.begin_nested():
        connection.execute(_UNNAMED)


@or_corrupt
def _observation_from(row: Any) -> Observation:
    kind, first_at, last_at, sha256, note = row
    return Observation(ObservationKind(kind), first_at, last_at, _bytes(sha256), note)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
