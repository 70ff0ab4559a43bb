"""The page on the store and the backends: what a check-up finds, who drives, what waits where."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING

from qiskit_job_manager import checkup, stores
from qiskit_job_manager.dashboard.cache import remembered
from qiskit_job_manager.dashboard.job_set_list import jobs_by_backend, needs_now
from qiskit_job_manager.dashboard.rendering import Command, page, qjm
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.search import JobSetFilter, JobSetOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.model import AttemptRecord
    from qiskit_job_manager.ports import SearchableStore

_LARGEST = 10
_DRIVEN = 50
_BACKENDS = 20
_ATTEMPTS_READ = 300
_MINUTE_S = 60
_BACKENDS_FOR_S = 5.0


@dataclass(frozen=True, slots=True)
class BackendRow:
    """What is known of a backend.

    Attributes:
        name: Its name.
        pending: Jobs that it has, or that are on their way to it.
        planned: Jobs that are still to be sent to it.
        sent: Submissions in the last minute.
        allowed: How many it takes in a minute, as far as its job sets say, or ``None``.
        refusal: The last error of an attempt, or ``None``.
        refused_at: When that was.
        wait_s: Median time between being accepted and being run, in seconds, or ``None``.
    """

    name: str
    pending: int
    planned: int
    sent: int
    allowed: int | None
    refusal: str | None
    refused_at: datetime | None
    wait_s: float | None


def show(visit: Visit) -> Response:
    """Return the page on the store."""
    store = visit.store
    unfinished = JobSetFilter(ended=False)
    moving = store.find_job_sets(unfinished, JobSetOrder.NEWEST, limit=_DRIVEN)
    needed = needs_now(visit)
    return page(
        visit,
        "store.html",
        needs=needed,
        attention=len({need.record.key for need in needed}),
        findings=list(_findings(store.url, is_whole=visit.text("check") == "all")),
        drivers=[(record, store.driver(record.key)) for record in moving],
        largest=store.find_job_sets(JobSetFilter(), JobSetOrder.LARGEST, limit=_LARGEST),
        backends=remembered.get(
            visit, ("backends",), _BACKENDS_FOR_S, lambda: list(_backends(visit))
        ),
        commands=[qjm("doctor"), qjm("backends"), Command("scripts", _for_scripts(visit))],
    )


def _findings(url: str, *, is_whole: bool) -> Iterable[checkup.Finding]:
    """Yield what a check-up finds: of the whole store only where that was asked for."""
    if is_whole and stores.sqlite_path(url) is not None:
        return checkup.all_findings(url)
    return chain(checkup.versions(), checkup.place(url))


def _for_scripts(visit: Visit) -> str:
    key = visit.script_key if visit.session else "KEY"
    return f'curl -H "Authorization: Bearer {key}" ADDRESS/api/sets.json'


def _backends(visit: Visit) -> Iterable[BackendRow]:
    store, now = visit.store, visit.clock.now()
    jobs = jobs_by_backend(visit)
    names = sorted({name for name, _ in jobs})[:_BACKENDS]
    for name in names:
        attempts = store.recent_attempts(name, limit=_ATTEMPTS_READ)
        pending = sum(jobs.get((name, state), 0) for state in JobState if state.is_pending)
        planned = jobs.get((name, JobState.PLANNED), 0)
        yield _row(name, pending, planned, attempts, now, _allowed(store, name))


def _allowed(store: SearchableStore, name: str) -> int | None:
    newest = store.find_job_sets(JobSetFilter(backend=name), JobSetOrder.NEWEST, limit=1)
    return next((each.limits.submissions_per_minute for each in newest), None)


def _row(  # the columns
    name: str,
    pending: int,
    planned: int,
    attempts: Sequence[AttemptRecord],
    now: datetime,
    allowed: int | None,
) -> BackendRow:
    sent = sum((now - each.intended_at).total_seconds() < _MINUTE_S for each in attempts)
    refused = max(
        (each for each in attempts if each.error), key=lambda each: each.intended_at, default=None
    )
    waits = [wait for each in attempts if (wait := _wait_s(each)) is not None]
    at = None if refused is None else refused.ended_at or refused.intended_at
    error = None if refused is None else refused.error
    return BackendRow(
        name, pending, planned, sent, allowed, error, at, median(waits) if waits else None
    )


def _wait_s(attempt: AttemptRecord) -> float | None:
    if attempt.figures is None or attempt.figures.started_at is None:
        return None
    began = attempt.figures.created_at or attempt.accepted_at
    return None if began is None else (attempt.figures.started_at - began).total_seconds()
