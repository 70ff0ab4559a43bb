"""Tells users of the job sets that this process drives: the end, a failure, what needs them.

A thread looks at the store, as what is told must be in it. It records each notice before it sends
it, and when it was sent. So of several processes one tells it; and after a crash the next process
tells what was left. Only what a process was telling at the instant when it died may be told twice,
and then the notice says so.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.manager.notice_texts import Finding, found, message_of
from qiskit_job_manager.manager.notification_services import Service
from qiskit_job_manager.model.notices import NoticeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.notices import NoticeRecord
    from qiskit_job_manager.ports import Clock
    from qiskit_job_manager.stores.sql_store import SqlStore

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_SHARE = 20
"""A look may take one part in so many of the time: of thousands of job sets it takes long."""
_LOOK_CLOSER_EVERY = 10
"""Looks after which a job set is read even if no event says that something happened."""
_CLOSE_WITHIN_S = 12.0
_LEFT_AFTER, _LEFT_FOR_GOOD = timedelta(minutes=1), timedelta(minutes=10)
"""When a notice that is not told is taken for left: by a process on another machine; by any."""
LASTS_S = 60.0
"""What may pass by itself, such as a full queue, is told when it was so for this long."""


class Notifier:
    """Tells of job sets. Any thread may call it, and none waits for a service.

    Args:
        store: Where the job sets are.
        clock: Gives the time.
        owner: The process, as its engine calls itself.
        addresses: The services for all job sets.
    """

    def __init__(
        self, store: SqlStore, clock: Clock, owner: str, addresses: Sequence[str] = ()
    ) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._services = {address: Service(address) for address in addresses}
        self._for_all = tuple(addresses)
        self._of_one: dict[int, tuple[str, ...]] = {}
        self._watched: dict[int, _Watched] = {}
        self._lock = threading.Lock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._looks = 0
        if addresses:
            self._start()

    def watch(
        self, record: JobSetRecord, addresses: Sequence[str] = (), *, is_new: bool = False
    ) -> None:
        """Tell of a job set from now on; of one that has ended only if the end was not told.

        Args:
            record: The job set.
            addresses: Services for this job set alone.
            is_new: Whether it was just created here, so that it may have ended meanwhile.
        """
        with self._lock:
            own = self._of_one.get(record.key, ())
            wanted = tuple(dict.fromkeys((*self._for_all, *own, *addresses)))
            before = self._watched.get(record.key)
            if not wanted or (before and before.addresses == wanted and not before.has_ended):
                return
            if addresses:
                self._of_one[record.key] = (*own, *addresses)
            self._watched[record.key] = _Watched(record.job_set_id, wanted)
        with suppress(JobManagerError):  # the next look meets the same, and tries again
            at = self._clock.now()
            so = {each.kind for each in found(self._store, record)}
            if is_new or NoticeKind.ENDED not in so:
                self._store.notices.want(record.key, self._owner, at)
            # A retry may be over before the next look, which would take its end for the one before.
            self._forget_what_is_over(record.key, so, at)
        self._start()

    def stop(self) -> None:
        """Tell what is to be told, within some seconds, and end."""
        self._hurry.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_WITHIN_S)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._hurry.is_set():
                self._thread = threading.Thread(target=self._run, name="qjm-notifier", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        if self._for_all:
            self._try(self._watch_what_was_left)
        while not self._hurry.is_set():
            began_s = self._clock.monotonic()
            self._try(self._look)
            took_s = self._clock.monotonic() - began_s
            self._wake.wait(max(_LOOK_EVERY_S, _SHARE * took_s))
            self._wake.clear()
        with self._lock:
            for watched in self._watched.values():
                watched.mark = None
        self._try(self._look)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except JobManagerError as error:  # the store is away: the next look tries again
            logger.debug("no look at what is to be told: %s", error)
        except Exception:  # a fault here must end neither the thread nor the program
            logger.exception("telling of job sets failed")

    def _watch_what_was_left(self) -> None:
        """Watch ended job sets whose end nobody has told and nobody will: a process died."""
        for job_set_id in self._store.notices.untold():
            record = self._store.job_set(job_set_id)
            if (
                record
                and self._store.driver(record.key) is None
                and _has_ended(self._store, record)
            ):
                with self._lock:
                    new = _Watched(job_set_id, self._for_all)
                    self._watched.setdefault(record.key, new)

    def _look(self) -> None:
        self._looks += 1
        with self._lock:
            watched = dict(self._watched)
        for key, each in watched.items():
            mark = self._store.mark(key)
            if mark != each.mark or each.since_s or self._looks % _LOOK_CLOSER_EVERY == 0:
                each.mark = mark
                self._look_at(key, each)

    def _look_at(self, key: int, watched: _Watched) -> None:
        at = self._clock.now()
        record = self._store.job_set(watched.job_set_id)
        known = self._store.notices.known(key) if record else {}
        end = known.get(NoticeKind.ENDED)
        findings = found(self._store, record) if record else []
        has_ended = any(each.kind is NoticeKind.ENDED for each in findings)
        watched.has_ended = has_ended
        if record is None or (has_ended and not self._is_wanted(key, end)):
            with self._lock:
                if self._watched.get(key) is watched:
                    del self._watched[key]
            return
        so = {each.kind for each in findings}
        if known.keys() - so:
            self._forget_what_is_over(key, so, at)
        for finding in self._lasting(watched, findings):
            self._tell(record, watched, finding, known.get(finding.kind), quietly=has_ended)

    def _forget_what_is_over(self, key: int, so: Collection[NoticeKind], at: datetime) -> None:
        """Forget notices of what is not so any more, so that it is told when it is so again.

        Args:
            key: The job set.
            so: What is so.
            at: When that was read: what was begun later may be so since.
        """
        over = [kind for kind in NoticeKind if kind not in so]
        self._store.notices.forget(key, over, begun_before=at)

    def _is_wanted(self, key: int, end: NoticeRecord | None) -> bool:
        """Return whether the end of a job set that has ended is still to be told."""
        return (end is None or end.told_at is None) and self._store.notices.is_wanted(key)

    def _lasting(self, watched: _Watched, findings: Iterable[Finding]) -> list[Finding]:
        """Return what is to be told now: not what may pass by itself, unless it lasts."""
        now_s = self._clock.monotonic()
        passing = {each.kind for each in findings if each.may_pass}
        watched.since_s = {kind: watched.since_s.get(kind, now_s) for kind in passing}
        return [
            each
            for each in findings
            if not each.may_pass or now_s - watched.since_s[each.kind] >= LASTS_S
        ]

    def _tell(
        self,
        record: JobSetRecord,
        watched: _Watched,
        finding: Finding,
        known: NoticeRecord | None,
        *,
        quietly: bool,
    ) -> None:
        """Tell a finding, unless it was told or another process does.

        Args:
            record: The job set.
            watched: Whom to tell.
            finding: What is so.
            known: The notice that a process has begun, or ``None``.
            quietly: Whether only the end is sent, as it says all the rest.
        """
        if known is not None and (known.told_at or not self._is_left(known)):
            return
        notices, now = self._store.notices, self._clock.now()
        begun = (
            notices.begin(record.key, finding.kind, self._owner, now)
            if known is None
            else notices.take_over(record.key, known, self._owner, now)
        )
        if not begun:
            return
        if finding.kind is NoticeKind.ENDED or not quietly:
            message = message_of(record, finding, may_be_known=known is not None)
            for address in watched.addresses:
                service = self._services.setdefault(address, Service(address))
                service.send(message, self._hurry)
        notices.end(record.key, finding.kind, self._owner, self._clock.now())

    def _is_left(self, known: NoticeRecord) -> bool:
        """Return whether the process that began a notice is dead, as far as can be known."""
        if known.owner == self._owner:
            return True  # the store was away when this process had sent it
        age = self._clock.now() - known.begun_at
        process, machine = _process_of(known.owner)
        if machine == "-".join(clean(platform.node()).split()) and process is not None:
            # Its number may have gone to another process meanwhile.
            return age > _LEFT_FOR_GOOD or not _is_alive(process)
        return age > _LEFT_AFTER


class _Watched:
    """A job set that this process tells of.

    Attributes:
        job_set_id: Its id.
        addresses: The services.
        mark: Its newest event at the last look, or ``None``: look in any case.
        since_s: Since when it is so, of what may pass by itself.
        has_ended: Whether it had ended at the last look.
    """

    def __init__(self, job_set_id: str, addresses: tuple[str, ...]) -> None:
        self.job_set_id = job_set_id
        self.addresses = addresses
        self.mark: int | None = None
        self.since_s: dict[NoticeKind, float] = {}
        self.has_ended = False


def _has_ended(store: SqlStore, record: JobSetRecord) -> bool:
    return any(each.kind is NoticeKind.ENDED for each in found(store, record))


def _process_of(owner: str) -> tuple[int | None, str]:
    """Return number and machine of a process from what it calls itself."""
    _, *who = owner.split(" ")
    number = who[0] if len(who) == 3 else ""
    return (int(number), who[1]) if number.isdecimal() else (None, "")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
