"""What ``qjm watch`` reads at each look: totals, and a page of jobs, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from qiskit_job_manager.displays.meter import Meter
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.ports import Clock

_WORTH_A_LOOK = (
    (JobState.IN_DOUBT,),
    (JobState.ACTIVE, JobState.COLLECTING, JobState.SUBMITTING),
    (JobState.FAILED, JobState.LOST),
    (JobState.PLANNED,),
)


@dataclass(frozen=True, slots=True)
class Look:
    """A job set at one moment.

    Attributes:
        record: What it is.
        progress: Jobs and experiments by state.
        activity: What the backend last said of the jobs that it has.
        pace: How fast it goes, since the watching began.
        is_driven: Whether a live process moves it forward.
        jobs: Some of its jobs: those in doubt first, then those under way, and so on.
    """

    record: JobSetRecord
    progress: Progress
    activity: Activity
    pace: Pace
    is_driven: bool
    jobs: tuple[JobRecord, ...]


class Watched:
    """A job set that is looked at again and again; nothing here drives or changes it.

    Args:
        job_set: The job set.
        clock: Asked for the time.
    """

    def __init__(self, job_set: ManagedJobSet, clock: Clock) -> None:
        self._job_set = job_set
        self._store = job_set.result_source().store
        self._meter = Meter(clock)

    def look(self, n_jobs: int) -> Look:
        """Look, with up to so many of the jobs.

        Raises:
            JobManagerUnknownJobSet: The job set was deleted meanwhile.
        """
        record = self._job_set.record()
        progress = self._job_set.progress()
        return Look(
            record,
            progress,
            self._job_set.activity(progress),
            self._meter.pace(progress),
            self._store.driver(record.key) is not None,
            tuple(islice(self._jobs(record.key, progress, n_jobs), n_jobs)),
        )

    def _jobs(self, key: int, progress: Progress, limit: int) -> Iterator[JobRecord]:
        for states in _WORTH_A_LOOK:
            if any(progress.jobs.get(state) for state in states):
                yield from self._store.jobs(key, states=states, limit=limit)
