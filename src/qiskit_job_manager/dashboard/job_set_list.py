"""The first page: what needs the user, totals, and the list of job sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from qiskit_job_manager.dashboard import filters
from qiskit_job_manager.dashboard.cache import remembered
from qiskit_job_manager.dashboard.rendering import Command, page, pager, qjm
from qiskit_job_manager.dashboard.visit import PAGE_ROWS
from qiskit_job_manager.job_set.attention import needs
from qiskit_job_manager.job_set.status import ends_at, held_jobs, states_of
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.prices import has_limits
from qiskit_job_manager.model.progress import progress_of
from qiskit_job_manager.model.search import JobSetOrder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.job_set.attention import Need
    from qiskit_job_manager.model import JobSetRecord, Totals, Usage
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.model.search import RecentTotals
    from qiskit_job_manager.ports import SearchableStore

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_RECENT_FOR_S, _MOMENT_S = 30.0, 3.0
_JOBS_SUMMED = 500
_EVENTS_READ = 60
_NEEDS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A job set as the list shows it.

    Attributes:
        record: The job set.
        progress: How far it is.
        states: Its jobs by state.
        usage: Its quantum seconds, where they are cheap to read or limited.
        driver: Who drives it, or ``None``.
        ended_at: When it ended, or ``None``.
        until: When it will have ended if it goes on like now, or ``None``.
    """

    record: JobSetRecord
    progress: Progress
    states: list[tuple[str, int]]
    usage: Usage | None
    driver: str | None
    ended_at: datetime | None
    until: datetime | None

    @property
    def n_done(self) -> int:
        """Experiments of jobs that are done, each share of shots counted as its part."""
        return self.progress.n_done_experiments


def index(visit: Visit) -> Response:
    """Return the first page."""
    wanted, order = filters.job_set_filter(visit), filters.job_set_order(visit)
    store = visit.store
    offset = (visit.page - 1) * PAGE_ROWS
    total = store.count_job_sets(wanted)
    records = store.find_job_sets(wanted, order, offset=offset, limit=PAGE_ROWS)
    needed = needs_now(visit)
    return page(
        visit,
        "index.html",
        rows=list(rows_of(store, records, visit.clock.now())),
        pager=pager(visit, total, PAGE_ROWS),
        needs=needed[:_NEEDS_SHOWN],
        needs_left=len(needed) - _NEEDS_SHOWN,
        attention=len({need.record.key for need in needed}),
        totals=_totals(visit),
        states=filters.offered(visit, filters.STATES + filters.WHOLE_SET_STATES),
        orders=list(JobSetOrder),
        order=order,
        commands=_commands(visit),
    )


def rows_of(store: SearchableStore, records: list[JobSetRecord], now: datetime) -> Iterator[Row]:
    """Yield job sets with all that the list shows of them."""
    totals = store.totals_of([record.key for record in records])
    return (_row(store, record, totals[record.key], now) for record in records)


def _row(store: SearchableStore, record: JobSetRecord, totals: Totals, now: datetime) -> Row:
    progress = progress_of(record, totals, held_jobs(store, record, totals))
    states = states_of(store, record, progress)
    is_cheap = record.n_jobs <= _JOBS_SUMMED and not record.volatile
    shows_usage = is_cheap or has_limits(record)
    usage = store.usage(record.key) if shows_usage else None
    if progress.ended:
        last = store.last_events(record.key, limit=1)
        return Row(record, progress, states, usage, None, last[0].at if last else None, None)
    driver = store.driver(record.key)
    events = store.last_events(record.key, limit=_EVENTS_READ) if driver else []
    return Row(record, progress, states, usage, driver, None, ends_at(events, progress, now))


@dataclass(frozen=True, slots=True)
class StoreTotals:
    """The figures above the list.

    Attributes:
        under_way: Jobs that a backend has, or that are on their way.
        planned: Jobs that are still to be sent.
        in_doubt: Jobs in doubt.
        recent: What happened in the last day and week.
    """

    under_way: int
    planned: int
    in_doubt: int
    recent: RecentTotals


def needs_now(visit: Visit) -> list[Need]:
    """Return what needs the user, as it was a few seconds ago at the earliest."""
    return remembered.get(visit, ("needs",), _MOMENT_S, lambda: needs(visit.store))


def jobs_by_backend(visit: Visit) -> Mapping[tuple[str, JobState], int]:
    """Return the jobs of the store by backend and state, as they were a few seconds ago."""
    return remembered.get(visit, ("jobs",), _MOMENT_S, visit.store.jobs_by_backend)


def _recent(visit: Visit) -> RecentTotals:
    now = visit.clock.now()
    read = partial(visit.store.recent, now - _DAY, now - _WEEK)
    return remembered.get(visit, ("recent",), _RECENT_FOR_S, read)


def _totals(visit: Visit) -> StoreTotals:
    counted: dict[JobState, int] = dict.fromkeys(JobState, 0)
    for (_, state), jobs in jobs_by_backend(visit).items():
        counted[state] += jobs
    under_way = sum(jobs for state, jobs in counted.items() if state.is_running)
    planned = counted[JobState.PLANNED]
    return StoreTotals(under_way, planned, counted[JobState.IN_DOUBT], _recent(visit))


def _commands(visit: Visit) -> list[Command]:
    words = ["list"]
    for state in visit.texts("state"):
        words += ["--state", state] if state != "needs-you" else []
    for tag in visit.texts("tag"):
        words += ["--tag", tag]
    for option in ("backend", "name"):
        text = visit.text(option)
        pattern = text if not text or "*" in text or "?" in text else f"*{text}*"
        words += [f"--{option}", pattern] if pattern else []
    for option in ("since", "until"):
        words += [f"--{option}", visit.text(option)] if visit.text(option) else []
    return [qjm(*words), Command("Python", "JobManager().job_sets()")]
