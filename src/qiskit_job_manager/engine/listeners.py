"""Tells listeners what happened, after it is in the store, and where they can do no harm.

Each listener has a thread and a queue of its own. What it raises is logged; while it is slow, its
queue fills, and when that is full the oldest events are left out and counted. The engine never
waits for any of them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from qiskit_job_manager.model.events import JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit_job_manager.model import Advance, JobRecord, JobSetRecord

logger = logging.getLogger(__name__)

QUEUED_AT_MOST = 10_000
_CLOSE_WITHIN_S = 2.0


class Listeners:
    """Those who want to hear what happens. Safe to use from any thread."""

    def __init__(self) -> None:
        self._mailboxes: tuple[_Mailbox, ...] = ()
        self._lock = threading.Lock()

    def add(self, listener: Callable[[JobEvent], object]) -> Callable[[], None]:
        """Tell a callable all that happens from now on, and return what ends that."""
        mailbox = _Mailbox(listener)
        with self._lock:
            self._mailboxes = (*self._mailboxes, mailbox)

        def unsubscribe() -> None:
            with self._lock:
                self._mailboxes = tuple(each for each in self._mailboxes if each is not mailbox)
            mailbox.drop()

        return unsubscribe

    def tell(self, record: JobSetRecord, steps: Sequence[tuple[JobRecord, Advance]]) -> None:
        """Tell of steps that are in the store; returns at once.

        Args:
            record: The job set.
            steps: Each with its job as it is after it.
        """
        is_logged = logger.isEnabledFor(logging.DEBUG)
        if not self._mailboxes and not is_logged:
            return
        events = [_event(record, job, step) for job, step in steps if step.is_in_story]
        for mailbox in self._mailboxes:
            mailbox.put(events)
        if is_logged:
            for event in events:
                _log(event)

    def close(self) -> None:
        """Have the listeners told what is queued, for a moment, and let them go."""
        for mailbox in self._mailboxes:
            mailbox.finish()
        for mailbox in self._mailboxes:
            mailbox.join(_CLOSE_WITHIN_S / len(self._mailboxes))
        self._mailboxes = ()


class _Mailbox:
    """What one listener has not been told yet."""

    def __init__(self, listener: Callable[[JobEvent], object]) -> None:
        self._listener = listener
        self._queue: deque[JobEvent] = deque()
        self._missed = 0
        self._is_finishing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="qjm-listener", daemon=True)
        self._thread.start()

    def put(self, events: Sequence[JobEvent]) -> None:
        """Queue events; the oldest go where there is no room for all."""
        with self._changed:
            self._queue.extend(events)
            while len(self._queue) > QUEUED_AT_MOST:
                self._queue.popleft()
                self._missed += 1
            self._changed.notify()

    def drop(self) -> None:
        """Tell nothing any more."""
        with self._changed:
            self._queue.clear()
        self.finish()

    def finish(self) -> None:
        """Tell what is queued, and nothing after that."""
        with self._changed:
            self._is_finishing = True
            self._changed.notify()

    def join(self, timeout_s: float) -> None:
        """Wait until everything was told, unless that is asked by the listener itself."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._listener(event)
            except Exception:
                said = {"event": "listener failed", "job_set_id": event.job_set_id}
                logger.exception("the listener %r failed", self._listener, extra=said)

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
        cause=step.cause,
        at=step.at,
    )


def _log(event: JobEvent) -> None:
    said = {
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
    logger.debug(words, *what, extra=said)
