"""What the driver writes, and what users leave for it.

Every write of a driver first proves that its token is the newest, in the same transaction: on
SQLite this holds the write lock, on a server the job set's row is locked until the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, select, update

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.failures import ConstraintError
from qiskit_job_manager.stores.ownership import holds
from qiskit_job_manager.stores.part import Part
from qiskit_job_manager.stores.rows import blob_values, offsets_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from qiskit_job_manager.model import Advance, Request, RequestKind, Token

_jobs, _attempts, _requests = schema.job, schema.attempt, schema.request


class Driving(Part):
    """The side of the store that moves job sets forward; see `ports.Store`."""

    def request(self, job_set_key: int, kind: RequestKind, job_index: int | None = None) -> None:
        """Leave a user's word for the driver."""
        values = {"job_set": job_set_key, "kind": kind, "job_index": job_index}
        try:
            with self._database.writing() as connection:
                connection.execute(insert(_requests), values)
        except ConstraintError as error:
            raise StoreError(f"Job set number {job_set_key} was deleted.") from error

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
            if not _is_newest(connection, token):
                return [False] * len(steps)
            events: list[dict[str, Any]] = []
            landed = [_take(connection, token.job_set_key, step, events) for step in steps]
            if events:
                connection.execute(insert(schema.event), events)
            return landed

    def settle(self, token: Token, request: Request) -> bool:
        """Remove a request that was acted on; ``False`` when the token is stale."""
        with self._database.writing() as connection:
            newest = _is_newest(connection, token)
            if newest:
                connection.execute(
                    delete(_requests).where(
                        _requests.c.key == request.key, _requests.c.job_set == token.job_set_key
                    )
                )
            return newest


def _is_newest(connection: Connection, token: Token) -> bool:
    locked = select(schema.job_set.c.key).where(*holds(token)).with_for_update()
    return connection.scalar(locked) is not None


def _take(
    connection: Connection, job_set_key: int, step: Advance, events: list[dict[str, Any]]
) -> bool:
    """Write one step; add its event, if it has one, to ``events``."""
    job = _change_job(connection, job_set_key, step)
    if job is None:
        return False
    if step.new_tag is not None:
        _begin_attempt(connection, step, job.attempts)
    _change_attempt(connection, step, job.attempts)
    if step.result is not None:
        row = {"job": step.job_key, "attempt": job.attempts, "stored_at": step.at}
        connection.execute(insert(schema.result), {**row, **blob_values(step.result)})
    if step.after != step.expected or step.new_tag is not None or step.result is not None:
        events.append(_event(job_set_key, step, job))
    return True


def _change_job(connection: Connection, job_set_key: int, step: Advance) -> Row[Any, Any] | None:
    seen = (_jobs.c.position, _jobs.c.attempts)
    expected = (
        _jobs.c.key == step.job_key,
        _jobs.c.job_set == job_set_key,
        _jobs.c.state == step.expected,
    )
    values = _job_values(step)
    if values:
        statement = update(_jobs).where(*expected).values(values).returning(*seen)
        return connection.execute(statement).one_or_none()
    # News of the backend change only the attempt; there are many of them.
    return connection.execute(select(*seen).where(*expected)).one_or_none()


def _job_values(step: Advance) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if step.after != step.expected:
        values["state"] = step.after
    if step.new_tag is not None:
        # The result of an earlier attempt must not be taken for one of this attempt.
        values.update(attempts=_jobs.c.attempts + 1, has_result=False)
    if step.error is not None:
        values["error"] = step.error or None
    if step.failed_offsets is not None:
        values["failed_offsets"] = offsets_text(step.failed_offsets)
    if step.result is not None:
        values["has_result"] = True
    elif step.after.is_final:
        # In the end whatever an attempt gave can be read.
        values["has_result"] = exists().where(schema.result.c.job == _jobs.c.key)
    if step.cancel_requested is not None:
        values["cancel_requested"] = step.cancel_requested
    return values


def _begin_attempt(connection: Connection, step: Advance, number: int) -> None:
    row = {"job": step.job_key, "number": number, "tag": step.new_tag, "intended_at": step.at}
    connection.execute(insert(_attempts), row)


def _change_attempt(connection: Connection, step: Advance, number: int) -> None:
    values = _attempt_values(step)
    if values:
        latest = (_attempts.c.job == step.job_key, _attempts.c.number == number)
        connection.execute(update(_attempts).where(*latest).values(values))


def _attempt_values(step: Advance) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if step.remote_id is not None:
        values.update(remote_id=step.remote_id, accepted_at=step.at)
    if step.status is not None:
        values.update(
            status=step.status.state,
            queue_position=step.status.queue_position,
            message=step.status.message,
        )
    if step.ends_attempt:
        values.update(ended_at=step.at, error=step.error or None)
    return values


def _event(job_set_key: int, step: Advance, job: Row[Any, Any]) -> dict[str, Any]:
    return {
        "job_set": job_set_key,
        "at": step.at,
        "job_index": job.position,
        "attempt": job.attempts or None,
        "event": step.event,
        "before": step.expected,
        "after": step.after,
        "cause": step.cause,
    }
