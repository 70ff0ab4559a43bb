"""Everything that one `JobManager.run` asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerInvalidStateError,
    JobManagerTimeoutError,
)
from qiskit_job_manager.job_set import report
from qiskit_job_manager.job_set.deadline import Deadline
from qiskit_job_manager.job_set.driving import Driving, fresh
from qiskit_job_manager.job_set.duplicates import cancel_duplicates
from qiskit_job_manager.job_set.managed_job import ManagedJob
from qiskit_job_manager.job_set.progress import Progress, progress_of
from qiskit_job_manager.job_set.tags import updated_tags
from qiskit_job_manager.model import JobRecord, JobState, RequestKind
from qiskit_job_manager.results import ManagedResults, ResultSource, find_index, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from qiskit.providers import JobStatus

    from qiskit_job_manager.job_set.stored_job import StoredJob
    from qiskit_job_manager.model import EventRecord, ExperimentRecord, JobSetRecord
    from qiskit_job_manager.ports import Store

_PAGE = 1000
_MISSING_NAMED = 10
_UNFINISHED = [state for state in JobState if not state.is_final]


class ManagedJobSet:
    """A set of jobs that run the experiments of one `JobManager.run`.

    Made by `JobManager`. It holds no state of its own: whatever is asked is answered from the
    store, so any number of these may stand for one job set, in any process.
    """

    def __init__(self, record: JobSetRecord, store: Store, driving: Driving) -> None:
        self._record = record
        self._store = store
        self._driving = driving

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
        """Return the Qiskit backend that runs the job set, opened again if need be.

        Raises:
            JobManagerInvalidStateError: It cannot be opened here.
        """
        adapter = self._driving.backend()
        return getattr(adapter, "qiskit_backend", adapter)

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

    def record(self) -> JobSetRecord:
        """Return everything that the store knows of the set as a whole now.

        Raises:
            JobManagerUnknownJobSet: It was deleted.
        """
        self._record = fresh(self._store, self._record)
        return self._record

    def indices(self, name: str) -> list[int]:
        """Return the indices of all experiments with this name, in order."""
        return self._store.indices(self._record.key, name)

    # -- how far it is ----------------------------------------------------------------------------

    def progress(self) -> Progress:
        """Return how many jobs and experiments are in each state; never waits."""
        record = self._record if self._record.complete else self.record()
        return progress_of(record, self._store.totals(record.key))

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
        index = find_index(self._store, self.record(), experiment)
        first = self._store.jobs_covering(self._record.key, index)[0]
        return self._managed(first).job, index - first.start

    def error_messages(self) -> str | None:
        """Return why jobs failed or were lost, job by job, or ``None`` if none did."""
        return report.errors(self._jobs((JobState.FAILED, JobState.LOST)))

    def report(self, detailed: bool = True) -> str:
        """Return a text on the state of the set.

        Args:
            detailed: Whether to say something about each job.
        """
        text = report.summary(self.record(), self.progress())
        return f"{text}\n{report.details(self._jobs())}" if detailed else text

    def events(self, job: int | None = None) -> Iterator[EventRecord]:
        """Yield what happened to the set, or to the job with this index, oldest first."""
        return self._store.events(self._record.key, job)

    # -- waiting and reading ----------------------------------------------------------------------

    def wait(
        self, timeout: float | None = None, progress: Callable[[Progress], None] | None = None
    ) -> bool:
        """Wait until every job has ended, and say whether they have.

        Jobs that only the user can decide about do not hold it up; see `resubmit`.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all. Running
                out of time cancels nothing.
            progress: Called at first and after each change.

        Raises:
            JobManagerInvalidStateError: Nobody drives the set, and it cannot be driven here.
        """
        deadline = Deadline(timeout, self._driving.clock)
        shown: Progress | None = None

        def is_over() -> bool:
            nonlocal shown
            now = self.progress()
            if progress is not None and now != shown:
                shown = now
                progress(now)
            return now.ended and not self._store.requests(self._record.key)

        return self._driving.wait(is_over, deadline)

    def wait_until_heeded(self, timeout: float | None = None) -> bool:
        """Wait until whoever drives has acted on all that was asked, and say whether it has.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all.
        """
        deadline = Deadline(timeout, self._driving.clock)
        return self._driving.wait(lambda: not self._store.requests(self._record.key), deadline)

    def results(
        self, timeout: float | None = None, partial: bool = False, refresh: bool = False
    ) -> ManagedResults:
        """Wait until every job has ended and its result is stored, and return the results.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.
            partial: Whether experiments that a failed job did return may be read.
            refresh: Whether to ask the backend again about what is not stored. What is stored
                stays in any case.

        Returns:
            The results; ``success`` tells whether every job is done. Experiments without a result
            raise `ManagedResultDataNotAvailable` when they are read, all others read normally.

        Raises:
            JobManagerTimeoutError: The deadline passed; the message names what is missing. Nothing
                is cancelled and nothing lost: call again.
        """
        if refresh:
            self.refresh()
        if not self.wait(timeout):
            raise JobManagerTimeoutError(self._missing(timeout))
        return self._results(partial=partial)

    def results_so_far(self) -> ManagedResults:
        """Return what is stored now, without waiting and without a backend.

        Experiments without a result raise `ManagedResultDataNotAvailable` when they are read.
        """
        return self._results(partial=True)

    def as_completed(self, timeout: float | None = None) -> Iterator[ManagedJob]:
        """Yield each job once it has ended, those that have first.

        Args:
            timeout: Seconds for the whole iteration; ``None`` waits for ever.

        Raises:
            JobManagerTimeoutError: The deadline passed.
        """
        deadline = Deadline(timeout, self._driving.clock)
        yielded: set[int] = set()

        def is_news() -> bool:
            now = self.progress()
            return now.n_ended > len(yielded) or now.ended

        while self._driving.wait(is_news, deadline):
            new = [job for job in self._ended_jobs() if job.index not in yielded]
            if not new:
                return
            for job in new:
                yielded.add(job.index)
                yield self._managed(job)
        raise JobManagerTimeoutError(self._missing(timeout))

    def result_source(self) -> ResultSource:
        """Return what reads single experiments out of the store; for `ManagedResults`."""
        return ResultSource(self._store, self.record())

    # -- what can be asked ------------------------------------------------------------------------

    def drive(self) -> None:
        """Have the job set go on in this process if it has not ended and nobody else drives it.

        Raises:
            JobManagerInvalidStateError: Nobody drives it, and it cannot be driven here.
        """
        if self._driving.is_here or not self.record().complete:
            return
        if not self.progress().ended or self._store.requests(self._record.key):
            self._driving.ensure()

    def trouble(self) -> str | None:
        """Return why the job set could not go on here the last time that it was to, or ``None``.

        That is when `JobManager.resume`, `drive` or `wait` were called, or later, by a defect.
        """
        record = self.record()
        return self._driving.trouble if record.complete else report.incomplete(record)

    def refresh(self) -> None:
        """Ask for the backend to be asked again about what is not stored; does not wait."""
        self._driving.ask(RequestKind.REFRESH)

    def cancel(self) -> None:
        """Ask for everything that has not ended to be cancelled, here and on the backend.

        Does not wait; what was not sent yet is not sent any more. What is done stays.
        """
        self._driving.ask(RequestKind.CANCEL)

    def cancel_duplicates(self) -> list[str]:
        """Cancel what the backend has of the jobs a second time, and return the ids.

        A backend may have accepted one attempt twice when the answer to its submission was lost.
        The oldest is the one that counts; the others can be found by their tag.

        Raises:
            JobManagerInvalidStateError: The backend cannot look for jobs by their tag, or cannot
                be opened here.
            BackendError: It could not be asked; call again.
        """
        attempts = (each for job in self.managed_jobs() for each in job.attempts())
        return list(cancel_duplicates(self._driving.backend(), attempts))

    def retry(self) -> None:
        """Send again the jobs that failed or were lost, and only those; does not wait."""
        self._driving.ask(RequestKind.RETRY)

    def resubmit(self, jobs: Iterable[int] | None = None) -> None:
        """Send again jobs of which it is in doubt whether the backend accepted them.

        This may pay twice: it is your word that the backend has not accepted them.

        Args:
            jobs: Indices of the jobs; ``None`` means all that are in doubt.
        """
        self._ask_each(RequestKind.RESUBMIT, jobs)

    def abandon(self, jobs: Iterable[int] | None = None) -> None:
        """Give up jobs of which it is in doubt whether the backend accepted them.

        Args:
            jobs: Indices of the jobs; ``None`` means all that are in doubt.
        """
        self._ask_each(RequestKind.ABANDON, jobs)

    def delete(self) -> None:
        """Remove the job set and its results from the store, for good.

        Raises:
            JobManagerInvalidStateError: It has not ended; cancel it first.
        """
        progress = self.progress()
        if self._record.complete and not progress.ended:
            msg = f"job set {self._record.name!r} has not ended: cancel it and wait, then delete it"
            raise JobManagerInvalidStateError(msg)
        self._store.delete_job_set(self._record.key)

    def update_name(self, name: str) -> str:
        """Give the job set another name, and return it.

        Raises:
            NameInUseError: Another job set has it.
            InvalidArgumentError: It is not a string, or empty.
        """
        if not isinstance(name, str) or not name.strip():
            msg = f"the name is {name!r}; it is a string that is not empty"
            raise InvalidArgumentError(msg)
        self._store.rename(self._record.key, name)
        return self.name()

    def update_tags(
        self,
        replacement_tags: list[str] | None = None,
        additional_tags: list[str] | None = None,
        removal_tags: list[str] | None = None,
    ) -> list[str]:
        """Change the tags: replace, then add, then remove; return them.

        Raises:
            JobManagerInvalidStateError: Nothing was asked for.
            InvalidArgumentError: An argument is not a list of strings.
        """
        tags = updated_tags(self.record().tags, replacement_tags, additional_tags, removal_tags)
        self._store.set_tags(self._record.key, tags)
        return list(tags)

    # -- inside -----------------------------------------------------------------------------------

    def _results(self, *, partial: bool) -> ManagedResults:
        return ManagedResults(self, self.backend_name, self.progress().success, partial=partial)

    def _managed(self, job: JobRecord) -> ManagedJob:
        return ManagedJob(job, self.result_source(), self._driving)

    def _jobs(self, states: Iterable[JobState] | None = None) -> Iterator[JobRecord]:
        after = -1
        states = None if states is None else tuple(states)
        while page := self._store.jobs(self._record.key, states=states, after=after, limit=_PAGE):
            yield from page
            after = page[-1].index

    def _ended_jobs(self) -> Iterator[JobRecord]:
        return self._jobs(state for state in JobState if state.is_final)

    def _ask_each(self, kind: RequestKind, jobs: Iterable[int] | None) -> None:
        for index in [None] if jobs is None else list(jobs):
            self._driving.ask(kind, index)

    def _missing(self, timeout: float | None) -> str:
        jobs = self._store.jobs(self._record.key, states=_UNFINISHED, limit=_MISSING_NAMED + 1)
        named = "; ".join(f"{span(job)} (job {job.index}, {job.state})" for job in jobs)
        more = " and more" if len(jobs) > _MISSING_NAMED else ""
        return (
            f"after {timeout} s the results of these are missing: {named or 'none'}{more}. "
            "Nothing was cancelled and what is stored stays: call again to go on waiting."
        )
