"""Job sets that ended in another store, imported whole, each in one transaction."""

from __future__ import annotations

from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, exists, insert, select, update

from qiskit_job_manager.errors import NameInUseError, StoreError
from qiskit_job_manager.foreign_text import storable
from qiskit_job_manager.stores import job_counts, observations, schema, write_statements
from qiskit_job_manager.stores.database_errors import ConstraintError
from qiskit_job_manager.stores.hand_over import refuse_name_of_group
from qiskit_job_manager.stores.rows import (
    JOB_SET_COLUMNS,
    blob_values,
    figures_values,
    job_set_from,
    job_set_values,
    offsets_text,
)
from qiskit_job_manager.stores.schema import microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from qiskit_job_manager.model import (
        EventRecord,
        JobHistory,
        JobRecord,
        JobSetHistory,
        JobSetRecord,
        RemoteFigures,
        StoredResult,
    )
    from qiskit_job_manager.stores.database import Database, Statement

_T = TypeVar("_T")

_sets, _jobs = schema.job_set, schema.job

# A page of experiments, jobs or events; payloads and results are written one by one.
_PAGE = 500

_PAST_JOB = (
    insert(_jobs)
    .inline()
    .values(
        {column.name: bindparam(column.name) for column in _jobs.columns if column.name != "key"}
    )
)
_PAST_ATTEMPT = (
    insert(schema.attempt)
    .inline()
    .values({column.name: bindparam(column.name) for column in schema.attempt.columns})
)
_KEYS = select(_jobs.c.position, _jobs.c.key).where(
    _jobs.c.job_set == bindparam("set"),
    _jobs.c.position >= bindparam("first"),
    _jobs.c.position < bindparam("stop"),
)
_NOTHING_MEASURED = dict.fromkeys(
    ("usage_s", "remote_created_at", "remote_started_at", "remote_ended_at", "session_id")
)
_NO_STATUS = dict.fromkeys(("status", "queue_position", "message"))


class HalfDeletedError(Exception):
    """The store still has a part of the job set, whose deletion has begun."""


def import_job_set(database: Database, history: JobSetHistory) -> JobSetRecord:
    """Store a job set that ended in another store, with its id and all its past, or nothing.

    Raises:
        NameInUseError: Another job set has the name.
        StoreError: The store has the job set already, or one of its attempts.
        HalfDeletedError: It has a part of it, of which the rest is to be deleted first.
    """
    try:
        with database.writing() as connection:
            _refuse_known(database, connection, history)
            return _Import(database, connection, history).write()
    except ConstraintError as error:
        with database.reading() as connection:  # another import may have been first
            _refuse_known(database, connection, history)
        msg = (
            f"The job set {history.draft.name!r} cannot be stored here: the store has one of "
            "its attempts already, under another job set."
        )
        raise StoreError(msg) from error


def _refuse_known(database: Database, connection: Connection, history: JobSetHistory) -> None:
    draft, row = history.draft, _sets.c
    known = select(row.name, row.former_name).where(row.job_set_id == draft.job_set_id)
    for name, former_name in connection.execute(known):
        if former_name is not None:
            raise HalfDeletedError
        raise StoreError(
            f"The store has the job set {draft.job_set_id} already, under the name {name!r}."
        )
    refuse_name_of_group(database, connection, draft.name)
    if connection.scalar(select(exists().where(row.name == draft.name))):
        raise NameInUseError(
            f"Another job set has the name {draft.name!r}: import this one under another name."
        )


