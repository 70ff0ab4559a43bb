"""Everything that is read. No cost here grows with the job set where an index can help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, select, tuple_, union_all

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import JobState, Totals
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.part import Part
from qiskit_job_manager.stores.rows import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    EXPERIMENT_COLUMNS,
    JOB_COLUMNS,
    JOB_SET_COLUMNS,
    REQUEST_COLUMNS,
    attempt_from,
    blob_from,
    event_from,
    experiment_from,
    job_from,
    job_set_from,
    request_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import BindParameter, ColumnElement, Select

    from qiskit_job_manager.model import (
        AttemptRecord,
        Blob,
        EventRecord,
        ExperimentRecord,
        JobRecord,
        JobSetRecord,
        Request,
    )

_PAGE = 1000

_sets, _experiments, _jobs = schema.job_set, schema.experiment, schema.job
_attempts, _payloads, _results = schema.attempt, schema.payload, schema.result
_events, _requests = schema.event, schema.request

_SET: BindParameter[int] = bindparam("set")
_INDEX: BindParameter[int] = bindparam("index")
_NAME: BindParameter[str] = bindparam("name")
_LIMIT: BindParameter[int] = bindparam("limit")

_JOBS = select(*JOB_COLUMNS).select_from(
    _jobs.outerjoin(
        _attempts, and_(_attempts.c.job == _jobs.c.key, _attempts.c.number == _jobs.c.attempts)
    )
)
_INDICES = (
    select(_experiments.c.position)
    .where(_experiments.c.job_set == _SET, _experiments.c.name == _NAME)
    .order_by(_experiments.c.position)
)
_SOME_INDICES = _INDICES.limit(_LIMIT)
# Blocks are contiguous: the one that holds an experiment is the last that begins before it.
_COVERING = _JOBS.where(
    _jobs.c.job_set == _SET,
    _jobs.c.start
    == select(func.max(_jobs.c.start))
    .where(_jobs.c.job_set == _SET, _jobs.c.start <= _INDEX)
    .scalar_subquery(),
    _jobs.c.stop > _INDEX,
).order_by(_jobs.c.position)


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

    def _job_sets(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[JobSetRecord]:
        newest_first = (_sets.c.created_at.desc(), _sets.c.key.desc())
        statement = select(*JOB_SET_COLUMNS).where(*conditions).order_by(*newest_first)
        return [job_set_from(row) for row in self._rows(statement.limit(limit))]

    def totals(self, job_set_key: int) -> Totals:
        """Count jobs and experiments by state."""
        experiments = func.sum(_jobs.c.stop - _jobs.c.start)
        rows = self._rows(
            select(_jobs.c.state, func.count(), experiments)
            .where(_jobs.c.job_set == job_set_key)
            .group_by(_jobs.c.state)
        )
        return Totals(
            jobs={JobState(state): jobs for state, jobs, _ in rows},
            # PostgreSQL sums in decimals.
            experiments={JobState(state): int(number) for state, _, number in rows},
        )

    def jobs(
        self,
        job_set_key: int,
        *,
        states: Iterable[JobState] | None = None,
        after: int = -1,
        limit: int | None = None,
    ) -> list[JobRecord]:
        """Return jobs in the order of their index."""
        inside = _JOBS.where(_jobs.c.job_set == job_set_key, _jobs.c.position > after)
        statement = inside.order_by(_jobs.c.position).limit(limit)
        if states is not None:
            wanted = sorted(set(states))
            if not wanted:
                return []
            # State by state, each stops at its limit; asked for together, all would be sorted.
            parts = [statement.where(_jobs.c.state == state).subquery() for state in wanted]
            merged = union_all(*(select(part) for part in parts)).subquery()
            statement = select(merged).order_by(merged.c.position).limit(limit)
        return [job_from(row) for row in self._rows(statement)]

    def jobs_covering(self, job_set_key: int, index: int) -> list[JobRecord]:
        """Return the jobs that run this experiment, one a share, in order; empty if none does."""
        rows = self._database.quick(_COVERING, {"set": job_set_key, "index": index})
        return [job_from(row) for row in rows]

    def experiment(self, job_set_key: int, index: int) -> ExperimentRecord | None:
        """Return one experiment, or ``None``."""
        return next(self._experiments(job_set_key, index, index + 1), None)

    def experiments(
        self, job_set_key: int, *, start: int = 0, stop: int | None = None
    ) -> Iterator[ExperimentRecord]:
        """Yield experiments in order, reading in pages."""
        return self._experiments(job_set_key, start, stop)

    def _experiments(
        self, job_set_key: int, start: int, stop: int | None
    ) -> Iterator[ExperimentRecord]:
        index = _experiments.c.position
        inside = _experiments.c.job_set == job_set_key
        if stop is not None:
            inside = and_(inside, index < stop)
        statement = select(*EXPERIMENT_COLUMNS).where(inside).order_by(index).limit(_PAGE)
        rows = self._rows(statement.where(index >= start))
        while rows:
            yield from map(experiment_from, rows)
            rows = self._rows(statement.where(index > rows[-1].position)) if _full(rows) else []

    def indices(self, job_set_key: int, name: str, limit: int | None = None) -> list[int]:
        """Return the indices of the experiments with this name, in order."""
        values: dict[str, Any] = {"set": job_set_key, "name": name}
        if limit is None:
            rows = self._database.quick(_INDICES, values)
        else:
            rows = self._database.quick(_SOME_INDICES, {**values, "limit": limit})
        return [index for (index,) in rows]

    def payload(self, job_key: int) -> Blob:
        """Return the encoded experiments of a job."""
        block = and_(_payloads.c.job_set == _jobs.c.job_set, _payloads.c.start == _jobs.c.start)
        found = self._rows(
            select(_payloads.c.format, _payloads.c.sha256, _payloads.c.data)
            .join(_jobs, block)
            .where(_jobs.c.key == job_key)
        )
        if not found:
            raise StoreError(f"Job number {job_key} is not in the store: it was deleted.")
        return blob_from(found[0], f"payload of job number {job_key}")

    def result(self, job_key: int) -> Blob | None:
        """Return the raw result of a job, or ``None`` if none is stored."""
        found = self._rows(
            select(_results.c.format, _results.c.sha256, _results.c.data)
            .where(_results.c.job == job_key)
            .order_by(_results.c.attempt.desc(), _results.c.key.desc())
            .limit(1)
        )
        return blob_from(found[0], f"result of job number {job_key}") if found else None

    def attempts(self, job_key: int) -> list[AttemptRecord]:
        """Return the attempts of a job, oldest first."""
        statement = select(*ATTEMPT_COLUMNS).where(_attempts.c.job == job_key)
        return [attempt_from(row) for row in self._rows(statement.order_by(_attempts.c.number))]

    def events(self, job_set_key: int, job_index: int | None = None) -> Iterator[EventRecord]:
        """Yield the story of a job set, or of one of its jobs, oldest first, in pages."""
        inside = _events.c.job_set == job_set_key
        if job_index is not None:
            inside = and_(inside, _events.c.job_index == job_index)
        columns = (*EVENT_COLUMNS, _events.c.key)
        statement = select(*columns).where(inside).order_by(_events.c.key).limit(_PAGE)
        rows = self._rows(statement)
        while rows:
            yield from (event_from(row[:-1]) for row in rows)
            rows = self._rows(statement.where(_events.c.key > rows[-1].key)) if _full(rows) else []

    def requests(self, job_set_key: int) -> list[Request]:
        """Return what users asked and the driver has not yet done, oldest first."""
        statement = select(*REQUEST_COLUMNS).where(_requests.c.job_set == job_set_key)
        return [request_from(row) for row in self._rows(statement.order_by(_requests.c.key))]

    def _rows(self, statement: Select[Any]) -> list[Any]:
        with self._database.reading() as connection:
            return list(connection.execute(statement))


def _full(rows: list[Any]) -> bool:
    return len(rows) == _PAGE
