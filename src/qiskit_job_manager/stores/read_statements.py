"""Statements that read and run often, built once and compiled once for each database.

They run by `Database.quick`, which applies no column types: none of them reads a time.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, exists, func, or_, select, union_all

from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.rows import EXPERIMENT_COLUMNS, JOB_COLUMNS, REQUEST_COLUMNS

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Select, Subquery

    from qiskit_job_manager.model import JobState

_experiments, _jobs, _attempts = schema.experiment.c, schema.job.c, schema.attempt.c
_counts = schema.job_count.c
_payloads, _results, _requests = schema.payload.c, schema.result.c, schema.request.c

_SET: BindParameter[int] = bindparam("set")
_JOB: BindParameter[int] = bindparam("job")
_INDEX: BindParameter[int] = bindparam("index")
_AFTER: BindParameter[int] = bindparam("after")
_START: BindParameter[int] = bindparam("start")
_STOP: BindParameter[int] = bindparam("stop")
_NAME: BindParameter[str] = bindparam("name")
_CONTENT: BindParameter[bytes] = bindparam("content")
_LIMIT: BindParameter[int] = bindparam("limit")

EXPERIMENT = select(*EXPERIMENT_COLUMNS).where(
    _experiments.job_set == _SET, _experiments.position == _INDEX
)

EXPERIMENTS = (
    select(*EXPERIMENT_COLUMNS)
    .where(_experiments.job_set == _SET, _experiments.position > _AFTER)
    .order_by(_experiments.position)
    .limit(_LIMIT)
)

REQUESTS = select(*REQUEST_COLUMNS).where(_requests.job_set == _SET).order_by(_requests.key)

INDICES = (
    select(_experiments.position)
    .where(_experiments.job_set == _SET, _experiments.name == _NAME)
    .order_by(_experiments.position)
)
SOME_INDICES = INDICES.limit(_LIMIT)

WITH_CONTENT = (
    select(_experiments.position)
    .where(_experiments.job_set == _SET, _experiments.content_hash == _CONTENT)
    .order_by(_experiments.position)
    .limit(_LIMIT)
)
NAMED_WITH_CONTENT = WITH_CONTENT.where(_experiments.name == _NAME)

_other = schema.experiment.alias("other").c
_NAMESAKES = select(_other.position).where(
    _other.job_set == _experiments.job_set, _other.name == _experiments.name
)
# Each half is found in the index of names; "not this one" would be looked for in the whole set.
UNIQUE_NAMES = select(_experiments.name, _experiments.position).where(
    _experiments.job_set == _SET,
    _experiments.position >= _START,
    _experiments.position < _STOP,
    ~exists(_NAMESAKES.where(_other.position < _experiments.position)),
    ~exists(_NAMESAKES.where(_other.position > _experiments.position)),
)

_groups = schema.job_set_group.c
GROUP_NAMED = select(_groups.key).where(_groups.name == _NAME)

TOTALS = select(_counts.state, _counts.jobs, _counts.experiments).where(
    _counts.job_set == _SET, _counts.jobs > 0
)

_circuits = func.coalesce(_jobs.circuits, _jobs.stop - _jobs.start)
# What was refused has ended without an id of the backend's, and costs nothing.
USAGE = (
    select(
        func.sum(_attempts.usage_s),
        func.sum(case((_attempts.usage_s.is_(None), _jobs.estimate_s), else_=0.0)),
        func.sum(_circuits),
        func.sum(_circuits * func.coalesce(_jobs.shots, 0)),
    )
    .join_from(schema.attempt, schema.job, _attempts.job == _jobs.key)
    .where(
        _jobs.job_set == _SET, or_(_attempts.remote_id.is_not(None), _attempts.ended_at.is_(None))
    )
)

PAYLOAD = (
    select(_jobs.job_set, _jobs.start, _payloads.format, _payloads.sha256, _payloads.data)
    .select_from(schema.payload)
    .join(schema.job, and_(_payloads.job_set == _jobs.job_set, _payloads.start == _jobs.start))
    .where(_jobs.key == _JOB)
)

RESULT = (
    select(_results.format, _results.sha256, _results.data)
    .where(_results.job == _JOB)
    .order_by(_results.attempt.desc(), _results.key.desc())
    .limit(1)
)

_JOBS = select(*JOB_COLUMNS).select_from(
    schema.job.outerjoin(
        schema.attempt, and_(_attempts.job == _jobs.key, _attempts.number == _jobs.attempts)
    )
)

# Blocks are contiguous: the one that holds an experiment is the last that begins before it.
COVERING = _JOBS.where(
    _jobs.job_set == _SET,
    _jobs.start
    == select(func.max(_jobs.start))
    .where(_jobs.job_set == _SET, _jobs.start <= _INDEX)
    .scalar_subquery(),
    _jobs.stop > _INDEX,
).order_by(_jobs.position)


@cache
def jobs(states: tuple[JobState, ...] | None, *, limited: bool) -> Select[Any]:
    """Return the statement for the jobs after an index, in order.

    Args:
        states: Only jobs in these states, at least one; ``None`` means all.
        limited: Whether a limit is given.
    """
    inside = _JOBS.where(_jobs.job_set == _SET, _jobs.position > _AFTER).order_by(_jobs.position)
    if limited:
        inside = inside.limit(_LIMIT)
    if states is None:
        return inside
    merged = _merged(inside, states)
    whole = select(merged).order_by(merged.c.position)
    return whole.limit(_LIMIT) if limited else whole


@cache
def last_jobs(states: tuple[JobState, ...]) -> Select[Any]:
    """Return the statement for the last jobs in some states, the last one first."""
    inside = _JOBS.where(_jobs.job_set == _SET).order_by(_jobs.position.desc()).limit(_LIMIT)
    merged = _merged(inside, states)
    return select(merged).order_by(merged.c.position.desc()).limit(_LIMIT)


def _merged(inside: Select[Any], states: tuple[JobState, ...]) -> Subquery:
    # One query for each state stops at its limit; one query for all states would sort all jobs.
    parts = [inside.where(_jobs.state == state.value).subquery() for state in states]
    return union_all(*(select(part) for part in parts)).subquery()