class _Import:
    """One job set that comes in, within one transaction."""

    def __init__(self, database: Database, connection: Connection, history: JobSetHistory) -> None:
        self._database = database
        self._connection = connection
        self._history = history
        self._key = connection.scalar(
            insert(_sets).values(_set_values(history)).returning(_sets.c.key)
        )
        job_counts.begin(database, connection, self._key)

    def write(self) -> JobSetRecord:
        """Write everything, and return the job set as it is stored."""
        history, key = self._history, self._key
        for snapshot in history.snapshots:
            observations.keep(self._database, self._connection, snapshot)
        for page in _pages(history.experiments):
            rows = (
                {
                    "job_set": key,
                    "position": e.index,
                    "name": e.name,
                    "content_hash": e.content_hash,
                }
                for e in page
            )
            self._write(write_statements.NEW_EXPERIMENT, rows)
        for start, blob in history.payloads:
            values = {"job_set": key, "start": start, **blob_values(blob, key, start)}
            self._write(write_statements.NEW_PAYLOAD, [values])
        for jobs in _pages(history.jobs):
            self._write_jobs(jobs)
        for number, results in groupby(history.results, lambda each: each.job_index // _PAGE):
            self._write_results(number * _PAGE, results)
        for events in _pages(history.events):
            self._write(write_statements.NEW_EVENT, (_event(key, event) for event in events))
        for seen in history.observations:
            observations.add(self._database, self._connection, key, seen, None)
        job_counts.recount(self._connection, key)
        done = update(_sets).where(_sets.c.key == key).values(complete=True)
        return job_set_from(self._connection.execute(done.returning(*JOB_SET_COLUMNS)).one())

    def _write_jobs(self, jobs: list[JobHistory]) -> None:
        self._write(_PAST_JOB, (_job(self._key, each.job) for each in jobs))
        first = jobs[0].job.index
        keys = self._keys(first, first + len(jobs))
        attempts = (row for each in jobs for row in _attempts(keys[each.job.index], each))
        self._write(_PAST_ATTEMPT, attempts)

    def _write_results(self, first: int, results: Iterable[StoredResult]) -> None:
        keys = self._keys(first, first + _PAGE)
        for result in results:
            job = keys[result.job_index]
            where = {"job": job, "attempt": result.attempt}
            when = {"stored_at": microseconds(result.stored_at)}
            self._write(write_statements.NEW_RESULT, [where | when | blob_values(result.blob, job)])

    def _keys(self, first: int, stop: int) -> dict[int, int]:
        values = {"set": self._key, "first": first, "stop": stop}
        return {row[0]: row[1] for row in self._database.run(self._connection, _KEYS, values)}

    def _write(self, statement: Statement, rows: Iterable[dict[str, Any]]) -> None:
        known = [row if self._database.keeps_zero_bytes else _escaped(row) for row in rows]
        if known:
            self._database.run_many(self._connection, statement, known)


def _escaped(row: dict[str, Any]) -> dict[str, Any]:
    return {name: storable(v) if isinstance(v, str) else v for name, v in row.items()}


def _pages(parts: Iterable[_T]) -> Iterator[list[_T]]:
    remaining = iter(parts)
    while page := list(islice(remaining, _PAGE)):
        yield page


def _set_values(history: JobSetHistory) -> dict[str, Any]:
    counted = {"n_experiments": history.n_experiments, "n_jobs": history.n_jobs}
    return job_set_values(history.draft) | counted


def _job(job_set_key: int, job: JobRecord) -> dict[str, Any]:
    return {
        "job_set": job_set_key,
        "position": job.index,
        "start": job.start,
        "stop": job.stop,
        "shots": job.shots,
        "share": job.share,
        "shares": job.shares,
        "state": job.state.value,
        "attempts": job.attempts,
        "error": job.error,
        "failed_offsets": offsets_text(job.failed_offsets) if job.failed_offsets else None,
        "has_result": job.has_result,
        "cancel_requested": job.cancel_requested,
        "circuits": job.circuits,
        "estimate_s": job.estimate_s,
    }


def _attempts(job_key: int, history: JobHistory) -> Iterator[dict[str, Any]]:
    for attempt in history.attempts:
        latest = attempt.number == history.job.attempts
        yield {
            "job": job_key,
            "number": attempt.number,
            "tag": attempt.tag,
            "remote_id": attempt.remote_id,
            "intended_at": microseconds(attempt.intended_at),
            "accepted_at": attempt.accepted_at and microseconds(attempt.accepted_at),
            "ended_at": attempt.ended_at and microseconds(attempt.ended_at),
            "error": attempt.error,
            **(_status(history.job) if latest else _NO_STATUS),
            **_figures(attempt.figures),
        }


def _status(job: JobRecord) -> dict[str, Any]:
    if job.status is None:
        return _NO_STATUS
    status = job.status
    said = {"queue_position": status.queue_position, "message": status.message}
    return {"status": status.state.value, **said}


def _figures(figures: RemoteFigures | None) -> dict[str, Any]:
    return _NOTHING_MEASURED if figures is None else figures_values(figures)


def _event(job_set_key: int, event: EventRecord) -> dict[str, Any]:
    return {
        "job_set": job_set_key,
        "at": microseconds(event.at),
        "job_index": event.job_index,
        "attempt": event.attempt,
        "event": event.event,
        "before": event.before and event.before.value,
        "after": event.after and event.after.value,
        "cause": event.cause,
    }
