"""Waiting for a job set: one deadline, what is shown, callbacks, coroutines, interruptions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from qiskit_job_manager.displays import shown_progress
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerTimeoutError
from qiskit_job_manager.job_set.status import read_jobs, read_progress, trouble_of, word_for_silent
from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.results import span
from qiskit_job_manager.views.escape import escape_lines
from qiskit_job_manager.views.phrases import state_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.groups import GroupRecord
    from qiskit_job_manager.model.progress import Activity, Progress
    from qiskit_job_manager.ports import Clock, Store

logger = logging.getLogger(__name__)

_Subject = TypeVar("_Subject")
_Answer = TypeVar("_Answer")

_MISSING_NAMED = 10
_FINAL = [state for state in JobState if state.is_final]
_UNFINISHED = [state for state in JobState if not state.is_final]


class Deadline:
    """When a call has to end, whatever steps it is made of.

    Args:
        timeout: Seconds; ``None`` means never, ``0`` means at once.
        clock: Gives the time.

    Attributes:
        timeout: Seconds for the whole call, as given.

    Raises:
        InvalidArgumentError: The timeout is negative or not a number.
    """

    def __init__(self, timeout: float | None, clock: Clock) -> None:
        if timeout is not None and (not isinstance(timeout, (int, float)) or not timeout >= 0):
            msg = f"timeout is {timeout!r}; it is a number of seconds, 0 or more, or None"
            raise InvalidArgumentError(msg)
        self.timeout = timeout
        self._clock = clock
        self._until_s = float("inf") if timeout is None else clock.monotonic() + timeout

    @property
    def remaining_s(self) -> float:
        """Seconds that remain, never negative."""
        return max(self._until_s - self._clock.monotonic(), 0.0)

    def left(self) -> float | None:
        """Return the timeout for the rest of the call; ``None`` where there is none."""
        return None if self.timeout is None else self.remaining_s


# -- what is waited for ---------------------------------------------------------------------------


class _Waits(Protocol):
    """The `Driving` of a job set, as far as waiting needs it."""

    @property
    def clock(self) -> Clock:
        """Gives the time."""

    @property
    def trouble(self) -> str | None:
        """What fails in driving the job set."""

    def wait(self, is_over: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait until something is so; return false after the deadline."""


def has_ended(
    store: Store,
    key: int,
    progress: Callable[[], Progress],
    show: Callable[[Progress], None] | None = None,
) -> bool:
    """Return whether every job has ended and every request was handled.

    Args:
        store: Where the job set is.
        key: The job set.
        progress: Reads how far it is.
        show: Takes the progress that was read.
    """
    if show is not None:
        now = progress()
        show(now)
        if not now.ended:
            return False
    with store.reading():
        # One view of both: a request that was just handled may have begun something new.
        return requests_handled(store, key) and progress().ended


def requests_handled(store: Store, key: int) -> bool:
    """Return whether the driver has handled every request of users."""
    return not any(request.kind.is_users for request in store.requests(key))


def duplicates_searched(store: Store, key: int) -> bool:
    """Return whether the driver has looked for duplicates for the last time."""
    return all(request.kind is RequestKind.USAGE_POLL for request in store.requests(key))


def ended_jobs(
    driving: _Waits,
    deadline: Deadline,
    store: Store,
    record: JobSetRecord,
    progress: Callable[[], Progress],
) -> Iterator[JobRecord]:
    """Yield each job once it has ended, until all have.

    Args:
        driving: Waits.
        deadline: The deadline of the whole iteration.
        store: Where the job set is.
        record: The job set.
        progress: Reads how far it is.

    Raises:
        JobManagerTimeoutError: The deadline passed.
    """
    yielded: set[int] = set()

    def is_news() -> bool:
        now = progress()
        return now.n_ended > len(yielded) or now.ended

    while driving.wait(is_news, deadline):
        new = [job for job in read_jobs(store, record.key, _FINAL) if job.index not in yielded]
        if not new:
            return
        for job in new:
            yielded.add(job.index)
            yield job
    raise JobManagerTimeoutError(missing(store, record, deadline.timeout, driving.trouble))


def missing(store: Store, record: JobSetRecord, timeout: float | None, trouble: str | None) -> str:
    """Return a message that names the experiments whose results a timeout left out.

    Args:
        store: Where the job set is.
        record: The job set.
        timeout: The timeout, in seconds.
        trouble: What fails in driving the job set, if anything.
    """
    jobs = store.jobs(record.key, states=_UNFINISHED, limit=_MISSING_NAMED + 1)
    silent = word_for_silent(store, record)
    named = "; ".join(
        f"{span(job)} (job {job.index}, {state_word(job, silent)})" for job in jobs[:_MISSING_NAMED]
    )
    more = " and more" if len(jobs) > _MISSING_NAMED else ""
    fails = trouble or trouble_of(store, record, read_progress(store, record))
    return (
        f"after {timeout} s the results of these are missing: {named or 'none'}{more}. "
        + (f"What fails: {escape_lines(fails)}. " if fails else "")
        + "Nothing was cancelled and nothing is lost: call again to go on waiting."
    )


# -- what is shown --------------------------------------------------------------------------------


