"""Waiting for a job set, and reading its results."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from qiskit_job_manager.displays import shown_progress
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerTimeoutError
from qiskit_job_manager.job_set.awaiting import awaited
from qiskit_job_manager.job_set.callbacks import Callbacks
from qiskit_job_manager.job_set.deadline import Deadline
from qiskit_job_manager.job_set.reading import Reading
from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.results import ManagedResults, span

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

    from qiskit_job_manager.job_set.managed_job import ManagedJob
    from qiskit_job_manager.model import JobRecord
    from qiskit_job_manager.model.progress import Progress

_MISSING_NAMED = 10
_UNFINISHED = [state for state in JobState if not state.is_final]


class Waiting(Reading):
    """The side of a job set that waits until something is so."""

    def wait(
        self,
        timeout: float | None = None,
        progress: bool | Callable[[Progress], None] | None = None,
    ) -> bool:
        """Wait until every job has ended, and say whether they have.

        Jobs that only the user can decide about do not hold it up; see `resubmit`.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all. Running
                out of time cancels nothing.
            progress: ``True`` shows jobs by state, the rate and the estimated end: a bar on a
                terminal, one output that is drawn in place in a notebook, plain lines elsewhere.
                A callable is called at first and after each change.

        Raises:
            JobManagerInvalidStateError: Nobody drives the set, and it cannot be driven here.
        """
        deadline = Deadline(timeout, self._driving.clock)
        with self._shown(progress) as show:
            return self._driving.wait(lambda: self._is_over(show), deadline)

    def wait_until_heeded(self, timeout: float | None = None) -> bool:
        """Wait until whoever drives has acted on all that was asked, and say whether it has.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all.
        """
        deadline = Deadline(timeout, self._driving.clock)
        return self._driving.wait(self._is_heeded, deadline)

    def wait_for_search(self, timeout: float | None = None) -> bool:
        """Wait until jobs that a client may have posted twice were looked for, and say whether.

        Some clients repeat a submission by themselves, IBM's among them. What they posted twice is
        looked for once it must be listed, half a minute after the last submission on IBM, and
        cancelled and told of. `results` does not wait for that. If this process ends before, the
        next one that drives the set looks.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all.
        """
        deadline = Deadline(timeout, self._driving.clock)
        return self._driving.wait(self._is_searched, deadline)

    def results(
        self,
        timeout: float | None = None,
        partial: bool = False,
        refresh: bool = False,
        *,
        progress: bool | Callable[[Progress], None] | None = None,
    ) -> ManagedResults:
        """Wait until every job has ended and its result is stored, and return the results.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.
            partial: Whether experiments that a failed job did return may be read.
            refresh: Whether to ask the backend again about what is not stored. What is stored
                stays in any case.
            progress: What to show meanwhile; see `wait`.

        Returns:
            The results; ``success`` tells whether every job is done. Experiments without a result
            raise `ManagedResultDataNotAvailable` when they are read, all others read normally.

        Raises:
            JobManagerTimeoutError: The deadline passed; the message names what is missing. Nothing
                is cancelled and nothing lost: call again.
        """
        if refresh:
            self._driving.ask(RequestKind.REFRESH)
        if not self.wait(timeout, progress):
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

    def add_done_callback(self, callback: Callable[[Self], object]) -> None:
        """Have a callable called with this job set once every job has ended.

        As with `concurrent.futures.Future`, it is called once, and at once if that is so already;
        here always by a thread of its own. What it raises is logged and goes no further. It is not
        called when the waiting itself fails; that is logged, too.

        Args:
            callback: Takes the job set.
        """
        self._callbacks.add(callback)

    def __await__(self) -> Generator[Any, None, ManagedResults]:
        """Wait without holding up the event loop, and return what `results` returns.

        Cancelling the wait cancels no job.
        """
        return awaited(self._wait_until, lambda: self.results(timeout=0)).__await__()

    # -- inside -----------------------------------------------------------------------------------

    @cached_property
    def _callbacks(self) -> Callbacks[Self]:
        return Callbacks(self, self.wait)

    def _wait_until(self, is_enough: Callable[[], bool]) -> None:
        never = Deadline(None, self._driving.clock)
        self._driving.wait(lambda: is_enough() or self._is_over(_show_nothing), never)

    def _is_over(self, show: Callable[[Progress], None]) -> bool:
        now = self.progress()
        show(now)
        # The last look sees what the word did that was heeded between the first two.
        return now.ended and self._is_heeded() and self.progress().ended

    def _is_heeded(self) -> bool:
        words = self._store.requests(self._record.key)
        return not any(word.kind.is_users for word in words)

    def _is_searched(self) -> bool:
        words = self._store.requests(self._record.key)
        return all(word.kind is RequestKind.USAGE_POLL for word in words)

    def _shown(self, progress: object) -> AbstractContextManager[Callable[[Progress], None]]:
        """Return what takes every look at the progress, for as long as the waiting lasts.

        Raises:
            InvalidArgumentError: It is neither a truth value nor a callable.
        """
        if progress is True:
            return shown_progress(self.name(), self._driving.clock, self.activity)
        if progress is None or progress is False:
            return nullcontext(_show_nothing)
        if not callable(progress):
            msg = f"progress is {progress!r}; it is True, False, or something to call"
            raise InvalidArgumentError(msg)
        return nullcontext(_changes(progress))

    def _results(self, *, partial: bool) -> ManagedResults:
        return ManagedResults(self, self.backend_name, self.progress().success, partial=partial)

    def _ended_jobs(self) -> Iterator[JobRecord]:
        return self._jobs(state for state in JobState if state.is_final)

    def _missing(self, timeout: float | None) -> str:
        jobs = self._store.jobs(self._record.key, states=_UNFINISHED, limit=_MISSING_NAMED + 1)
        named = "; ".join(f"{span(job)} (job {job.index}, {job.state})" for job in jobs)
        more = " and more" if len(jobs) > _MISSING_NAMED else ""
        trouble = self._driving.trouble or next((job.error for job in jobs if job.error), None)
        return (
            f"after {timeout} s the results of these are missing: {named or 'none'}{more}. "
            + (f"What fails: {trouble}. " if trouble else "")
            + "Nothing was cancelled and what is stored stays: call again to go on waiting."
        )


def _show_nothing(progress: Progress) -> None:
    """Take a look and do nothing with it."""


def _changes(callback: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Return what calls back at first and after each change."""
    seen: Progress | None = None

    def show(progress: Progress) -> None:
        nonlocal seen
        if progress != seen:
            seen = progress
            callback(progress)

    return show
