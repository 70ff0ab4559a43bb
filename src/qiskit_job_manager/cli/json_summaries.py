"""Job sets and jobs as JSON values, for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.cli.job_measurements import as_json
from qiskit_job_manager.results import source_of

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet, Progress
    from qiskit_job_manager.model import JobRecord, JobSetRecord, RemoteFigures


def summary(job_set: ManagedJobSet) -> dict[str, Any]:
    """Return a job set as JSON values."""
    return summary_of(source_of(job_set).record, job_set.progress())


def summary_of(record: JobSetRecord, progress: Progress) -> dict[str, Any]:
    """Return what the store has of a job set as JSON values."""
    return {
        "job_set_id": record.job_set_id,
        "name": record.name,
        "backend": record.backend_name,
        "tags": list(record.tags),
        "created_at": record.created_at.isoformat(),
        "experiments": progress.n_experiments,
        "jobs": progress.n_jobs,
        "ended": progress.ended,
        "success": progress.success,
        "needs_user": progress.needs_user,
        "held": progress.held,
        "jobs_by_state": {str(state): number for state, number in progress.jobs.items()},
    }


def usage_summary(job_set: ManagedJobSet) -> dict[str, Any]:
    """Return the quantum seconds of a job set as JSON values."""
    usage = job_set.usage()
    return {
        "measured_s": usage.measured_s,
        "estimated_s": usage.estimated_s,
        "allowed_s": source_of(job_set).record.max_usage_s,
    }


def job_summary(job: JobRecord, figures: RemoteFigures | None) -> dict[str, Any]:
    """Return a job as JSON values, with the figures that the backend measured."""
    from qiskit_job_manager.job_set.status import detail

    return {
        "index": job.index,
        "first_experiment": job.start,
        "last_experiment": job.stop - 1,
        "state": str(job.state),
        "detail": detail(job),
        "remote_id": job.remote_id,
        "shots": job.shots,
        "attempts": job.attempts,
        "error": job.error,
        "measured": as_json(figures),
    }
