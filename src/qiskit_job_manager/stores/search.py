"""Searches for lists of job sets, jobs and experiments, read a page at a time, and their counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, desc, exists, func, literal, or_, select

from qiskit_job_manager.model import JobState, RemoteState
from qiskit_job_manager.model.search import ActiveAs, ErrorCount, JobSetOrder, RecentTotals
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.rows import (
    ATTEMPT_COLUMNS,
    EXPERIMENT_COLUMNS,
    JOB_COLUMNS,
    JOB_SET_COLUMNS,
    attempt_from,
    experiment_from,
    job_from,
    job_set_from,
    tags_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import TypeAlias

    from sqlalchemy import ColumnElement

    from qiskit_job_manager.model import AttemptRecord, ExperimentRecord, JobRecord, JobSetRecord
    from qiskit_job_manager.model.search import JobFilter, JobSetFilter
    from qiskit_job_manager.stores.database import Database

    Driver: TypeAlias = Callable[[int], str | None]
    """Returns who drives a job set and lives."""

_sets, _jobs, _attempts = schema.job_set.c, schema.job.c, schema.attempt.c
_counts, _experiments, _events = schema.job_count.c, schema.experiment.c, schema.event.c

_RECENT_JOBS = 100_000
"""What happened lately is looked for among so many of the newest jobs: no index has the times."""

_LAST_CHARACTER = "\U0010ffff"

_ORDERS: dict[JobSetOrder, tuple[ColumnElement[Any], ...]] = {
    JobSetOrder.NEWEST: (desc(_sets.created_at), desc(_sets.key)),
    JobSetOrder.OLDEST: (_sets.created_at, _sets.key),
    JobSetOrder.NAME: (func.lower(_sets.name), _sets.key),
    JobSetOrder.BACKEND: (func.lower(_sets.backend_name), desc(_sets.key)),
    JobSetOrder.LARGEST: (desc(_sets.n_experiments), desc(_sets.key)),
}


# -- job sets -------------------------------------------------------------------------------------


def find_job_sets(
    database: Database,
    driver: Driver,
    wanted: JobSetFilter,
    order: JobSetOrder,
    *,
    offset: int,
    limit: int,
) -> list[JobSetRecord]:
    """Return one page of the job sets that meet some conditions."""
    conditions = _conditions(database, driver, wanted)
    statement = select(*JOB_SET_COLUMNS).where(*conditions).order_by(*_ORDERS[order])
    return [job_set_from(row) for row in database.read(statement.offset(offset).limit(limit))]


def count_job_sets(database: Database, driver: Driver, wanted: JobSetFilter) -> int:
    """Count the job sets that meet some conditions."""
    conditions = _conditions(database, driver, wanted)
    statement = select(func.count()).select_from(schema.job_set).where(*conditions)
    return int(database.read(statement)[0][0])


def _conditions(
    database: Database, driver: Driver, wanted: JobSetFilter
) -> list[ColumnElement[bool]]:
    found = [_sets.former_name.is_(None), *(_has_tag(tag) for tag in wanted.tags)]
    states = _counts.state.in_([state.value for state in wanted.states])
    if wanted.active_as:
        is_shown_so = _is_active_as(wanted.active_as, _interrupted(database, driver))
        active = and_(
            _has_jobs(_counts.state == JobState.ACTIVE.value),
            exists().where(_jobs.job_set == _sets.key, is_shown_so),
        )
        found.append(or_(_has_jobs(states), active))
    elif wanted.states:
        found.append(_has_jobs(states))
    if wanted.ended is not None:
        ended = and_(_sets.complete, ~_has_jobs(_moves()))
        found.append(ended if wanted.ended else ~ended)
    if wanted.may_need_user:
        found.append(_may_need_user())
    return found + _own_conditions(wanted)


def _own_conditions(wanted: JobSetFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on the job sets themselves, not on their jobs."""
    found = []
    if wanted.name is not None:
        found.append(_is_like(_sets.name, wanted.name))
    if wanted.backend is not None:
        uri = func.coalesce(_sets.backend_uri, "")
        names = (_sets.backend_name, uri)
        found.append(or_(*(_is_like(each, wanted.backend) for each in names)))
    if wanted.since is not None:
        found.append(_sets.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(_sets.created_at < wanted.until)
    return found


def _interrupted(database: Database, driver: Driver, job_set_key: int | None = None) -> list[int]:
    """Return the job sets whose active jobs ended with their process: of all, or of one."""
    active = _has_jobs(_counts.state == JobState.ACTIVE.value)
    of_one = [] if job_set_key is None else [_sets.key == job_set_key]
    found = database.read(select(_sets.key).where(_sets.volatile, active, *of_one))
    return [key for (key,) in found if driver(key) is None]


def _is_active_as(shown: Iterable[ActiveAs], interrupted: Iterable[int]) -> ColumnElement[bool]:
    """Whether a job is active and shown as one of these, as `views.phrases.state_word` says it.

    Args:
        shown: As what.
        interrupted: The job sets all of whose active jobs are shown as interrupted.
    """
    latest = schema.attempt.alias("latest")
    status = (
        select(latest.c.status)
        .where(latest.c.job == _jobs.key, latest.c.number == _jobs.attempts)
        .correlate(schema.job)
        .scalar_subquery()
    )
    # Of a local job that runs the backend has said nothing.
    said = func.coalesce(status, case((_sets.volatile, "running"), else_="queued"))
    is_queued, ended = said == RemoteState.QUEUED.value, _jobs.job_set.in_(interrupted)
    ways = {
        ActiveAs.RUNNING: and_(~ended, ~is_queued),
        ActiveAs.QUEUED: and_(~ended, is_queued),
        ActiveAs.INTERRUPTED: ended,
    }
    return and_(_jobs.state == JobState.ACTIVE.value, or_(*(ways[each] for each in shown)))


def _has_jobs(of_states: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_counts.job_set == _sets.key, _counts.jobs > 0, of_states)


def _moves() -> ColumnElement[bool]:
    """Whether jobs in a state go on by themselves; those in doubt may wait for the user."""
    doubt = JobState.IN_DOUBT
    moving = [s.value for s in JobState if not s.is_final and s is not doubt]
    return or_(_counts.state.in_(moving), and_(_counts.state == doubt.value, ~_sets.blind))


_is_limited = or_(_sets.max_usage_s.is_not(None), _sets.max_cost.is_not(None))


def _may_need_user() -> ColumnElement[bool]:
    return or_(
        ~_sets.complete,
        and_(_sets.blind, _has_jobs(_counts.state == JobState.IN_DOUBT.value)),
        and_(_is_limited, _has_jobs(_counts.state == JobState.PLANNED.value)),
    )


def _has_tag(tag: str) -> ColumnElement[bool]:
    # Inside of a tag a quotation mark follows a backslash, so that these are whole tags alone.
    text = tags_text([tag])[1:-1]
    return or_(_contains(_sets.tags, f"[{text}"), _contains(_sets.tags, f" {text}"))


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether a column has a text. LIKE would ignore capitals, in one database and not another."""
    return func.replace(column, text, "") != column


def _is_like(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    pattern = text if "*" in text or "?" in text else f"*{text}*"
    for special in ("\\", "%", "_"):
        pattern = pattern.replace(special, f"\\{special}")
    pattern = pattern.replace("*", "%").replace("?", "_")
    return func.lower(column).like(func.lower(literal(pattern)), escape="\\")


def jobs_by_backend(database: Database) -> dict[tuple[str, JobState], int]:
    """Count the jobs of all job sets by the name of their backend and their state."""
    statement = (
        select(_sets.backend_name, _counts.state, func.sum(_counts.jobs))
        .join_from(schema.job_count, schema.job_set, _counts.job_set == _sets.key)
        .where(_counts.jobs > 0, _sets.former_name.is_(None))
        .group_by(_sets.backend_name, _counts.state)
    )
    rows = database.read(statement)
    return {(name, JobState(state)): int(jobs) for name, state, jobs in rows}


# -- jobs -----------------------------------------------------------------------------------------


def find_jobs(
    database: Database,
    driver: Driver,
    job_set_key: int,
    wanted: JobFilter,
    *,
    offset: int,
    limit: int,
) -> list[JobRecord]:
    """Return one page of the jobs of a job set that meet some conditions, in order."""
    latest = and_(_attempts.job == _jobs.key, _attempts.number == _jobs.attempts)
    statement = (
        select(*JOB_COLUMNS)
        .select_from(schema.job.outerjoin(schema.attempt, latest))
        .where(*_job_conditions(database, driver, job_set_key, wanted))
        .order_by(_jobs.position)
    )
    return [job_from(row) for row in database.read(statement.offset(offset).limit(limit))]


def count_jobs(database: Database, driver: Driver, job_set_key: int, wanted: JobFilter) -> int:
    """Count the jobs of a job set that meet some conditions."""
    conditions = _job_conditions(database, driver, job_set_key, wanted)
    statement = select(func.count()).select_from(schema.job).where(*conditions)
    return int(database.read(statement)[0][0])


def _job_conditions(
    database: Database, driver: Driver, job_set_key: int, wanted: JobFilter
) -> list[ColumnElement[bool]]:
    found = [_jobs.job_set == job_set_key]
    states = _jobs.state.in_([state.value for state in wanted.states])
    if wanted.active_as:
        interrupted = _interrupted(database, driver, job_set_key)
        is_shown_so = _is_active_as(wanted.active_as, interrupted)
        of_its_set = exists().where(_sets.key == _jobs.job_set, is_shown_so)
        found.append(or_(states, of_its_set))
    elif wanted.states:
        found.append(states)
    if wanted.error:
        found.append(_contains(_jobs.error, wanted.error))
    return found


def count_errors(
    database: Database, job_set_key: int, states: Iterable[JobState], limit: int
) -> list[ErrorCount]:
    """Count the jobs in some states by their error, the most frequent first."""
    of_these = (_jobs.job_set == job_set_key, _jobs.state.in_([s.value for s in states]))
    number = func.count().label("number")
    error = func.coalesce(_jobs.error, "")
    statement = (
        select(_jobs.state, error, number)
        .where(*of_these)
        .group_by(_jobs.state, error)
        .order_by(desc(number), _jobs.state, error)
        .limit(limit)
    )
    return [ErrorCount(JobState(state), text, n) for state, text, n in database.read(statement)]


# -- experiments ----------------------------------------------------------------------------------


def experiments_named(
    database: Database, job_set_key: int, start: str, offset: int, limit: int
) -> list[ExperimentRecord]:
    """Return one page of the experiments whose name begins with a text, by their names."""
    of_set = _experiments.job_set == job_set_key
    names = _names_from(database, start)
    ordered = select(*EXPERIMENT_COLUMNS).where(of_set, names)
    ordered = ordered.order_by(_experiments.name, _experiments.position)
    return [experiment_from(row) for row in database.read(ordered.offset(offset).limit(limit))]


def _names_from(database: Database, start: str) -> ColumnElement[bool]:
    name = _experiments.name
    if database.has_one_writer:  # SQLite compares bytes, so that its index of names serves
        return and_(name >= start, name < start + _LAST_CHARACTER)
    return name.startswith(start, autoescape=True)


# -- what happened lately -------------------------------------------------------------------------


def recent(database: Database, failed_since: datetime, used_since: datetime) -> RecentTotals:
    """Count the attempts that failed lately, and sum up the quantum seconds that were used."""
    newest = select(func.coalesce(func.max(_jobs.key), 0)).scalar_subquery()
    when = func.coalesce(_attempts.remote_ended_at, _attempts.ended_at, _attempts.intended_at)
    failed = and_(_attempts.ended_at >= failed_since, _attempts.error.is_not(None))
    used = when >= used_since
    statement = select(
        func.sum(case((failed, 1), else_=0)),
        func.sum(case((used, func.coalesce(_attempts.usage_s, 0.0)), else_=0.0)),
    ).where(_attempts.job > newest - _RECENT_JOBS)
    number, seconds = database.read(statement)[0]
    return RecentTotals(int(number or 0), float(seconds or 0.0))


def recent_attempts(database: Database, backend_name: str, limit: int) -> list[AttemptRecord]:
    """Return the attempts of the newest jobs that were sent to a backend, the newest first."""
    statement = (
        select(*ATTEMPT_COLUMNS)
        .join_from(schema.attempt, schema.job, _attempts.job == _jobs.key)
        .join(schema.job_set, _jobs.job_set == _sets.key)
        .where(_sets.backend_name == backend_name)
        .order_by(desc(_attempts.job), desc(_attempts.number))
        .limit(limit)
    )
    return [attempt_from(row) for row in database.read(statement)]


def mark(database: Database, job_set_key: int | None) -> int:
    """Return a number that grows with each event, of one job set or of all."""
    newest = select(func.coalesce(func.max(_events.key), 0))
    if job_set_key is not None:
        newest = newest.where(_events.job_set == job_set_key)
    return int(database.read(newest)[0][0])
