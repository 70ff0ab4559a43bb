"""A snapshot of a job set for ``qjm watch``, and its forms: lines, one line, JSON values.

A snapshot reads totals and one page of jobs, so its cost does not grow with the job set.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.cli.output import cut, first_line, plural
from qiskit_job_manager.cli.tables import Column, table
from qiskit_job_manager.displays.rate_meter import Meter
from qiskit_job_manager.job_set.json_values import watch_values
from qiskit_job_manager.job_set.status import detail, word_for_silent
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.ports import Clock

_NAME = 60
_JOBS_COLUMNS = (
    Column("JOB"),
    Column("EXPERIMENTS"),
    Column("ID ON THE BACKEND", least=8, dropped=1),
    Column("STATE", least=16),
)
_JOBS_TO_SHOW = (
    (JobState.IN_DOUBT,),
    (JobState.ACTIVE, JobState.COLLECTING, JobState.SUBMITTING),
    (JobState.FAILED, JobState.LOST),
    (JobState.PLANNED,),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job set at one moment.

    Attributes:
        record: The job set.
        progress: Jobs and experiments by state.
        activity: The last known status of active jobs on the backend.
        pace: The speed since watching began.
        driver: Who drives it, or ``None``.
        silent: The word for active jobs of which the backend has said nothing.
        jobs: Some of its jobs: jobs in doubt first, then running jobs, and so on.
    """

    record: JobSetRecord
    progress: Progress
    activity: Activity
    pace: Pace
    driver: str | None
    silent: str
    jobs: tuple[JobRecord, ...]


class SnapshotReader:
    """Reads snapshots of a job set; does not drive or change it.

    Args:
        job_set: The job set.
        clock: Asked for the time.
    """

    def __init__(self, job_set: ManagedJobSet, clock: Clock) -> None:
        self._job_set = job_set
        self._store = source_of(job_set).store
        self._meter = Meter(clock, job_set.created_at)

    def read(self, n_jobs: int) -> Snapshot:
        """Return a snapshot with at most this many jobs.

        Raises:
            JobManagerUnknownJobSet: The job set was deleted meanwhile.
        """
        record = source_of(self._job_set).record
        progress = self._job_set.progress()
        return Snapshot(
            record,
            progress,
            self._job_set.activity(progress),
            self._meter.pace(progress),
            self._store.driver(record.key),
            word_for_silent(self._store, record),
            tuple(islice(self._jobs(record.key, progress, n_jobs), n_jobs)),
        )

    def _jobs(self, key: int, progress: Progress, limit: int) -> Iterator[JobRecord]:
        for states in _JOBS_TO_SHOW:
            if any(progress.jobs.get(state) for state in states):
                yield from self._store.jobs(key, states=states, limit=limit)


def heading(snapshot: Snapshot, go_on: str) -> Iterator[str]:
    """Yield the lines about the job set as a whole.

    Args:
        snapshot: The state to show.
        go_on: The command that drives the job set.
    """
    record, progress = snapshot.record, snapshot.progress
    yield f"{cut(record.name, _NAME)} on {cut(record.backend_name, _NAME)}"
    yield phrases.how_far(progress, snapshot.pace)
    jobs_by_state = phrases.counted(phrases.shares(progress, snapshot.activity))
    yield f"Jobs         {jobs_by_state or 'none yet'}"
    if snapshot.activity.position is not None:
        yield f"In the queue first of ours at place {snapshot.activity.position:,}"
    if trouble := phrases.trouble(snapshot.activity):
        yield trouble.capitalize()
    known = (phrases.rate(snapshot.pace), phrases.end(snapshot.pace))
    after = f"watched for {phrases.duration(snapshot.pace.elapsed_s or 0.0)}"
    yield f"Pace         {', '.join([*filter(None, known), after])}"
    yield from _for_the_user(snapshot, go_on)


def jobs(shown: Sequence[JobRecord], silent: str) -> list[str]:
    """Return a table of jobs; empty for none. See `status.detail`."""
    return list(table(_JOBS_COLUMNS, (_row(job, silent) for job in shown))) if shown else []


def plain_line(snapshot: Snapshot) -> str:
    """Return the snapshot as one line, for logs and pipes."""
    text = phrases.line(snapshot.progress, snapshot.activity, snapshot.pace)
    place = snapshot.activity.position
    queue = "" if place is None else f", first in the queue at {place:,}"
    needs = snapshot.progress.needs_user
    doubt = f", {plural(needs, 'job')} in doubt {_verb(needs)} you" if needs else ""
    driven = "" if snapshot.driver or snapshot.progress.ended else ", nobody drives it"
    return f"{cut(snapshot.record.name, _NAME)}: {text}{queue}{doubt}{driven}"


def values(snapshot: Snapshot) -> dict[str, Any]:
    """Return the snapshot as JSON values."""
    moving = (snapshot.progress, snapshot.activity, snapshot.pace)
    return watch_values(snapshot.record, *moving, driver=snapshot.driver)


def _for_the_user(snapshot: Snapshot, go_on: str) -> Iterator[str]:
    progress = snapshot.progress
    if needs := progress.needs_user:
        yield f"{plural(needs, 'job')} in doubt {_verb(needs)} you: see qjm resubmit and abandon"
    if progress.held:
        held = plural(progress.held, "job")
        yield f"{held} held by the usage limit: see qjm resume --max-usage, --max-cost"
    if not progress.complete:
        yield "Not all experiments have been handed over"
    elif not snapshot.driver and not progress.ended:
        yield f"Nobody drives it. Go on with: {go_on}"


def _verb(number: int) -> str:
    return "needs" if number == 1 else "need"


def _row(job: JobRecord, silent: str) -> tuple[str, ...]:
    return (
        str(job.index),
        phrases.experiments(job),
        cut(job.remote_id or "-", _NAME),
        first_line(detail(job, silent)),
    )
