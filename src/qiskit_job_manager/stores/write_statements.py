"""Statements that write and run often, built once and compiled once for each database.

They run by `Database.run`, which applies no column types: times are given in microseconds, and
states as plain texts.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    bindparam,
    cast,
    exists,
    extract,
    false,
    func,
    insert,
    select,
    true,
    update,
)

from qiskit_job_manager.stores import schema

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Insert, Select, Table, Update

_sets, _jobs, _attempts = schema.job_set.c, schema.job.c, schema.attempt.c


def _into(table: Table, *names: str) -> Insert:
    # Inline, so that the keys of the new rows are not asked for.
    return insert(table).inline().values(_given(*names))


def _given(*names: str) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}


_BLOB = ("format", "sha256", "data")


def _new_job_set(lease_until: ColumnElement[int] | None) -> Insert:
    names = (column.name for column in _sets if column.name not in {"key", "former_name"})
    values = {**_given(*names), "lease_until": lease_until}
    return insert(schema.job_set).values(values).returning(_sets.key)


SERVER_NOW_US = cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
"""The time of a server, as the time columns keep it."""

NEW_JOB_SET = _new_job_set(None)
NEW_JOB_SET_ON_SERVER = _new_job_set(SERVER_NOW_US + bindparam("lease_us", type_=BigInteger))
"""The same, with a lease that runs out after so many microseconds."""

NEW_PAYLOAD = _into(schema.payload, "job_set", "start", *_BLOB)
NEW_EXPERIMENT = _into(schema.experiment, "job_set", "position", "name", "content_hash")
NEW_JOB = _into(
    schema.job,
    *("job_set", "position", "start", "stop", "shots", "share", "shares"),
    *("state", "attempts", "has_result", "cancel_requested", "circuits", "estimate_s"),
)
NEW_ATTEMPT = _into(schema.attempt, "job", "number", "tag", "intended_at")
NEW_RESULT = _into(schema.result, "job", "attempt", "stored_at", *_BLOB)
NEW_EVENT = _into(
    schema.event,
    *("job_set", "at", "job_index", "attempt", "event", "before", "after", "cause"),
)
NEW_OBSERVATION = _into(
    schema.observation, "job_set", "kind", "first_at", "last_at", "sha256", "note"
)

HALF_PAYLOAD = (
    update(schema.payload)
    .where(
        schema.payload.c.job_set == bindparam("job_set"),
        schema.payload.c.start == bindparam("start"),
    )
    .values(_given(*_BLOB))
)
ONE_JOB_MORE = (
    update(schema.job_set)
    .where(_sets.key == bindparam("job_set"))
    .values(n_jobs=_sets.n_jobs + 1)
    .returning(_sets.n_jobs - 1)
)
WHOLE_JOB = select(_jobs.start, _jobs.stop, _jobs.shots, _jobs.circuits, _jobs.estimate_s).where(
    _jobs.key == bindparam("job")
)

_USAGE = ("usage_s", "remote_created_at", "remote_started_at", "remote_ended_at", "session_id")
USAGE_OF_ATTEMPT = (
    update(schema.attempt)
    .where(
        _attempts.tag == bindparam("of_tag"),
        _attempts.job.in_(select(_jobs.key).where(_jobs.job_set == bindparam("of_set"))),
    )
    .values(_given(*_USAGE))
)

HOLDS = (
    select(_sets.key, _sets.volatile)
    .where(
        _sets.key == bindparam("job_set"),
        _sets.owner == bindparam("owner"),
        _sets.fence == bindparam("fence"),
    )
    .with_for_update()
)
"""Finds the job set whose newest token this is, and locks it until the transaction ends."""

RELEASE = (
    update(schema.job_set)
    .where(_sets.key == bindparam("of_set"))
    .values(owner=None, lease_until=None)
)
"""Gives the lease of a job set back, in a transaction that has it locked by `HOLDS`."""

_OF_JOB: dict[str, dict[str, Any]] = {
    "state": _given("state"),
    # The result of an earlier attempt must not be taken for one of this attempt.
    "attempt": {"attempts": _jobs.attempts + 1, "has_result": false()},
    "error": _given("error"),
    "failed_offsets": _given("failed_offsets"),
    "result": {"has_result": true()},
    # In the end whatever an attempt gave can be read.
    "end": {"has_result": exists().where(schema.result.c.job == _jobs.key)},
    "cancel_requested": _given("cancel_requested"),
    "halves": _given("stop", "circuits", "estimate_s"),
}
_OF_ATTEMPT: dict[str, dict[str, Any]] = {
    "accepted": _given("remote_id", "accepted_at"),
    "status": _given("status", "queue_position", "message"),
    "end": _given("ended_at", "error"),
    "figures": _given(*_USAGE),
}


@cache
def of_job(parts: tuple[str, ...]) -> Update | Select[Any]:
    """Return what changes parts of a job that is in the expected state.

    It gives the job's position, its number of attempts and of experiments, afterwards; no row where
    the job is in another state. Without parts nothing is changed.
    """
    seen = (_jobs.position, _jobs.attempts, _jobs.stop - _jobs.start)
    expected = (
        _jobs.key == bindparam("job"),
        _jobs.job_set == bindparam("job_set"),
        _jobs.state == bindparam("expected"),
    )
    if not parts:
        return select(*seen).where(*expected)
    return update(schema.job).where(*expected).values(_merged(_OF_JOB, parts)).returning(*seen)


@cache
def of_attempt(parts: tuple[str, ...]) -> Update:
    """Return what changes parts, at least one, of an attempt."""
    this = (_attempts.job == bindparam("job"), _attempts.number == bindparam("number"))
    return update(schema.attempt).where(*this).values(_merged(_OF_ATTEMPT, parts))


def _merged(known: dict[str, dict[str, Any]], parts: tuple[str, ...]) -> dict[str, Any]:
    # What two parts set is as the later one says.
    return {name: value for part in parts for name, value in known[part].items()}
