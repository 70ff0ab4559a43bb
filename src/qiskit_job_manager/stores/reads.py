"""Reads that take more than one statement or one step. No cost grows where an index can help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, or_, select, text, tuple_

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import JobState, StoredResult, Usage
from qiskit_job_manager.stores import read_statements, schema
from qiskit_job_manager.stores.rows import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    JOB_SET_COLUMNS,
    attempt_from,
    blob_from,
    event_from,
    experiment_from,
    job_set_from,
    totals_from,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement

    from qiskit_job_manager.model import (
        AttemptRecord,
        Blob,
        EventRecord,
        ExperimentRecord,
        JobRecord,
        JobSetRecord,
        Totals,
    )
    from qiskit_job_manager.stores.database import Database

_PAGE = 1000
_MOST_DUPLICATES = 10_000
# What the events of duplicates say: "... a second time, as ID; ..." and "accepted as ID, ...".
_DUPLICATE_ID = re.compile(r"\bas (\S+?)[;,] ")
_ALL = 2**63 - 1

_sets, _jobs, _attempts = schema.job_set, schema.job, schema.attempt
_events, _requests, _results = schema.event, schema.request, schema.result

_CAN_MOVE = [state for state in JobState if not state.is_final]
# No look-up finds a job set that is half deleted.
_WHOLE = _sets.c.former_name.is_(None)
# For each set, this looks once at the index of its states and once at that of its requests.
_UNFINISHED = (
    select(*JOB_SET_COLUMNS)
    .where(
        _WHOLE,
        or_(
            exists().where(_jobs.c.job_set == _sets.c.key, _jobs.c.state.in_(_CAN_MOVE)),
            exists().where(_requests.c.job_set == _sets.c.key),
        ),
    )
    .order_by(_sets.c.key)
)


# -- job sets -------------------------------------------------------------------------------------


def job_set(database: Database, **column: str) -> JobSetRecord | None:
    """Return the job set with this value in this column, ``job_set_id`` or ``name``."""
    conditions = [_sets.c[name] == value for name, value in column.items()]
    return next(iter(_job_sets(database, *conditions)), None)


def job_sets_by_prefix(database: Database, prefix: str, limit: int) -> list[JobSetRecord]:
    """Return up to ``limit`` job sets whose id begins with ``prefix``, newest first."""
    # Ids are hexadecimal, so that "g" comes after all of them in any database's order.
    ids = _sets.c.job_set_id
    return _job_sets(database, ids >= prefix, ids < f"{prefix}g", limit=limit)


def job_sets(database: Database, before: JobSetRecord | None, limit: int) -> list[JobSetRecord]:
    """Return up to ``limit`` job sets, newest first, those older than ``before`` if given."""
    if before is None:
        return _job_sets(database, limit=limit)
    place = tuple_(_sets.c.created_at, _sets.c.key)
    return _job_sets(database, place < (before.created_at, before.key), limit=limit)


def unfinished(database: Database, limit: int | None) -> list[JobSetRecord]:
    """Return up to ``limit`` job sets with something left to do, oldest first."""
    return [job_set_from(row) for row in database.read(_UNFINISHED.limit(limit))]


def totals_of(database: Database, job_set_keys: Sequence[int]) -> dict[int, Totals]:
    """Count jobs and experiments by state of many job sets at once, by their keys."""
    rows: dict[int, list[Any]] = {key: [] for key in job_set_keys}
    wanted, counts = list(rows), schema.job_count.c
    for first in range(0, len(wanted), _PAGE // 2):
        some = counts.job_set.in_(wanted[first : first + _PAGE // 2])
        columns = (counts.job_set, counts.state, counts.jobs, counts.experiments)
        for key, *counted in database.read(select(*columns).where(some, counts.jobs > 0)):
            rows[key].append(counted)
    return {key: totals_from(counted) for key, counted in rows.items()}


def _job_sets(
    database: Database, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[JobSetRecord]:
    newest_first = (_sets.c.created_at.desc(), _sets.c.key.desc())
    statement = select(*JOB_SET_COLUMNS).where(_WHOLE, *conditions).order_by(*newest_first)
    return [job_set_from(row) for row in database.read(statement.limit(limit))]


# -- experiments and bytes ------------------------------------------------------------------------


def experiments(
    database: Database, job_set_key: int, start: int, stop: int | None
) -> Iterator[ExperimentRecord]:
    """Yield experiments in order, reading in pages."""
    # There are no gaps between them, so their number says where they end.
    after, left = start - 1, _ALL if stop is None else stop - start
    while left > 0:
        limit = min(left, _PAGE)
        values = {"set": job_set_key, "after": after, "limit": limit}
        rows = database.quick(read_statements.EXPERIMENTS, values)
        yield from map(experiment_from, rows)
        if len(rows) < limit:
            return
        after, left = rows[-1][0], left - limit


def indices(database: Database, job_set_key: int, name: str, limit: int | None) -> list[int]:
    """Return the indices of the experiments with this name, in order."""
    values: dict[str, Any] = {"set": job_set_key, "name": name}
    if limit is None:
        rows = database.quick(read_statements.INDICES, values)
    else:
        rows = database.quick(read_statements.SOME_INDICES, values | {"limit": limit})
    return [index for (index,) in rows]


def indices_with_content(
    database: Database, job_set_key: int, content_hash: bytes, limit: int, name: str | None
) -> list[int]:
    """Return the indices of the first experiments with this content, in order."""
    values = {"set": job_set_key, "content": content_hash, "limit": limit}
    if name is None:
        rows = database.quick(read_statements.WITH_CONTENT, values)
    else:
        rows = database.quick(read_statements.NAMED_WITH_CONTENT, values | {"name": name})
    return [index for (index,) in rows]


def places_of_contents(
    database: Database, job_set_key: int, content_hashes: Iterable[bytes], stop: int
) -> dict[bytes, list[tuple[int, str]]]:
    """Return the indices and names of all experiments with some contents, each in order."""
    found: dict[bytes, list[tuple[int, str]]] = {}
    row, wanted = schema.experiment.c, list(dict.fromkeys(content_hashes))
    for first in range(0, len(wanted), _PAGE // 2):
        some = row.content_hash.in_(wanted[first : first + _PAGE // 2])
        statement = (
            select(row.content_hash, row.position, row.name)
            .where(row.job_set == job_set_key, some, row.position < stop)
            .order_by(row.content_hash, row.position)
        )
        for content, index, name in database.read(statement):
            found.setdefault(bytes(content), []).append((index, name))
    return found


def places_of_content(
    database: Database, job_set_keys: Iterable[int], content_hash: bytes
) -> list[tuple[int, int]]:
    """Return where a content is in some job sets: their keys and indices."""
    found: list[tuple[int, int]] = []
    row, wanted = schema.experiment.c, list(job_set_keys)
    for first in range(0, len(wanted), _PAGE // 2):
        some = row.job_set.in_(wanted[first : first + _PAGE // 2])
        statement = select(row.job_set, row.position).where(some, row.content_hash == content_hash)
        found += [(key, index) for key, index in database.read(statement)]
    return found


def payload(database: Database, job_key: int) -> Blob:
    """Return the encoded experiments of a job.

    Raises:
        StoreError: The job was deleted.
        StoreCorruptError: The bytes do not match their checksum.
    """
    found = database.quick(read_statements.PAYLOAD, {"job": job_key})
    if not found:
        raise StoreError(f"Job number {job_key} is not in the store: it was deleted.")
    job_set_key, start, *blob = found[0]
    return blob_from(blob, f"payload of job number {job_key}", job_set_key, start)


def result(database: Database, job_key: int) -> Blob | None:
    """Return the raw result of a job, or ``None`` if none is stored."""
    found = database.quick(read_statements.RESULT, {"job": job_key})
    what = f"result of job number {job_key}"
    return blob_from(found[0], what, job_key) if found else None


def results(database: Database, job: JobRecord) -> Iterator[StoredResult]:
    """Yield every raw result of a job, oldest first, also those that a later one hides."""
    ordered = select(_results.c.key).where(_results.c.job == job.key)
    columns = (_results.c.attempt, _results.c.stored_at)
    blob_columns = (_results.c.format, _results.c.sha256, _results.c.data)
    for (key,) in database.read(ordered.order_by(_results.c.attempt, _results.c.key)):
        one = select(*columns, *blob_columns).where(_results.c.key == key)
        for attempt, stored_at, *blob in database.read(one):
            kept = blob_from(blob, f"result of job number {job.key}", job.key)
            yield StoredResult(job.index, attempt, stored_at, kept)


# -- attempts -------------------------------------------------------------------------------------


def attempts(database: Database, job_key: int) -> list[AttemptRecord]:
    """Return the attempts of a job, oldest first."""
    statement = select(*ATTEMPT_COLUMNS).where(_attempts.c.job == job_key)
    return [attempt_from(row) for row in database.read(statement.order_by(_attempts.c.number))]


def attempts_tagged(
    database: Database, job_set_key: int, tags: Iterable[str]
) -> list[tuple[int, AttemptRecord]]:
    """Return the attempts that have one of some tags, each after the index of its job."""
    found: list[tuple[int, AttemptRecord]] = []
    wanted = list(dict.fromkeys(tags))
    for first in range(0, len(wanted), _PAGE // 2):
        some = wanted[first : first + _PAGE // 2]
        statement = (
            select(_jobs.c.position, *ATTEMPT_COLUMNS)
            .join_from(_attempts, _jobs, _attempts.c.job == _jobs.c.key)
            .where(_jobs.c.job_set == job_set_key, _attempts.c.tag.in_(some))
        )
        found += [(row[0], attempt_from(row[1:])) for row in database.read(statement)]
    return found


def attempts_without_usage(database: Database, job_set_key: int, limit: int) -> list[AttemptRecord]:
    """Return up to ``limit`` attempts that a backend accepted and whose usage is not known."""
    statement = (
        select(*ATTEMPT_COLUMNS)
        .join_from(_attempts, _jobs, _attempts.c.job == _jobs.c.key)
        .where(
            _jobs.c.job_set == job_set_key,
            _attempts.c.remote_id.is_not(None),
            _attempts.c.usage_s.is_(None),
        )
        .order_by(_jobs.c.position, _attempts.c.number)
        .limit(limit)
    )
    return [attempt_from(row) for row in database.read(statement)]


def usage(database: Database, job_set_key: int) -> Usage:
    """Return what the attempts of a job set use, and their duplicates."""
    found = database.quick(read_statements.USAGE, {"set": job_set_key})[0]
    measured_s, estimated_s, circuits, executions = found
    # PostgreSQL sums in decimals.
    own = Usage(measured_s or 0.0, estimated_s or 0.0, int(circuits or 0), int(executions or 0))
    return own + _usage_of_duplicates(database, job_set_key)


def _usage_of_duplicates(database: Database, job_set_key: int) -> Usage:
    """Return the estimate for all duplicates that are known, each counted once.

    A job that was accepted late is a duplicate, unless an attempt adopted it or still may.
    """
    # By job and remote id, as each driver may record the same one; "twin" is written last.
    kinds = {
        (event.job_index, found[1]): event.event
        for _, event in reversed(duplicates(database, job_set_key, _MOST_DUPLICATES))
        if (found := _DUPLICATE_ID.search(event.cause or ""))
    }
    attempts = _attempts_of(database, job_set_key, {index for index, _ in kinds})
    total = Usage(0.0, 0.0)
    for (index, remote_id), kind in kinds.items():
        rows = [row for row in attempts if row.position == index]
        adopted = any(row.remote_id == remote_id for row in rows)
        in_doubt = any(row.remote_id is None and row.ended_at is None for row in rows)
        if rows and not adopted and (kind == "twin" or not in_doubt):
            total += _usage_of(rows[0])
    return total


def _usage_of(row: Any) -> Usage:
    circuits = row.stop - row.start if row.circuits is None else row.circuits
    return Usage(0.0, row.estimate_s or 0.0, circuits, circuits * (row.shots or 0))


def _attempts_of(
    database: Database, job_set_key: int, indices: Collection[int | None]
) -> list[Any]:
    found: list[Any] = []
    wanted = [index for index in indices if index is not None]
    for first in range(0, len(wanted), _PAGE // 2):
        some = wanted[first : first + _PAGE // 2]
        statement = (
            select(
                *(_jobs.c.position, _jobs.c.estimate_s, _jobs.c.start, _jobs.c.stop),
                *(_jobs.c.circuits, _jobs.c.shots, _attempts.c.remote_id, _attempts.c.ended_at),
            )
            .join_from(_jobs, _attempts, _attempts.c.job == _jobs.c.key)
            .where(_jobs.c.job_set == job_set_key, _jobs.c.position.in_(some))
        )
        found += database.read(statement)
    return found


# -- events ---------------------------------------------------------------------------------------


def events(database: Database, job_set_key: int, job_index: int | None) -> Iterator[EventRecord]:
    """Yield the events of a job set, or of one of its jobs, oldest first, in pages."""
    columns = (*EVENT_COLUMNS, _events.c.key)
    of_these = select(*columns).where(_events_of(job_set_key, job_index))
    statement = of_these.order_by(_events.c.key).limit(_PAGE)
    rows = database.read(statement)
    while rows:
        yield from (event_from(row[:-1]) for row in rows)
        is_full = len(rows) == _PAGE
        rows = database.read(statement.where(_events.c.key > rows[-1].key)) if is_full else []


def last_events(
    database: Database, job_set_key: int, job_index: int | None, limit: int
) -> list[EventRecord]:
    """Return the newest events, at most ``limit``, oldest first."""
    of_these = select(*EVENT_COLUMNS).where(_events_of(job_set_key, job_index))
    rows = database.read(of_these.order_by(_events.c.key.desc()).limit(limit))
    return [event_from(row) for row in reversed(rows)]


def _events_of(job_set_key: int, job_index: int | None) -> ColumnElement[bool]:
    inside = _events.c.job_set == job_set_key
    return inside if job_index is None else and_(inside, _events.c.job_index == job_index)


def duplicates(
    database: Database, job_set_key: int | None, limit: int
) -> list[tuple[int, EventRecord]]:
    """Return the newest events about duplicates, each after the key of its job set."""
    table = schema.event
    # As the index has it, word for word.
    found = select(table.c.job_set, *EVENT_COLUMNS).where(
        text("event IN ('twin', 'accepted late')")
    )
    if job_set_key is not None:
        found = found.where(table.c.job_set == job_set_key)
    newest = found.order_by(table.c.key.desc()).limit(limit)
    return [(key, event_from(row)) for key, *row in database.read(newest)]
