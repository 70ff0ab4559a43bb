"""What the driver of a job set writes.

Each write first proves that its token is the newest, in the same transaction. On SQLite the
transaction holds the write lock; on a server it locks the row of the job set until the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete

from qiskit_job_manager.foreign_text import clean, storable
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import schema, write_statements
from qiskit_job_manager.stores.identity import raise_generation
from qiskit_job_manager.stores.job_counts import Change
from qiskit_job_manager.stores.job_halves import JobHalves
from qiskit_job_manager.stores.rows import blob_values, figures_values, offsets_text
from qiskit_job_manager.stores.schema import microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from qiskit_job_manager.model import Advance, RemoteFigures, Request, Token
    from qiskit_job_manager.stores.database import Database, Statement

_requests = schema.request


def advance(
    database: Database, token: Token, steps: Sequence[Advance], *, releases: bool = False
) -> tuple[list[bool], int | None]:
    """Write steps of jobs in one transaction.

    Args:
        database: The store's database.
        token: The lease.
        steps: The steps; one at least.
        releases: Whether to give the lease back, if every step lands.

    Returns:
        Which of the steps landed; and the new generation of the store where one of them is the
        intent of a submission that may cost something, otherwise ``None``.
    """

    def work(connection: Connection) -> tuple[list[bool], int | None]:
        holds = _holds(database, connection, token)
        if not holds:
            return [False] * len(steps), None
        writing = _Steps(database, connection, token.job_set_key)
        landed = [writing.write(step) for step in steps]
        writing.finish()
        if releases and all(landed):
            database.run(connection, write_statements.RELEASE, {"of_set": token.job_set_key})
        submits = any(
            is_in and step.new_tag for is_in, step in zip(landed, steps, strict=True)
        ) and not any(volatile for _, volatile in holds)
        return landed, raise_generation(connection) if submits else None

    return database.write(work)


def append_event(
    database: Database, token: Token, at: datetime, job_index: int, said: tuple[str, str]
) -> bool:
    """Append an event of a job that changes nothing.

    Args:
        database: The store's database.
        token: The lease.
        at: When it happened.
        job_index: The job.
        said: The event and its cause.

    Returns:
        ``False`` when the token is stale: nothing was written.
    """
    values = {
        "job_set": token.job_set_key,
        "at": microseconds(at),
        "job_index": job_index,
        "event": said[0],
        "cause": clean(said[1]),
        **dict.fromkeys(("attempt", "before", "after")),
    }

    def work(connection: Connection) -> bool:
        newest = _is_newest(database, connection, token)
        if newest:
            database.run(connection, write_statements.NEW_EVENT, values)
        return newest

    return database.write(work)


def finish_request(database: Database, token: Token, request: Request) -> bool:
    """Remove a request that was handled; ``False`` when the token is stale."""

    def work(connection: Connection) -> bool:
        newest = _is_newest(database, connection, token)
        if newest:
            connection.execute(
                delete(_requests).where(
                    _requests.c.key == request.key, _requests.c.job_set == token.job_set_key
                )
            )
        return newest

    return database.write(work, repeatable=True)


def store_usage(database: Database, token: Token, figures: Mapping[str, RemoteFigures]) -> bool:
    """Store what a backend measured of attempts, by their tags; ``False`` for a stale token."""

    def work(connection: Connection) -> bool:
        if not _is_newest(database, connection, token):
            return False
        for tag, measured in figures.items():
            values = {"of_tag": tag, "of_set": token.job_set_key} | figures_values(measured)
            database.run(connection, write_statements.USAGE_OF_ATTEMPT, values)
        return True

    return database.write(work, repeatable=True)


def _is_newest(database: Database, connection: Connection, token: Token) -> bool:
    return bool(_holds(database, connection, token))


def _holds(database: Database, connection: Connection, token: Token) -> Sequence[Sequence[Any]]:
    values = {"job_set": token.job_set_key, "owner": token.owner, "fence": token.fence}
    return database.run(connection, write_statements.HOLDS, values)


class _Steps:
    """The steps of one job set that one transaction writes."""

    def __init__(self, database: Database, connection: Connection, job_set_key: int) -> None:
        self._database = database
        self._connection = connection
        self._job_set_key = job_set_key
        self._events: list[dict[str, Any]] = []
        self._counts = Change(job_set_key)

    def write(self, step: Advance) -> bool:
        """Write one step without its event, and return whether it landed."""
        values = _values(step, self._job_set_key)
        halves = self._halves_of(step)
        if halves is not None:
            values |= halves.of_first()
        changed = self._run(write_statements.of_job(_parts_of_job(step)), values)
        if not changed:
            return False
        position, number, experiments = changed[0]
        self._counts.add(step.expected, -1, -experiments)
        self._counts.add(step.after, 1, experiments)
        if halves is not None:
            halves.write()
            self._counts.add(JobState.PLANNED, 1, halves.n_moved)
            self._counts.add(step.expected, 0, -halves.n_moved)
        values |= {"number": number, "attempt": number}
        if step.new_tag is not None:
            self._run(write_statements.NEW_ATTEMPT, values)
        parts = _parts_of_attempt(step)
        if parts:
            self._run(write_statements.of_attempt(parts), values)
        if step.result is not None:
            self._run(write_statements.NEW_RESULT, values | blob_values(step.result, step.job_key))
        if step.is_in_story:
            self._events.append(_event(self._job_set_key, step, position, number))
        return True

    def _halves_of(self, step: Advance) -> JobHalves | None:
        if step.halves is None:
            return None
        where = (self._database, self._connection, self._job_set_key)
        return JobHalves(*where, step.job_key, step.halves)

    def finish(self) -> None:
        """Write the events of the steps that landed, and the counts after them."""
        self._counts.write(self._database, self._connection)
        if self._events:
            self._database.run_many(self._connection, write_statements.NEW_EVENT, self._events)

    def _run(self, statement: Statement, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
        return self._database.run(self._connection, statement, values)


def _parts_of_job(step: Advance) -> tuple[str, ...]:
    parts = {
        "state": step.after != step.expected,
        "attempt": step.new_tag is not None,
        "error": step.error is not None,
        "failed_offsets": step.failed_offsets is not None,
        "end": step.after.is_final,
        "result": step.result is not None,
        "cancel_requested": step.cancel_requested is not None,
        "halves": step.halves is not None,
    }
    return tuple(part for part, changes_it in parts.items() if changes_it)


def _parts_of_attempt(step: Advance) -> tuple[str, ...]:
    parts = {
        "accepted": step.remote_id is not None,
        "status": step.status is not None,
        "end": step.ends_attempt,
        "figures": step.result is not None and step.result.figures is not None,
    }
    return tuple(part for part, changes_it in parts.items() if changes_it)


def _values(step: Advance, job_set_key: int) -> dict[str, Any]:
    """Return the values that statements on the step's job or attempt use, without the result."""
    at, status = microseconds(step.at), step.status
    values: dict[str, Any] = {
        "job_set": job_set_key,
        "job": step.job_key,
        "expected": step.expected.value,
        "state": step.after.value,
        "tag": step.new_tag,
        "remote_id": step.remote_id and storable(step.remote_id),
        "error": clean(step.error) if step.error else None,
        "failed_offsets": offsets_text(step.failed_offsets or ()),
        "cancel_requested": step.cancel_requested,
        "intended_at": at,
        "accepted_at": at,
        "stored_at": at,
        "ended_at": at,
    }
    if step.result is not None and step.result.figures is not None:
        values |= figures_values(step.result.figures)
    if status is not None:
        values["status"] = status.state.value
        values["queue_position"] = status.queue_position
        values["message"] = status.message and clean(status.message)
    return values


def _event(job_set_key: int, step: Advance, position: int, number: int) -> dict[str, Any]:
    return {
        "job_set": job_set_key,
        "at": microseconds(step.at),
        "job_index": position,
        "attempt": number or None,
        "event": str(step.event),
        "before": step.expected.value,
        "after": step.after.value,
        "cause": step.cause and clean(step.cause),
    }
