"""Learns that jobs have ended when they have, not when they are asked about the next time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.job_results import reports_end
from qiskit_job_manager.backends.status_names import status_of
from qiskit_job_manager.model import RemoteState, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_THREADS = 64
_GOING_ON = frozenset({RemoteState.QUEUED, RemoteState.RUNNING})


class JobEnds:
    """The jobs that have ended, until they are asked for. Safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ended: dict[str, RemoteStatus] = {}

    def report(self, remote_id: str, status: RemoteStatus) -> None:
        """Take note that a job has ended."""
        with self._changed:
            self._ended[remote_id] = status
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> Mapping[str, RemoteStatus]:
        """Return the jobs that have ended since the last call; wait for the first of them."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._ended), timeout_s)
            found, self._ended = self._ended, {}
        return found


class ResultWaiter:
    """Waits for the results of a provider's job objects, on threads of its own.

    A job that runs on a thread of this process calls back. Any other is waited for by its
    ``result()``, the oldest jobs first; the answer is kept for the call that reads it.

    Args:
        ends: Where to report the ends.

    Attributes:
        can_wait: Whether ``result()`` of these jobs waits. Where it comes back while the job goes
            on, the jobs are asked about instead.
    """

    def __init__(self, ends: JobEnds) -> None:
        self.can_wait = True
        self._can_ask = False
        self._ends = ends
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, Any]] = deque()
        self._being_read: set[str] = set()
        self._answers: dict[str, Any] = {}
        self._statuses: dict[str, RemoteStatus] = {}
        self._threads = 0

    def follow(self, remote_id: str, job: Any) -> None:
        """Wait for the end of a job."""
        if reports_end(job):
            job._future.add_done_callback(lambda done: self._report_future(remote_id, done))
            return
        with self._changed:
            if self.can_wait:
                self._waiting.append((remote_id, job))
                if self._threads < min(_THREADS, len(self._waiting)):
                    self._start_thread()

    def status(self, remote_id: str) -> RemoteStatus | None:
        """Return how a job ended whose answer has come and was not read yet, or ``None``."""
        with self._changed:
            return self._statuses.get(remote_id)

    def answer(self, remote_id: str, read: Callable[[], Any]) -> Any:
        """Return the answer of a job that is waited for, or what ``read`` returns.

        Never are two reads of one result under way, as some can be read only once.
        """
        with self._changed:
            self._waiting = deque(each for each in self._waiting if each[0] != remote_id)
            self._changed.wait_for(lambda: remote_id not in self._being_read)
            if remote_id in self._answers:
                del self._statuses[remote_id]
                return self._answers.pop(remote_id)
        return read()

    def _report_future(self, remote_id: str, done: Any) -> None:
        state = RemoteState.CANCELLED if done.cancelled() else RemoteState.DONE
        self._ends.report(remote_id, RemoteStatus(state))

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._wait_for_all, name="qjm-result", daemon=True).start()
        except RuntimeError:  # no thread can be started now; the jobs are asked about
            return
        self._threads += 1

    def _wait_for_all(self) -> None:
        while (one := self._next()) is not None:
            remote_id, job = one
            self._learn_to_ask(job)
            answers = {}
            with contextlib.suppress(Exception):  # the call that reads it says what is wrong
                answers[remote_id] = job.result()
            ended = self._end_of(job, answers.get(remote_id))
            with self._changed:
                self._being_read.discard(remote_id)
                if ended is not None and answers:
                    self._answers |= answers
                    self._statuses[remote_id] = ended
                self._changed.notify_all()
            if ended is not None:
                self._ends.report(remote_id, ended)

    def _learn_to_ask(self, job: Any) -> None:
        """Note whether the status of a job can be read, until one could."""
        if not self._can_ask:
            with contextlib.suppress(Exception):  # asking again says what is wrong
                status_of(job)
                self._can_ask = True

    def _end_of(self, job: Any, answer: Any) -> RemoteStatus | None:
        """Return the status of a job whose ``result()`` came back, or ``None`` if it goes on.

        Some return ``None``, or what there is, of a job that goes on. Others forget a job with its
        result, so that its status cannot be read any more; the result is kept then. Where no status
        could ever be read, nothing is known of the job, and the user learns why.
        """
        try:
            status = status_of(job)
        except Exception:  # noqa: BLE001  # the boundary to code of others
            if answer is not None and self._can_ask:
                return RemoteStatus(RemoteState.DONE)
            self.can_wait = False
            return None
        if status.state in _GOING_ON:
            self.can_wait = False
            return None
        return status

    def _next(self) -> tuple[str, Any] | None:
        with self._changed:
            if self._waiting:
                one = self._waiting.popleft()
                self._being_read.add(one[0])
                return one
            self._threads -= 1
            return None
