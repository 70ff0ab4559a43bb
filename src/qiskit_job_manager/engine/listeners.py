"""Calls listeners with what happened, after it is in the store.

Each listener has a thread and a queue of its own. What it raises is logged. While it is slow, its
queue fills; when that is full, the oldest events are left out and counted. The engine never waits
for a listener.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.model.jobs import JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit_job_manager.model import Advance, JobRecord, JobSetRecord

logger = logging.getLogger(__name__)

QUEUED_AT_MOST = 10_000
_CLOSE_WITHIN_S = 2.0


class Listeners:
    """The listeners of one engine. Safe to use from any thread."""

    def __init__(self) -> None:
        self._queues: tuple[_ListenerQueue, ...] = ()
        self._lock = threading.Lock()

    def add(self, listener: Callable[[JobEvent], object]) -> Callable[[], None]:
        """Call a listener with all events from now on, and return what ends that when called."""
        queue = _ListenerQueue(listener)
        with self._lock:
            self._queues = (*self._queues, queue)

        def unsubscribe() -> None:
            with self._lock:
                self._queues = tuple(each for each in self._queues if each is not queue)
            queue.drop()

        return unsubscribe

    def notify(self, record: JobSetRecord, steps: Sequence[tuple[JobRecord, Advance]]) -> None:
        """Queue the events of steps that are in the store; returns at once.

        Args:
            record: The job set.
            steps: Each with its job as it is after the step.
        """
        is_logged = logger.isEnabledFor(logging.DEBUG)
        if not self._queues and not is_logged:
            return
        events = [_event(record, job, step) for job, step in steps if step.is_in_story]
        for queue in self._queues:
            queue.put(events)
        if is_logged:
            for event in events:
                _log(event)

    def close(self) -> None:
        """Give the listeners a moment to hear what is queued, and let them go."""
        with self._lock:
            queues, self._queues = self._queues, ()
        for queue in queues:
            queue.finish()
        for queue in queues:
            queue.join(_CLOSE_WITHIN_S / len(queues))


class _ListenerQueue:
    """The events that one listener has not heard yet."""

    def __init__(self, listener: Callable[[JobEvent], object]) -> None:
        self._listener = listener
        self._queue: deque[JobEvent] = deque()
        self._missed = 0
        self._is_finishing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="qjm-listener", daemon=True)
        self._thread.start()

    def put(self, events: Sequence[JobEvent]) -> None:
        """Queue events; where there is no room for all, the oldest are left out."""
        with self._changed:
            self._queue.extend(events)
            while len(self._queue) > QUEUED_AT_MOST:
                self._queue.popleft()
                self._missed += 1
            self._changed.notify()

    def drop(self) -> None:
        """Forget what is queued, and take nothing more."""
        with self._changed:
            self._queue.clear()
        self.finish()

    def finish(self) -> None:
        """Let the listener hear what is queued, and nothing after that."""
        with self._changed:
            self._is_finishing = True
            self._changed.notify()

    def join(self, timeout_s: float) -> None:
        """Wait until the listener has heard it, unless the listener itself asks."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._listener(event)
            except Exception:
                fields = {"event": "listener failed", "job_set_id": event.job_set_id}
                logger.exception("the listener %r failed", self._listener, extra=fields)

    def _next(self) -> JobEvent | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_finishing)
            if not self._queue:
                return None
            event, missed, self._missed = self._queue.popleft(), self._missed, 0
        return replace(event, missed=missed) if missed else event


def _event(record: JobSetRecord, job: JobRecord, step: Advance) -> JobEvent:
    return JobEvent(
        job_set_id=record.job_set_id,
        name=record.name,
        job_index=job.index,
        attempt=job.attempts or None,
        event=str(step.event),
        before=step.expected,
        after=step.after,
        cause=step.cause and clean(step.cause),
        at=step.at,
    )


def _log(event: JobEvent) -> None:
    fields = {
        "event": event.event,
        "job_set_id": event.job_set_id,
        "job_index": event.job_index,
        "attempt": event.attempt,
        "before": str(event.before),
        "after": str(event.after),
        "cause": event.cause,
    }
    words = "job %d of %r: %s, %s -> %s"
    what = (event.job_index, event.name, event.event, event.before, event.after)
    logger.debug(words, *what, extra=fields)
