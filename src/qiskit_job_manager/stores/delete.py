"""Deletes job sets: first it hides them, then it removes their rows in short transactions.

One transaction for a large job set would keep other processes from writing for as long as it takes.
So the first transaction takes away the name, the counts and the lease of the job set; then only
`half_deleted` still finds it. A small job set is gone with that transaction. Where a crash leaves a
rest of a larger one, `delete_rest` removes it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select, update

from qiskit_job_manager.errors import JobManagerInvalidStateError, LeaseLostError
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.observations import remove_unnamed
from qiskit_job_manager.stores.read_statements import TOTALS
from qiskit_job_manager.stores.rows import JOB_SET_COLUMNS, job_set_from, totals_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Column, Connection, Table

    from qiskit_job_manager.model import JobSetRecord, JobState, Token
    from qiskit_job_manager.stores.database import Database, Statement

_SETS = schema.job_set

_TURN_S = 0.05
"""Seconds after which a transaction takes up no further page."""

_FEW = 10
"""Rows a page where each may have many bytes, here or in what goes with it."""

_MANY = 500
"""Rows a page where each is small."""


def _page_of(table: Table, order: Column[int]) -> Statement:
    """Return the statement that removes the next rows of a job set and returns their places."""
    inside, after = table.c.job_set == bindparam("set"), order > bindparam("after")
    page = select(order).where(inside, after).order_by(order).limit(bindparam("rows"))
    return delete(table).where(inside, order.in_(page)).returning(order)


# The jobs go first: a process that still reads the job set finds none, and never one without its
# payload.
_PARTS = (
    (_page_of(schema.job, schema.job.c.position), _FEW),
    (_page_of(schema.payload, schema.payload.c.start), _FEW),
    (_page_of(schema.experiment, schema.experiment.c.position), _MANY),
    (_page_of(schema.event, schema.event.c.key), _MANY),
)

_HIDE = (
    update(_SETS)
    .where(
        _SETS.c.key == bindparam("set"),
        _SETS.c.owner == bindparam("by"),
        _SETS.c.fence == bindparam("fence_held"),
        _SETS.c.former_name.is_(None),
    )
    .values(
        former_name=_SETS.c.name,
        # Names are unique: another set may have this one at once.
        name="deleted " + _SETS.c.job_set_id,
        complete=True,
        owner=None,
        lease_until=None,
        fence=_SETS.c.fence + 1,
    )
    .returning(_SETS.c.key)
)
_LOCK = (
    select(_SETS.c.former_name, _SETS.c.name)
    .where(_SETS.c.key == bindparam("set"))
    .with_for_update()
)
_UNCOUNT = delete(schema.job_count).where(schema.job_count.c.job_set == bindparam("set"))
_REST = delete(_SETS).where(_SETS.c.key == bindparam("set"))


def delete_job_set(
    database: Database, token: Token, expected: Mapping[JobState, int] | None
) -> None:
    """Remove a job set and all that belongs to it; harmless when it is gone.

    Args:
        database: The store's database.
        token: The lease.
        expected: How many jobs are in each state; ``None``: it does not matter.

    Raises:
        LeaseLostError: Another process has the lease, or nobody has it.
        JobManagerInvalidStateError: There are other jobs than expected; nothing was deleted.
    """
    _remove(_Removal(database, token.job_set_key, token, expected))


def delete_rest(database: Database, job_set_key: int) -> None:
    """Remove what is left of a job set that is half deleted; harmless when it is gone.

    Raises:
        LeaseLostError: The job set is not half deleted.
    """
    _remove(_Removal(database, job_set_key, None, None))


def _remove(removal: _Removal) -> None:
    while not removal.take_turn():
        removal.give_way()


def half_deleted(database: Database) -> list[JobSetRecord]:
    """Return the job sets whose deletion began and has not ended, under their former names."""
    columns = (c if c is not _SETS.c.name else _SETS.c.former_name for c in JOB_SET_COLUMNS)
    left = select(*columns).where(_SETS.c.former_name.is_not(None)).order_by(_SETS.c.key)
    return [job_set_from(row) for row in database.read(left)]


class _Removal:
    """The removal of one job set, in several transactions."""

    def __init__(
        self,
        database: Database,
        job_set_key: int,
        token: Token | None,
        expected: Mapping[JobState, int] | None,
    ) -> None:
        self._expected = expected
        self._database = database
        self._values: dict[str, Any] = {"set": job_set_key}
        self._token = token
        self._parts = list(_PARTS)
        self._after = -1
        self._took_s = 0.0

    def take_turn(self) -> bool:
        """Remove what one transaction has time for; return whether nothing is left."""
        with self._database.writing() as connection:
            begin = time.monotonic()
            if self._token is not None:
                held = {"by": self._token.owner, "fence_held": self._token.fence}
                self._run(connection, _HIDE, **held)
            # On a server, two that remove the same rows at once could each wait for the other.
            found = self._run(connection, _LOCK)
            if not found:
                return True
            former_name, name = found[0]
            if former_name is None:
                raise LeaseLostError(
                    f"The job set {name!r} cannot be deleted: another process drives it. Cancel "
                    "it and wait until it has ended, then delete it."
                )
            self._check_jobs(connection, former_name)
            self._run(connection, _UNCOUNT)
            while self._remove_page(connection):
                if time.monotonic() - begin >= _TURN_S:
                    break
            else:
                self._run(connection, _REST)
                remove_unnamed(connection)
                return True
        self._took_s = time.monotonic() - begin
        return False

    def _check_jobs(self, connection: Connection, name: str) -> None:
        """Check, once nobody can add or send jobs any more, that they are as expected."""
        if self._expected is None:
            return
        found = totals_from(self._run(connection, TOTALS)).jobs
        if {state: n for state, n in found.items() if n} != {
            state: n for state, n in self._expected.items() if n
        }:
            raise JobManagerInvalidStateError(
                f"job set {name!r} was changed just before it would have been deleted, so nothing "
                "was deleted: see how far it is, and delete it again"
            )
        self._expected = None  # by the next turn, some are gone

    def give_way(self) -> None:
        """Let other connections write for as long as the last transaction took.

        This matters where only one can write at a time. A connection that finds SQLite's lock taken
        looks again after up to a tenth of a second; without the pause it would most likely find it
        taken again.
        """
        if self._database.has_one_writer:
            time.sleep(self._took_s)

    def _remove_page(self, connection: Connection) -> bool:
        """Remove the next page; return whether there was one."""
        while self._parts:
            statement, rows = self._parts[0]
            more = {"after": self._after, "rows": rows}
            gone = self._run(connection, statement, **more)
            if gone:
                self._after = max(place for (place,) in gone)
                return True
            self._parts.pop(0)
            self._after = -1
        return False

    def _run(
        self, connection: Connection, statement: Statement, **more: Any
    ) -> Sequence[Sequence[Any]]:
        return self._database.run(connection, statement, {**self._values, **more})