def showing(
    wanted: object,
    record: JobSetRecord | GroupRecord,
    clock: Clock,
    activity: Callable[[Progress], Activity],
) -> AbstractContextManager[Callable[[Progress], None]]:
    """Return a context that gives a function, which takes each progress that is read.

    Args:
        wanted: What the user gave as ``progress``.
        record: The job set, or the group.
        clock: Gives the time.
        activity: Reads what the backend last said of the jobs.

    Raises:
        InvalidArgumentError: ``wanted`` is neither a truth value nor a callable.
    """
    if wanted is True:
        return shown_progress(record.name, clock, activity, record.created_at)
    if wanted is None or wanted is False:
        return contextlib.nullcontext(_show_nothing)
    if not callable(wanted):
        msg = f"progress is {wanted!r}; it is True, False, or something to call"
        raise InvalidArgumentError(msg)
    return contextlib.nullcontext(_after_changes(wanted))


def _show_nothing(progress: Progress) -> None:
    """Take a progress and do nothing with it."""


def _after_changes(callback: Callable[[Progress], object]) -> Callable[[Progress], None]:
    """Return a function that calls back with the first progress and with each other one."""
    seen: Progress | None = None

    def show(progress: Progress) -> None:
        nonlocal seen
        if progress != seen:
            seen = progress
            callback(progress)

    return show


# -- waiting in another thread --------------------------------------------------------------------


class Callbacks(Generic[_Subject]):
    """Callables that are called once; one thread waits for all of them.

    Args:
        subject: What they are called with.
        wait: Returns when it is time to call them, or raises if that cannot be.
        is_time: Says whether it is.
    """

    def __init__(
        self, subject: _Subject, wait: Callable[[], object], is_time: Callable[[], bool]
    ) -> None:
        self._subject = subject
        self._wait = wait
        self._is_time = is_time
        self._waiting: list[Callable[[_Subject], object]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, callback: Callable[[_Subject], object]) -> None:
        """Call something when it is time."""
        with self._lock:
            self._waiting.append(callback)
            if len(self._waiting) > 1:
                return
            # A daemon, so that a wait does not hold up the interpreter's exit.
            self._thread = threading.Thread(target=self._run, name="qjm-callbacks", daemon=True)
            self._thread.start()

    def finish(self, within_s: float) -> None:
        """Return when all were called, if it is time to call them now.

        Args:
            within_s: How long to wait at most, as they are the user's and may take long.
        """
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        if thread.is_alive() and self._is_time():
            thread.join(within_s)

    def _run(self) -> None:
        try:
            self._wait()
        except Exception as error:  # noqa: BLE001  # no caller is there to catch it
            words = "%d callbacks are not called, as waiting failed: %s"
            fields = {"event": "not called back"}
            logger.warning(words, len(self._take()), error, extra=fields)
            return
        for callback in self._take():
            self._call(callback)

    def _call(self, callback: Callable[[_Subject], object]) -> None:
        try:
            callback(self._subject)
        except Exception:
            fields = {"event": "callback failed"}
            logger.exception("the callback %r of %r failed", callback, self._subject, extra=fields)

    def _take(self) -> list[Callable[[_Subject], object]]:
        with self._lock:
            taken, self._waiting = self._waiting, []
            return taken


def until(driving: _Waits, has_ended: Callable[[], bool]) -> Callable[[Callable[[], bool]], bool]:
    """Return a function that waits until the end, or until its argument returns true."""
    never = Deadline(None, driving.clock)
    return lambda is_enough: driving.wait(lambda: is_enough() or has_ended(), never)


async def awaited(
    wait: Callable[[Callable[[], bool]], object], answer: Callable[[], _Answer]
) -> _Answer:
    """Wait in a thread, and return an answer from there.

    The thread is not one of the event loop's: `asyncio.run` waits for those at its end, and a job
    set may take days.

    Args:
        wait: Waits; it ends early when its argument returns true, as the coroutine is gone then.
        answer: Called after that, in the same thread.
    """
    future: Future[_Answer] = Future()
    left = threading.Event()

    def work() -> None:
        try:
            wait(left.is_set)
            if not left.is_set():
                future.set_result(answer())
        except Exception as error:  # noqa: BLE001  # raised by the coroutine
            with contextlib.suppress(Exception):  # the coroutine may be gone
                future.set_exception(error)

    threading.Thread(target=work, name="qjm-await", daemon=True).start()
    try:
        return await asyncio.wrap_future(future)
    finally:
        left.set()


# -- when the user interrupts a wait ---------------------------------------------------------------


class WaitInterrupted(KeyboardInterrupt):
    """The user interrupted a wait; nothing else was stopped.

    A notebook shows its one line, and no traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in the place of a traceback."""
        return [str(self)]


@contextmanager
def interruption_explained(name: str) -> Iterator[None]:
    """Say, where the user interrupts a wait for this job set, what goes on and how to stop it.

    Raises:
        WaitInterrupted: The user interrupted it.
    """
    try:
        yield
    except KeyboardInterrupt:
        msg = (
            f"Stopped waiting. The jobs of {name!r} go on: wait() or results() waits again, "
            "progress() looks, cancel() stops them."
        )
        raise WaitInterrupted(msg) from None
