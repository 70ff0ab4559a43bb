"""One call of ``run()`` at a time on objects that cannot bear two.

Many providers keep the shots or the circuits of a call on the backend object, and read them later
in the same call. Two calls at once then mix up their jobs, and nothing shows it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qiskit_job_manager.errors import SubmissionDeferredError

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_WAIT_S = 10.0
_RETRY_AFTER_S = 1.0


class RunLock:
    """Admits one call of ``run()`` at a time. Safe to use from any thread.

    All adapters to one object share its lock; see `run_lock_of`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def call(self, run: Callable[[], Any], where: str) -> Any:
        """Call, as soon as the call before has returned, and return what it returns.

        Raises:
            SubmissionDeferredError: The call before has not returned for 10 seconds; this one was
                not made.
        """
        self._acquire(f"an earlier call of run() on {where} has not returned")
        try:
            return run()
        finally:
            self._lock.release()

    def call_in_turn(self, run: Callable[[], Any]) -> Any:
        """Call after all calls before have returned, and return what it returns.

        For threads that may wait for ever, as those of a primitive's own jobs may.
        """
        with self._lock:
            return run()

    def run_to_end(self, run: Callable[[], Any], where: str) -> Any:
        """Begin a job, as soon as the job before has ended, and return it.

        A primitive over a simulator calls the simulator from a thread of its job, so that a lock
        around the primitive's own ``run()`` would not do.

        Raises:
            SubmissionDeferredError: The job before has not ended for 10 seconds; this one was not
                begun.
        """
        self._acquire(f"{where} still runs another job")
        try:
            job = run()
        except BaseException:
            self._lock.release()
            raise
        future = getattr(job, "_future", None)
        if future is None:
            self._lock.release()
        else:
            future.add_done_callback(lambda _: self._lock.release())
        return job

    def _acquire(self, otherwise: str) -> None:
        if not self._lock.acquire(timeout=_LONGEST_WAIT_S):
            raise SubmissionDeferredError(otherwise, _RETRY_AFTER_S)


_locks: WeakKeyDictionary[Any, RunLock] = WeakKeyDictionary()
_locks_guard = threading.Lock()


def run_lock_of(source: Any) -> RunLock:
    """Return the lock of a backend or primitive: the same for all adapters to it."""
    with _locks_guard:
        try:
            return _locks.setdefault(source, RunLock())
        except TypeError:  # it can be no key, and so gets a lock for each adapter
            return RunLock()
