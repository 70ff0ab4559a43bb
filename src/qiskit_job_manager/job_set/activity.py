"""What a backend last said of the jobs of a set that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState, RemoteState
from qiskit_job_manager.model.progress import Activity

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Store

_LOOKED_AT = 300


def activity_of(store: Store, record: JobSetRecord, progress: Progress) -> Activity:
    """Return how many active jobs run and how many wait, by the first few hundred of them."""
    active = progress.jobs.get(JobState.ACTIVE, 0)
    if not active:
        return Activity(0, 0)
    jobs = store.jobs(record.key, states=(JobState.ACTIVE,), limit=_LOOKED_AT)
    running = min(sum(_runs(job, volatile=record.volatile) for job in jobs), active)
    places = [job.status.queue_position for job in jobs if job.status is not None]
    told = [place for place in places if place is not None]
    return Activity(running, active - running, min(told, default=None))


def _runs(job: JobRecord, *, volatile: bool) -> bool:
    # What a local simulator says of a job on its way is not kept; it has nobody else to wait for.
    if job.status is None:
        return volatile
    return job.status.state is not RemoteState.QUEUED
