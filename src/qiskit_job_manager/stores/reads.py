"""Everything that is read. No cost here grows with the job set where an index can help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, or_, select, tuple_

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import JobState, Usage
from qiskit_job_manager.stores import read_statements, schema
from qiskit_job_manager.stores.base import Part
from qiskit_job_manager.stores.rows import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    JOB_SET_COLUMNS,
    attempt_from,
    blob_from,
    event_from,
    experiment_from,
    job_from,
    job_set_from,
    request_from,
    totals_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, Select

    from qiskit_job_manager.model import (
        AttemptRecord,
        Blob,
        EventRecord,
        ExperimentRecord,
        JobRecord,
        JobSetRecord,
        Request,
        Totals,
    )

_PAGE = 1000
_ALL = 2**63 - 1

_sets, _experiments, _jobs = schema.job_set, schema.experiment, schema.job
_attempts, _events, _requests = schema.attempt, schema.event, schema.request

_CAN_MOVE = [state for state in JobState if not state.is_final]
# What is half deleted is found by nobody.
_WHOLE = _sets.c.former_name.is_(None)
# Set by set, each takes a look at the index of the set's states and at that of its requests.
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


class Finding(Part):
    """The side of the store that is only read; see `ports.Store`."""

    def job_set(self, job_set_id: str) -> JobSetRecord | None:
        """Return the job set with this id, or ``None``."""
        return next(iter(self._job_sets(_sets.c.job_set_id == job_set_id)), None)

    def job_set_named(self, name: str) -> JobSetRecord | None:
        """Return the job set with this name, or ``None``."""
        return next(iter(self._job_sets(_sets.c.name == name)), None)

    def job_sets_by_prefix(self, prefix: str, limit: int) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets whose id begins with ``prefix``."""
        # Ids are hexadecimal, so that "g" comes after all of them in any database's order.
        ids = _sets.c.job_set_id
        return self._job_sets(ids >= prefix, ids < f"{prefix}g", limit=limit)

    def job_sets(self, *, before: JobSetRecord | None = None, limit: int) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets, newest first, those older than ``before`` if given."""
        if before is None:
            return self._job_sets(limit=limit)
        place = tuple_(_sets.c.created_at, _sets.c.key)
        return self._job_sets(place < (before.created_at, before.key), limit=limit)

    def unfinished(self, limit: int | None = None) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets with something left to do, oldest first."""
        return [job_set_from(row) for row in self._rows(_UNFINISHED.limit(limit))]

    def _job_sets(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[JobSetRecord]:
        newest_first = (_sets.c.created_at.desc(), _sets.c.key.desc())
        statement = select(*JOB_SET_COLUMNS).where(_WHOLE, *conditions).order_by(*newest_first)
        return [job_set_from(row) for row in self._rows(statement.limit(limit))]

    def totals(self, job_set_key: int) -> Totals:
        """Count jobs and experiments by state."""
        return totals_from(self._database.quick(read_statements.TOTALS, {"set": job_set_key}))

    def jobs(
        self,
        job_set_key: int,
        *,
        states: Iterable[JobState] | None = None,
        after: int = -1,
        limit: int | None = None,
    ) -> list[JobRecord]:
        """Return jobs in the order of their index."""
        wanted = None if states is None else tuple(sorted(set(states)))
        if wanted == ():
            return []
        values = {"set": job_set_key, "after": after} | ({} if limit is None else {"limit": limit})
        rows = self._database.quick(read_statements.jobs(wanted, limited=limit is not None), values)
        return [job_from(row) for row in rows]

    def last_jobs(
        self, job_set_key: int, *, states: Iterable[JobState], limit: int
    ) -> list[JobRecord]:
        """Return the last jobs in some states, in the order of their index."""
        question = read_statements.last_jobs(tuple(sorted(set(states))))
        rows = self._database.quick(question, {"set": job_set_key, "limit": limit})
        return [job_from(row) for row in reversed(rows)]

    def jobs_covering(self, job_set_key: int, index: int) -> list[JobRecord]:
        """Return the jobs that run this experiment, one a share, in order; empty if none does."""
        rows = self._database.quick(read_statements.COVERING, {"set": job_set_key, "index": index})
        return [job_from(row) for row in rows]

    def experiment(self, job_set_key: int, index: int) -> ExperimentRecord | None:
        """Return one experiment, or ``None``."""
        found = self._database.quick(
            read_statements.EXPERIMENT, {"set": job_set_key, "index": index}
        )
        return experiment_from(found[0]) if found else None

    def experiments(
        self, job_set_key: int, *, start: int = 0, stop: int | None = None
    ) -> Iterator[ExperimentRecord]:
        """Yield experiments in order, reading in pages."""
        # There are no gaps between them, so that their number says where they end.
        after, left = start - 1, _ALL if stop is None else stop - start
        while left > 0:
            limit = min(left, _PAGE)
            values = {"set": job_set_key, "after": after, "limit": limit}
            rows = self._database.quick(read_statements.EXPERIMENTS, values)
            yield from map(experiment_from, rows)
            if len(rows) < limit:
                return
            after, left = rows[-1][0], left - limit

    def indices(self, job_set_key: int, name: str, limit: int | None = None) -> list[int]:
        """Return the indices of the experiments with this name, in order."""
        values = {"set": job_set_key, "name": name}
        if limit is None:
            rows = self._database.quick(read_statements.INDICES, values)
        else:
            rows = self._database.quick(read_statements.SOME_INDICES, values | {"limit": limit})
        return [index for (index,) in rows]

    def unique_names(self, job_set_key: int, start: int, stop: int) -> dict[str, int]:
        """Return the index by name of experiments in a range, where no other has the name."""
        values = {"set": job_set_key, "start": start, "stop": stop}
        found: Any = self._database.quick(read_statements.UNIQUE_NAMES, values)
        return dict(found)

    def payload(self, job_key: int) -> Blob:
        """Return the encoded experiments of a job."""
        found = self._database.quick(read_statements.PAYLOAD, {"job": job_key})
        if not found:
            raise StoreError(f"Job number {job_key} is not in the store: it was deleted.")
        job_set, start, *blob = found[0]
        return blob_from(blob, f"payload of job number {job_key}", job_set, start)

    def result(self, job_key: int) -> Blob | None:
        """Return the raw result of a job, or ``None`` if none is stored."""
        found = self._database.quick(read_statements.RESULT, {"job": job_key})
        what = f"result of job number {job_key}"
        return blob_from(found[0], what, job_key) if found else None

    def attempts(self, job_key: int) -> list[AttemptRecord]:
        """Return the attempts of a job, oldest first."""
        statement = select(*ATTEMPT_COLUMNS).where(_attempts.c.job == job_key)
        return [attempt_from(row) for row in self._rows(statement.order_by(_attempts.c.number))]

    def attempts_tagged(
        self, job_set_key: int, tags: Iterable[str]
    ) -> list[tuple[int, AttemptRecord]]:
        """Return the attempts that have one of some tags, each after the index of its job."""
        found: list[tuple[int, AttemptRecord]] = []
        wanted = list(dict.fromkeys(tags))
        for first in range(0, len(wanted), _PAGE // 2):
            some = wanted[first : first + _PAGE // 2]
            rows = self._rows(
                select(_jobs.c.position, *ATTEMPT_COLUMNS)
                .join_from(_attempts, _jobs, _attempts.c.job == _jobs.c.key)
                .where(_jobs.c.job_set == job_set_key, _attempts.c.tag.in_(some))
            )
            found += [(row[0], attempt_from(row[1:])) for row in rows]
        return found

    def usage(self, job_set_key: int) -> Usage:
        """Return the quantum seconds of the attempts of a job set."""
        measured, estimated = self._database.quick(read_statements.USAGE, {"set": job_set_key})[0]
        return Usage(measured or 0.0, estimated or 0.0)

    def events(self, job_set_key: int, job_index: int | None = None) -> Iterator[EventRecord]:
        """Yield the story of a job set, or of one of its jobs, oldest first, in pages."""
        columns = (*EVENT_COLUMNS, _events.c.key)
        told = select(*columns).where(_told_of(job_set_key, job_index))
        statement = told.order_by(_events.c.key).limit(_PAGE)
        rows = self._rows(statement)
        while rows:
            yield from (event_from(row[:-1]) for row in rows)
            rows = self._rows(statement.where(_events.c.key > rows[-1].key)) if _full(rows) else []

    def last_events(
        self, job_set_key: int, job_index: int | None = None, *, limit: int
    ) -> list[EventRecord]:
        """Return the newest part of the story, oldest first."""
        told = select(*EVENT_COLUMNS).where(_told_of(job_set_key, job_index))
        rows = self._rows(told.order_by(_events.c.key.desc()).limit(limit))
        return [event_from(row) for row in reversed(rows)]

    def requests(self, job_set_key: int) -> list[Request]:
        """Return what users asked and the driver has not yet done, oldest first."""
        rows = self._database.quick(read_statements.REQUESTS, {"set": job_set_key})
        return [request_from(row) for row in rows]

    def _rows(self, statement: Select[Any]) -> list[Any]:
        with self._database.reading() as connection:
            return list(connection.execute(statement))


def _told_of(job_set_key: int, job_index: int | None) -> ColumnElement[bool]:
    inside = _events.c.job_set == job_set_key
    return inside if job_index is None else and_(inside, _events.c.job_index == job_index)


def _full(rows: list[Any]) -> bool:
    return len(rows) == _PAGE
