"""What the driver writes, and what users leave for it.

Every write of a driver first proves that its token is the newest, in the same transaction: on
SQLite this holds the write lock, on a server the job set's row is locked until the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, delete, insert, literal, select

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import schema, write_statements
from qiskit_job_manager.stores.base import Part
from qiskit_job_manager.stores.job_counts import Change
from qiskit_job_manager.stores.job_halves import Halving
from qiskit_job_manager.stores.rows import blob_values, figures_values, offsets_text
from qiskit_job_manager.stores.schema import microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from qiskit_job_manager.model import Advance, Request, RequestKind, Token
    from qiskit_job_manager.stores.database import Database, Statement

_sets, _requests = schema.job_set, schema.request


class Driving(Part):
    """The side of the store that moves job sets forward; see `ports.Store`."""

    def request(self, job_set_key: int, kind: RequestKind, job_index: int | None = None) -> None:
        """Leave a user's word for the driver."""
        values = (literal(kind.value), literal(job_index, BigInteger))
        whole = select(_sets.c.key, *values).where(
            _sets.c.key == job_set_key, _sets.c.former_name.is_(None)
        )
        new = insert(_requests).from_select(["job_set", "kind", "job_index"], whole)
        with self._database.writing() as connection:
            if connection.scalar(new.returning(_requests.c.key)) is None:
                raise StoreError(f"Job set number {job_set_key} was deleted.")

    def claim(self, job_set_key: int, owner: str) -> Token | None:
        """Take the right to drive a job set, or ``None`` while another live driver has it."""
        return self._ownership.claim(job_set_key, owner)

    def renew(self, token: Token) -> bool:
        """Stay the driver; ``False`` means that somebody else is."""
        return self._ownership.renew(token)

    def release(self, token: Token) -> None:
        """Give the right back; harmless when it is held no more."""
        self._ownership.release(token)

    def driver(self, job_set_key: int) -> str | None:
        """Return the identity of the live driver, or ``None`` when nobody drives."""
        return self._ownership.driver(job_set_key)

    def advance(self, token: Token, steps: Sequence[Advance]) -> list[bool]:
        """Write steps of jobs, in one transaction, and tell of each whether it landed."""
        if not steps:
            return []
        with self._database.writing() as connection:
            if not self._is_newest(connection, token):
                return [False] * len(steps)
            writing = _Writing(self._database, connection, token.job_set_key)
            landed = [writing.take(step) for step in steps]
            writing.finish()
            return landed

    def tell(self, token: Token, at: datetime, job_index: int, event: str, cause: str) -> bool:
        """Append to the story of a job; ``False`` when the token is stale."""
        with self._database.writing() as connection:
            newest = self._is_newest(connection, token)
            if newest:
                said = {"job_set": token.job_set_key, "at": microseconds(at), "event": event}
                where = {"job_index": job_index, "cause": cause}
                nothing = {"attempt": None, "before": None, "after": None}
                self._database.run(connection, write_statements.NEW_EVENT, said | where | nothing)
            return newest

    def settle(self, token: Token, request: Request) -> bool:
        """Remove a request that was acted on; ``False`` when the token is stale."""
        with self._database.writing() as connection:
            newest = self._is_newest(connection, token)
            if newest:
                connection.execute(
                    delete(_requests).where(
                        _requests.c.key == request.key, _requests.c.job_set == token.job_set_key
                    )
                )
            return newest

    def _is_newest(self, connection: Connection, token: Token) -> bool:
        values = {"job_set": token.job_set_key, "owner": token.owner, "fence": token.fence}
        return bool(self._database.run(connection, write_statements.HOLDS, values))


class _Writing:
    """Steps of one job set on their way into the store, within one transaction."""

    def __init__(self, database: Database, connection: Connection, job_set_key: int) -> None:
        self._database = database
        self._connection = connection
        self._job_set_key = job_set_key
        self._events: list[dict[str, Any]] = []
        self._counts = Change(job_set_key)

    def take(self, step: Advance) -> bool:
        """Write one step but for its event, and tell whether it landed."""
        values = _values(step, self._job_set_key)
        halving = self._halving(step)
        if halving is not None:
            values |= halving.first()
        changed = self._run(write_statements.of_job(_parts_of_job(step)), values)
        if not changed:
            return False
        position, number, experiments = changed[0]
        self._counts.add(step.expected, -1, -experiments)
        self._counts.add(step.after, 1, experiments)
        if halving is not None:
            halving.write()
            self._counts.add(JobState.PLANNED, 1, halving.moved)
            self._counts.add(step.expected, 0, -halving.moved)
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

    def _halving(self, step: Advance) -> Halving | None:
        if step.halves is None:
            return None
        where = (self._database, self._connection, self._job_set_key)
        return Halving(*where, step.job_key, step.halves)

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
    """Return whatever a statement on the step's job or attempt may need, but for the result."""
    at, status = microseconds(step.at), step.status
    values: dict[str, Any] = {
        "job_set": job_set_key,
        "job": step.job_key,
        "expected": step.expected.value,
        "state": step.after.value,
        "tag": step.new_tag,
        "remote_id": step.remote_id,
        "error": step.error or None,
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
        values["message"] = status.message
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
        "cause": step.cause,
    }
