"""How far a job or a job set is, as users see it: Qiskit's status, words, and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState, RemoteState
from qiskit_job_manager.model.prices import has_limits, has_room_for
from qiskit_job_manager.model.progress import Activity, Pace, progress_of
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import escape_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from qiskit.providers import JobStatus

    from qiskit_job_manager.model import AttemptRecord, EventRecord, JobRecord, JobSetRecord, Totals
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Store

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
_MAY_CHANGE_USAGE = (JobState.SUBMITTING, JobState.IN_DOUBT, JobState.ACTIVE, JobState.COLLECTING)
_ACTIVE_JOBS_READ = 300
_TROUBLED_JOBS_READ = 10
_EVENTS_READ = 100
_FEWEST_ENDS = 2
# In the order in which they need attention.
_UNFINISHED = (
    JobState.ACTIVE,
    JobState.COLLECTING,
    JobState.SUBMITTING,
    JobState.IN_DOUBT,
    JobState.PLANNED,
)
_PAGE = 1000
_SETS_PAGE = 200

FINAL_NAMES = frozenset({"DONE", "CANCELLED", "ERROR"})
"""Names of the statuses of a job set that has ended."""


def status_name(job: JobRecord) -> str:
    """Return the name of the `qiskit.providers.JobStatus` that fits a job's state best."""
    running = job.status is not None and job.status.state is not RemoteState.QUEUED
    if job.state is JobState.ACTIVE and running:
        return "RUNNING"
    return _NAMES[job.state]


def qiskit_status(name: str) -> JobStatus:
    """Return the `qiskit.providers.JobStatus` of a name."""
    from qiskit.providers import JobStatus

    return JobStatus[name]


def word_for_silent(store: Store, record: JobSetRecord) -> str:
    """Return the word for active jobs of a set of which the backend has said nothing yet.

    The status of a local simulation is not stored on its way. It waits for no other user, and it
    ends with its process.
    """
    if not record.volatile:
        return phrases.QUEUED
    return phrases.INTERRUPTED if store.driver(record.key) is None else phrases.RUNNING


def word_for_undivided(record: JobSetRecord, attempt: AttemptRecord, silent: str) -> str:
    """Return what to call an attempt's time on a backend that does not divide it.

    Args:
        record: The job set.
        attempt: The attempt.
        silent: What `word_for_silent` returned.
    """
    if not record.volatile:
        return phrases.UNDIVIDED
    return silent if attempt.ended_at is None else phrases.RUNNING


def detail(job: JobRecord, silent: str) -> str:
    """Return the job's own state in words, with its place in the queue or its error.

    Args:
        job: The job.
        silent: What `word_for_silent` returned.
    """
    words = word = phrases.state_word(job, silent)
    if job.is_reused:
        words += ", result taken over"
    if job.state is JobState.ACTIVE and job.status is not None and word != phrases.INTERRUPTED:
        if job.status.queue_position is not None:
            words += f", {job.status.queue_position:,} in the queue"
        if job.status.message and job.status.state is RemoteState.RUNNING:
            words += f", {escape_lines(job.status.message)}"
    if job.cancel_requested and not job.state.is_final:
        words += ", to be cancelled"
    if job.attempts > 1:
        words += f", attempt {job.attempts}"
    return f"{words}: {escape_lines(job.error)}" if job.error else words


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


def read_jobs(
    store: Store, key: int, states: Iterable[JobState] | None = None
) -> Iterator[JobRecord]:
    """Yield the jobs of a job set in order, read in pages.

    Args:
        store: Where the job set is.
        key: The job set.
        states: Only jobs in these states; ``None`` means all.
    """
    after, wanted = -1, None if states is None else tuple(states)
    while page := store.jobs(key, states=wanted, after=after, limit=_PAGE):
        yield from page
        after = page[-1].index


def read_progress(store: Store, record: JobSetRecord) -> Progress:
    """Return how many jobs and experiments of a job set are in each state now."""
    totals = store.totals(record.key)
    return progress_of(record, totals, held_jobs(store, record, totals))


