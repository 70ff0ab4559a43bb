"""Job sets, jobs, events and snapshots as JSON values: the same for scripts and for the dashboard.

Names that are there stay; new ones may come.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.job_set.status import detail, trouble_of
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.job_set.job_set import ManagedJobSet
    from qiskit_job_manager.model import (
        EventRecord,
        JobRecord,
        JobSetRecord,
        RemoteFigures,
        Usage,
    )
    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.ports import Store

PAGE = 500


def summary(job_set: ManagedJobSet) -> dict[str, Any]:
    """Return a job set as JSON values."""
    source = source_of(job_set)
    return summary_of(source.store, source.record, job_set.progress())


def summary_of(store: Store, record: JobSetRecord, progress: Progress) -> dict[str, Any]:
    """Return what the store has of a job set as JSON values."""
    return {
        "job_set_id": record.job_set_id,
        "name": record.name,
        "backend": record.backend_name,
        "tags": list(record.tags),
        "note": record.note,
        "created_at": record.created_at.isoformat(),
        "experiments": progress.n_experiments,
        "experiments_done": progress.n_done_experiments,
        "jobs": progress.n_jobs,
        "ended": progress.ended,
        "success": progress.success,
        "needs_user": progress.needs_user,
        "held": progress.held,
        "jobs_by_state": {str(state): number for state, number in progress.jobs.items()},
        **_driver_values(None if progress.ended else store.driver(record.key)),
    }


def _driver_values(driver: str | None) -> dict[str, Any]:
    words = None if driver is None else phrases.driver(driver)
    return {"driven": driver is not None, "driver": words}


def show_values(
    store: Store, record: JobSetRecord, progress: Progress, *, not_listed: int
) -> dict[str, Any]:
    """Return all of a job set but its jobs as JSON values.

    Args:
        store: Where it is.
        record: The job set.
        progress: How far it is.
        not_listed: How many of its jobs are left out.
    """
    return summary_of(store, record, progress) | {
        "usage": _usage_values(usage := store.usage(record.key), record),
        "cost": _cost_values(usage, record),
        "trouble": trouble_of(store, record, progress),
        "jobs_not_listed": not_listed,
    }


def _cost_values(usage: Usage, record: JobSetRecord) -> dict[str, Any] | None:
    if record.prices is None:
        return None
    cost = record.prices.cost(usage)
    return {
        "currency": cost.currency,
        "actual": cost.actual,
        "estimated": cost.estimated,
        "allowed": record.max_cost,
        "prices": asdict(record.prices),
    }


def _usage_values(usage: Usage, record: JobSetRecord) -> dict[str, Any]:
    return {
        "measured_s": usage.measured_s,
        "estimated_s": usage.estimated_s,
        "allowed_s": record.max_usage_s,
    }


def measured(
    store: Store, job_set_key: int, jobs: Iterable[JobRecord]
) -> Iterator[tuple[JobRecord, RemoteFigures | None]]:
    """Yield each job with the figures of its latest attempt, or with ``None``."""
    remaining = iter(jobs)
    while page := list(islice(remaining, PAGE)):
        tags = [job.tag for job in page if job.tag is not None]
        found = dict(store.attempts_tagged(job_set_key, tags))
        for job in page:
            attempt = found.get(job.index)
            yield job, None if attempt is None else attempt.figures


def job_values(job: JobRecord, figures: RemoteFigures | None, silent: str) -> dict[str, Any]:
    """Return a job as JSON values, with the figures that the backend measured.

    ``silent``: as for `status.detail`.
    """
    return {
        "index": job.index,
        "first_experiment": job.start,
        "last_experiment": job.stop - 1,
        "state": str(job.state),
        "detail": detail(job, silent),
        "remote_id": job.remote_id,
        "shots": job.shots,
        "attempts": job.attempts,
        "reused": job.is_reused,
        "error": job.error,
        "measured": figures_values(figures),
    }


def figures_values(figures: RemoteFigures | None) -> dict[str, Any] | None:
    """Return what a backend measured as JSON values."""
    if figures is None:
        return None
    moments = {
        "created_at": figures.created_at,
        "started_at": figures.started_at,
        "ended_at": figures.ended_at,
    }
    return {
        "usage_s": figures.usage_s,
        "session_id": figures.session_id,
        **{name: at and at.isoformat() for name, at in moments.items()},
    }


def event_values(event: EventRecord) -> dict[str, Any]:
    """Return an event as JSON values."""
    return {
        "at": event.at.isoformat(),
        "job": event.job_index,
        "attempt": event.attempt,
        "event": event.event,
        "before": event.before,
        "after": event.after,
        "cause": event.cause,
    }


def watch_values(
    record: JobSetRecord, progress: Progress, activity: Activity, pace: Pace, *, driver: str | None
) -> dict[str, Any]:
    """Return how far a job set is as JSON values."""
    return {
        "job_set_id": record.job_set_id,
        "name": record.name,
        "experiments": progress.n_experiments,
        "experiments_done": progress.n_done_experiments,
        "jobs_by_state": {str(state): count for state, count in progress.jobs.items()},
        "experiments_by_state": {str(s): count for s, count in progress.experiments.items()},
        "running": activity.running,
        "queued": activity.queued,
        "queue_position": activity.position,
        "jobs_per_second": pace.jobs_per_s,
        "ends_at": None if pace.ends_at is None else pace.ends_at.isoformat(),
        "trouble": activity.trouble,
        "needs_user": progress.needs_user,
        **_driver_values(driver),
        "ended": progress.ended,
        "success": progress.success,
    }
