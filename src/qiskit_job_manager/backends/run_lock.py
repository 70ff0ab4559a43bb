"""One job at a time on simulators that cannot run two at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qiskit_job_manager.errors import SubmissionDeferredError

if TYPE_CHECKING:
    from collections.abc import Callable

_SOON_S = 0.1


class RunLock:
    """Lets a job begin only when the one before has ended.

    A primitive over a backend calls that backend's ``run()`` from a thread of its job, so a lock
    around the primitive's own ``run()`` would not do. Who finds another at work is told to come
    again, rather than kept waiting beyond the deadline of its call. Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._taken = threading.Lock()

    def run(self, call: Callable[[], Any], where: str) -> Any:
        """Return the job that a call begins.

        Raises:
            SubmissionDeferredError: Another one has not ended; nothing was begun.
        """
        if not self._taken.acquire(blocking=False):
            raise SubmissionDeferredError(f"{where} is at work on another job", _SOON_S)
        try:
            job = call()
        except BaseException:
            self._taken.release()
            raise
        future = getattr(job, "_future", None)
        if future is None:
            self._taken.release()
        else:
            future.add_done_callback(lambda _: self._taken.release())
        return job


class NoLock:
    """Lets jobs begin whenever they like."""

    def run(self, call: Callable[[], Any], where: str) -> Any:  # noqa: ARG002  # as `RunLock` has it
        """Return the job that a call begins."""
        return call()


_run_lock: WeakKeyDictionary[Any, RunLock] = WeakKeyDictionary()
_making = threading.Lock()


def run_lock_of(backend: Any) -> RunLock:
    """Return the turns on a backend: the same for all who share it."""
    with _making:
        return _run_lock.setdefault(backend, RunLock())