def read_overview(store: Store) -> Iterator[tuple[JobSetRecord, Progress]]:
    """Yield each job set of a store with its progress, newest first, read in pages."""
    last = None
    while page := store.job_sets(before=last, limit=_SETS_PAGE):
        totals = store.totals_of([record.key for record in page])
        for record in page:
            counted = totals[record.key]
            yield record, progress_of(record, counted, held_jobs(store, record, counted))
        last = page[-1]


def held_jobs(store: Store, record: JobSetRecord, totals: Totals) -> int:
    """Return how many jobs wait because the next one would go beyond the limit of usage.

    While a job is under way nothing is held yet: the job may use less than was estimated.

    Args:
        store: Where the job set is.
        record: The job set.
        totals: Its jobs by state, as they were just read.
    """
    planned = totals.jobs.get(JobState.PLANNED, 0)
    under_way = any(totals.jobs.get(state) for state in _MAY_CHANGE_USAGE)
    if not has_limits(record) or not planned or under_way:
        return 0
    following = store.jobs(record.key, states=(JobState.PLANNED,), limit=1)
    usage = store.usage(record.key)
    if all(has_room_for(record, usage, job) for job in following):
        return 0
    # A job that was sent between the two reads is in the usage, but not among those under way.
    return planned if store.totals(record.key).jobs == totals.jobs else 0


def read_activity(store: Store, record: JobSetRecord, progress: Progress) -> Activity:
    """Return how many active jobs run and how many wait, by the first few hundred of them.

    Returns:
        These, with what keeps some of the first unfinished jobs from going on.
    """
    active = progress.jobs.get(JobState.ACTIVE, 0)
    if not active:
        return Activity(0, 0, trouble=trouble_of(store, record, progress))
    jobs = store.jobs(record.key, states=(JobState.ACTIVE,), limit=_ACTIVE_JOBS_READ)
    silent = word_for_silent(store, record)
    running = min(sum(phrases.state_word(job, silent) == phrases.RUNNING for job in jobs), active)
    positions = [job.status.queue_position for job in jobs if job.status is not None]
    known = [position for position in positions if position is not None]
    trouble = next((job.error for job in jobs if job.error), None)
    return Activity(
        running,
        0 if silent == phrases.INTERRUPTED else active - running,
        min(known, default=None),
        trouble or trouble_of(store, record, progress),
    )


def states_of(store: Store, record: JobSetRecord, progress: Progress) -> list[tuple[str, int]]:
    """Return how many jobs of a set are in each state, in the words of `phrases.shares`."""
    if not progress.jobs.get(JobState.ACTIVE):
        return phrases.shares(progress)
    return phrases.shares(progress, read_activity(store, record, progress))


def ends_at(events: Sequence[EventRecord], progress: Progress, now: datetime) -> datetime | None:
    """Return when a job set will have ended if its jobs go on ending as fast as the last ones.

    Args:
        events: The latest events, oldest first.
        progress: How far it is.
        now: The time.
    """
    ends = [event.at for event in events if event.after is not None and event.after.is_final]
    left = progress.n_jobs - progress.n_ended - progress.needs_user - progress.held
    if len(ends) < _FEWEST_ENDS or left <= 0:
        return None
    return now + (now - ends[0]) / len(ends) * left


def read_pace(store: Store, record: JobSetRecord, progress: Progress, now: datetime) -> Pace:
    """Return the pace of a job set by its latest events; nothing is known while nobody drives."""
    if progress.ended or store.driver(record.key) is None:
        return Pace(0.0)
    end = ends_at(store.last_events(record.key, limit=_EVENTS_READ), progress, now)
    return Pace(0.0) if end is None else Pace(0.0, None, (end - now).total_seconds(), end)


def trouble_of(store: Store, record: JobSetRecord, progress: Progress) -> str | None:
    """Return why the first of the unfinished jobs that are in trouble does not go on, or ``None``.

    The driver stores it, so that every process can read it. Of each state a few jobs are read.
    """
    for state in _UNFINISHED:
        if progress.ended or not progress.jobs.get(state):
            continue
        for job in store.jobs(record.key, states=(state,), limit=_TROUBLED_JOBS_READ):
            if job.error:
                return job.error
    return None
