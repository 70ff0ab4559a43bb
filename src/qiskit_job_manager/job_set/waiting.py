"""Waiting for a job set, and reading its results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerTimeoutError
from qiskit_job_manager.job_set.deadline import Deadline
from qiskit_job_manager.job_set.reading import Reading
from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.results import ManagedResults, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit_job_manager.job_set.managed_job import ManagedJob
    from qiskit_job_manager.model import JobRecord
    from qiskit_job_manager.model.progress import Progress

_MISSING_NAMED = 10
_UNFINISHED = [state for state in JobState if not state.is_final]


class Waiting(Reading):
    """The side of a job set that waits until something is so."""

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
            self._driving.ask(RequestKind.REFRESH)
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

    def _results(self, *, partial: bool) -> ManagedResults:
        return ManagedResults(self, self.backend_name, self.progress().success, partial=partial)

    def _ended_jobs(self) -> Iterator[JobRecord]:
        return self._jobs(state for state in JobState if state.is_final)

    def _missing(self, timeout: float | None) -> str:
        jobs = self._store.jobs(self._record.key, states=_UNFINISHED, limit=_MISSING_NAMED + 1)
        named = "; ".join(f"{span(job)} (job {job.index}, {job.state})" for job in jobs)
        more = " and more" if len(jobs) > _MISSING_NAMED else ""
        return (
            f"after {timeout} s the results of these are missing: {named or 'none'}{more}. "
            "Nothing was cancelled and what is stored stays: call again to go on waiting."
        )
