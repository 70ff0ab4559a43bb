"""How far a job set has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.model.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qiskit_job_manager.model.job_sets import JobSetRecord, Totals


@dataclass(frozen=True, slots=True)
class Progress:
    """How many jobs and experiments of a job set are in each state.

    Attributes:
        n_jobs: Jobs of the set.
        n_experiments: Experiments of the set.
        jobs: Jobs by state; a state that is absent has none.
        experiments: Experiments by the state of their job, one for each share of their shots.
        complete: Whether all experiments were handed over.
        needs_user: Jobs in doubt that only the user can decide about.
        held: Jobs that are not sent, as that would go beyond the set's limit of usage.
    """

    n_jobs: int
    n_experiments: int
    jobs: Mapping[JobState, int]
    experiments: Mapping[JobState, int]
    complete: bool
    needs_user: int
    held: int = 0

    @property
    def n_ended(self) -> int:
        """Jobs that are done, failed, cancelled or lost."""
        return sum(count for state, count in self.jobs.items() if state.is_final)

    @property
    def n_done_experiments(self) -> int:
        """Experiments of jobs that are done; of those whose shots were split, in proportion."""
        done = self.experiments.get(JobState.DONE, 0)
        parts = sum(self.experiments.values())
        return done if parts <= self.n_experiments else done * self.n_experiments // parts

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen unless the user asks for it."""
        return self.complete and self.n_ended + self.needs_user + self.held >= self.n_jobs

    @property
    def success(self) -> bool:
        """Whether every job is done."""
        return self.complete and self.jobs.get(JobState.DONE, 0) == self.n_jobs


def progress_of(record: JobSetRecord, totals: Totals, held: int = 0) -> Progress:
    """Return the progress of a job set from what the store counted."""
    doubted = totals.jobs.get(JobState.IN_DOUBT, 0)
    return Progress(
        n_jobs=sum(totals.jobs.values()),
        n_experiments=record.n_experiments,
        jobs=totals.jobs,
        experiments=totals.experiments,
        complete=record.complete,
        needs_user=doubted if record.blind else 0,
        held=held,
    )


@dataclass(frozen=True, slots=True)
class Activity:
    """What the backend last said of the jobs of a set that it has.

    Active jobs that are in neither number were interrupted: they ran in a process that has ended,
    and the next driver sends them again.

    Attributes:
        running: Jobs that run, as far as is known.
        queued: Jobs that wait, or of which nothing is known.
        position: The best place in the backend's queue, from 1, or ``None`` if not known.
        trouble: What keeps jobs from going on, in the backend's words, or ``None``.
    """

    running: int
    queued: int
    position: int | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a job set advances, as measured by the process that watches it.

    Attributes:
        elapsed_s: Seconds since the job set was handed over, or ``None`` if it had ended before.
        jobs_per_s: Jobs that ended a second, or ``None`` while none has.
        left_s: Seconds until all have ended at this rate, or ``None`` if not known.
        ends_at: When that is, in UTC, or ``None``.
    """

    elapsed_s: float | None
    jobs_per_s: float | None = None
    left_s: float | None = None
    ends_at: datetime | None = None
