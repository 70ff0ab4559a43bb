"""What a job set is, and how far it has come, as the store knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.job_set import report
from qiskit_job_manager.job_set.activity import activity_of
from qiskit_job_manager.job_set.part import Part
from qiskit_job_manager.job_set.usage import held_jobs
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.progress import Activity, Progress, progress_of
from qiskit_job_manager.results import Experiments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from qiskit.providers import JobStatus

    from qiskit_job_manager.job_set.managed_job import ManagedJob
    from qiskit_job_manager.job_set.stored_job import StoredJob
    from qiskit_job_manager.model import EventRecord, ExperimentRecord, Usage


class Reading(Part):
    """The side of a job set that reads; nothing here waits or changes anything."""

    def __repr__(self) -> str:
        return f"<ManagedJobSet {self._record.name!r} ({self._record.job_set_id})>"

    def __len__(self) -> int:
        return self.n_experiments

    def __iter__(self) -> Iterator[ExperimentRecord]:
        """Yield the index, name and content hash of each experiment, in order."""
        return self._store.experiments(self._record.key)

    # -- what it is -------------------------------------------------------------------------------

    def job_set_id(self) -> str:
        """Return the id by which any process finds the job set again."""
        return self._record.job_set_id

    def name(self) -> str:
        """Return the name."""
        return self.record().name

    def tags(self) -> list[str]:
        """Return the tags."""
        return list(self.record().tags)

    def backend(self) -> Any:
        """Return the Qiskit backend or primitive that runs the job set, opened again if need be.

        Raises:
            JobManagerInvalidStateError: It cannot be opened here.
        """
        adapter = self._driving.backend()
        runs = getattr(adapter, "primitive", None) or getattr(adapter, "qiskit_backend", None)
        return adapter if runs is None else runs

    @property
    def backend_name(self) -> str:
        """Name of the backend."""
        return self._record.backend_name

    @property
    def created_at(self) -> datetime:
        """When `run` was called, in UTC."""
        return self._record.created_at

    @property
    def n_experiments(self) -> int:
        """Experiments handed over."""
        return self.record().n_experiments

    @property
    def n_jobs(self) -> int:
        """Jobs that the experiments were split into."""
        return self.record().n_jobs

    def indices(self, name: str) -> list[int]:
        """Return the indices of all experiments with this name, in order."""
        return self._store.indices(self._record.key, name)

    # -- how far it is ----------------------------------------------------------------------------

    def progress(self) -> Progress:
        """Return how many jobs and experiments are in each state; never waits."""
        record = self._record if self._record.complete else self.record()
        totals = self._store.totals(record.key)
        return progress_of(record, totals, held_jobs(self._store, record, totals))

    def usage(self) -> Usage:
        """Return the quantum seconds of the jobs that the backend has, or may have, accepted."""
        return self._store.usage(self._record.key)

    def activity(self, progress: Progress | None = None) -> Activity:
        """Return what the backend last said of the jobs that it has; never waits.

        No more than the first few hundred of them are looked at: the rest count as queued, and as
        jobs are sent in order, they most likely are.

        Args:
            progress: What `progress` returned a moment ago, if that is at hand.
        """
        return activity_of(self._store, self._record, progress or self.progress())

    def statuses(self) -> list[JobStatus]:
        """Return the `qiskit.providers.JobStatus` of each job, in order; never waits."""
        from qiskit_job_manager.job_set.status import qiskit_status

        return [qiskit_status(job) for job in self._jobs()]

    def managed_jobs(self) -> list[ManagedJob]:
        """Return the jobs, in order."""
        return [self._managed(job) for job in self._jobs()]

    def jobs(self) -> list[StoredJob | None]:
        """Return a Qiskit job for each job, in order; ``None`` where no backend has accepted one.

        Unlike the original's, it never waits, and needs neither network nor credentials.
        """
        return [job.job for job in self.managed_jobs()]

    def job(self, experiment: Any) -> tuple[StoredJob | None, int]:
        """Return the Qiskit job of an experiment, and the experiment's index inside it.

        Args:
            experiment: Index, name or circuit. Of one whose shots were split, the first share.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
        """
        index = Experiments(self._store, self.record()).index(experiment)
        first = self._store.jobs_covering(self._record.key, index)[0]
        return self._managed(first).job, index - first.start

    def error_messages(self) -> str | None:
        """Return why jobs have no result, job by job, or ``None`` where all have one or go on.

        These are jobs that failed or were lost, jobs that were cancelled without a request of
        this job set, and jobs in doubt that only the user can decide about.
        """
        doubt = [JobState.IN_DOUBT] if self._record.blind else []
        states = (JobState.FAILED, JobState.LOST, JobState.CANCELLED, *doubt)
        return report.errors(job for job in self._jobs(states) if report.is_unexpected(job))

    def report(self, detailed: bool = True) -> str:
        """Return a text on the state of the set.

        Args:
            detailed: Whether to say something about each job.
        """
        text = report.summary(self.record(), self.progress(), self.usage())
        return f"{text}\n{report.details(self._jobs())}" if detailed else text

    def events(self, job: int | None = None) -> Iterator[EventRecord]:
        """Yield what happened to the set, or to the job with this index, oldest first."""
        return self._store.events(self._record.key, job)
