"""What users see of a job's state: Qiskit's status, and a detail in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState, RemoteState

if TYPE_CHECKING:
    from qiskit.providers import JobStatus

    from qiskit_job_manager.model import JobRecord
    from qiskit_job_manager.model.progress import Activity, Progress

_NAMES = {
    JobState.PLANNED: "INITIALIZING",
    JobState.SUBMITTING: "INITIALIZING",
    JobState.IN_DOUBT: "INITIALIZING",
    JobState.ACTIVE: "QUEUED",
    JobState.COLLECTING: "RUNNING",
    JobState.DONE: "DONE",
    JobState.FAILED: "ERROR",
    JobState.CANCELLED: "CANCELLED",
    JobState.LOST: "ERROR",
}

_BEGUN = frozenset(
    {JobState.COLLECTING, JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.LOST}
)
_TROUBLED = frozenset({JobState.IN_DOUBT, JobState.FAILED, JobState.LOST})


def status_name(job: JobRecord) -> str:
    """Return the name of the `qiskit.providers.JobStatus` that fits a job's state best."""
    running = job.status is not None and job.status.state is not RemoteState.QUEUED
    if job.state is JobState.ACTIVE and running:
        return "RUNNING"
    return _NAMES[job.state]


def qiskit_status(job: JobRecord) -> JobStatus:
    """Return the `qiskit.providers.JobStatus` that fits a job's state best."""
    from qiskit.providers import JobStatus

    return JobStatus[status_name(job)]


def detail(job: JobRecord) -> str:
    """Return the job's own state, in words, with its place in the queue or its trouble."""
    words = str(job.state)
    if job.state is JobState.ACTIVE and job.status is not None:
        words = str(job.status.state)
        if job.status.queue_position is not None:
            words += f", {job.status.queue_position} in the queue"
    if job.cancel_requested and not job.state.is_final:
        words += ", to be cancelled"
    if job.attempts > 1:
        words += f", attempt {job.attempts}"
    return f"{words}: {job.error}" if job.error else words


def name_of_whole(progress: Progress, activity: Activity) -> str:
    """Return the name of the `qiskit.providers.JobStatus` that fits a job set as a whole."""
    has = {state for state, count in progress.jobs.items() if count}
    if not progress.ended:
        if activity.running or has & _BEGUN:
            return "RUNNING"
        return "QUEUED" if activity.queued else "INITIALIZING"
    if progress.success:
        return "DONE"
    return "ERROR" if has & _TROUBLED else "CANCELLED"
