"""The engine: one thread that moves every job set that this process drives.

One tick (`Engine.tick`) takes the results of backend calls, writes them, decides, writes intents,
and starts calls. The engine remembers nothing that the store does not know, so that what happens
after a crash is what happens always. A test steps the ticks by hand; otherwise a daemon thread
does.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.engine.active_job_set import ActiveJobSet, SupersededError
from qiskit_job_manager.engine.call_pool import CallPool, Calls
from qiskit_job_manager.engine.calls_under_way import CallsUnderWay
from qiskit_job_manager.engine.lease import Holder, Leases
from qiskit_job_manager.engine.listeners import Listeners
from qiskit_job_manager.engine.rate_limits import RateLimits
from qiskit_job_manager.engine.tick import Tick, TickTools
from qiskit_job_manager.errors import (
    JobManagerError,
    StoreError,
    StoreGoneError,
    StoreOutdatedError,
    StoreTooNewError,
)
from qiskit_job_manager.views import phrases

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qiskit_job_manager.engine.spool import Spool
    from qiskit_job_manager.model import JobSetRecord, Snapshot
    from qiskit_job_manager.ports import Backend, Clock, Store

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 16
AWAITS_AT_ONCE = 64
STOP_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.5


@dataclass(slots=True)
class _Wanted:
    """A job set that this process is to drive.

    Attributes:
        record: The job set.
        backend: The newest backend that was given for it, or ``None``.
        calls: How often `Engine.drive` was called for it.
        looks: How many of these calls ask for a look at the store.
    """

    record: JobSetRecord
    backend: Backend | None
    calls: int = 0
    looks: int = 0


class Engine:
    """Drives job sets. One for each manager; its methods may be called from any thread.

    Args:
        store: Where everything is.
        clock: Tells the time.
        owner: Identity of this driver; fresh for each start of a process.
        new_tag: Gives a unique attempt tag.
        chance: Gives numbers uniform in [0, 1), for jitter.
        spool: Keeps results that can be read once until they are in the store.
        pool: Runs the calls; by default on daemon threads.
        environment: As `TickTools.environment`.

    Attributes:
        leases: The leases of this process.
        listeners: Hear what happened to jobs, once it is in the store.
    """

    def __init__(  # noqa: PLR0913  # what a test replaces is an argument
        self,
        store: Store,
        clock: Clock,
        *,
        owner: str,
        new_tag: Callable[[], str],
        chance: Callable[[], float],
        spool: Spool,
        pool: Calls | None = None,
        environment: Callable[[], Snapshot | None] | None = None,
    ) -> None:
        self.leases = Leases(store, clock, owner)
        self.listeners = Listeners()
        self._store = store
        self._clock = clock
        self._tools = TickTools(store, clock, new_tag, chance, spool, self.leases, environment)
        self._wake = threading.Event()
        self._is_idle = threading.Event()
        self._is_idle.set()
        self._pool = pool or CallPool(CALLS_AT_ONCE, AWAITS_AT_ONCE, self._rouse)
        # The engine's thread alone uses these.
        self._calls = CallsUnderWay(self._pool, store, clock)
        self._active: dict[int, ActiveJobSet] = {}
        self._rate_limits: dict[str, RateLimits] = {}
        self._ticks = 0
        # These are shared with other threads, under the lock.
        self._lock = threading.Lock()
        self._wanted: dict[int, _Wanted] = {}
        self._broken: dict[int, Exception] = {}
        self._troubles: dict[int, str] = {}
        self._store_troubles: dict[int, datetime] = {}
        self._other_drivers: dict[int, str] = {}
        self._ended_sets: set[int] = set()
        self._looks_at_once = False
        self._claimed_s = float("-inf")
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._done = threading.Condition()

    # -- called from other threads ----------------------------------------------------------------

    def drive(
        self, record: JobSetRecord, backend: Backend | None, *, more_to_come: bool = False
    ) -> None:
        """Move a job set forward as soon as no other process does, until it has ended.

        Calling it again is harmless, and makes sure that what was asked of the job set before the
        call is handled.

        Args:
            record: The job set.
            backend: What runs it. It replaces the one in use at once; ``None`` keeps that one.
            more_to_come: Whether this is a hand-over that has stored more experiments: the engine
                finds these without a closer look at the store.
        """
        key = record.key
        with self._lock:
            self._broken.pop(key, None)
            wanted = self._wanted.setdefault(key, _Wanted(record, backend))
            wanted.record, wanted.backend = record, backend or wanted.backend
            wanted.calls += 1
            wanted.looks += not more_to_come
            self._claimed_s = float("-inf")
            # The lease of a hand-over passes to the engine without asking the store.
            self.leases.join(key, Holder.DRIVER)
        self._rouse()

    def forget(self, job_set_key: int) -> None:
        """Drive a job set no more: it was deleted."""
        with self._lock:
            self._wanted.pop(job_set_key, None)
        self._rouse()

    def give_way(self, most_s: float) -> None:
        """Return when the engine's thread has done what it can do now, or after the time.

        For callers that compute for long: the engine's thread needs Python's lock for moments
        only, and would wait 5 ms for it each time that it released it to ask the database.
        """
        self._is_idle.wait(most_s)

    def drives(self, job_set_key: int) -> bool:
        """Say whether this engine drives a job set, or will as soon as it can."""
        with self._lock:
            return job_set_key in self._wanted

    def has_backend(self, job_set_key: int) -> bool:
        """Say whether this engine drives a job set and has a backend for it."""
        with self._lock:
            wanted = self._wanted.get(job_set_key)
            return wanted is not None and wanted.backend is not None

    def trouble(self, job_set_key: int) -> str | None:
        """Return what has failed for long in driving a job set, or ``None``."""
        with self._lock:
            return self._troubles.get(job_set_key)

    def raise_if_broken(self, job_set_key: int) -> None:
        """Raise if this engine had to stop driving a job set; `drive` tries again.

        Raises:
            StoreTooNewError: A newer program has migrated the store.
            StoreGoneError: The store's file or folder was removed.
            JobManagerError: There is a defect; it is the cause.
        """
        with self._lock:
            error = self._broken.get(job_set_key)
        if isinstance(error, JobManagerError):
            raise error
        if error is not None:
            msg = (
                f"driving the job set was stopped by {type(error).__name__}: {error}. This is a "
                "defect of the job manager; nothing is lost, and opening the set again goes on"
            )
            raise JobManagerError(msg) from error

    def wake(self) -> None:
        """Make the engine look at the store at once: there may be something new to do."""
        with self._lock:
            self._looks_at_once = True
        self._rouse()

    def note_hand_over_ended(self) -> None:
        """Make the engine notice that no more experiments are handed over to a job set."""
        self._rouse()

    def _rouse(self) -> None:
        self._is_idle.clear()
        self._wake.set()

    def wait_until_done(self, job_set_key: int, timeout_s: float) -> None:
        """Return when this engine does not drive a job set any more, or after the time.

        Where it does not drive the set at all, that is after the time.
        """
        with self._done:
            if self.drives(job_set_key):
                self._done.wait_for(lambda: not self.drives(job_set_key), timeout_s)
            else:
                self._done.wait(timeout_s)

    def wait_until_ended(self, job_set_key: int, timeout_s: float) -> bool:
        """Return when every job of a set has ended that this engine drives, or after the time.

        Returns:
            Whether that is so, or this engine does not drive the set.
        """
        with self._done:
            return self._done.wait_for(lambda: self._has_ended(job_set_key), timeout_s)

    def _has_ended(self, job_set_key: int) -> bool:
        with self._lock:
            return job_set_key in self._ended_sets or job_set_key not in self._wanted

    def start(self) -> None:
        """Start the thread, unless it runs.

        Where the system can start no thread now, this is logged; call it again later.
        """
        with self._lock:
            if self._thread is not None or self._stopping:
                return
            thread = threading.Thread(target=self._run, name="qjm-engine", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                logger.warning("no thread can be started now: %s", error, extra=_NO_THREAD)
            else:
                self._thread = thread

    def stop(self) -> None:
        """Begin nothing new, record what comes back within seconds, and give all leases back.

        The next driver finds what is still under way then.
        """
        with self._lock:
            self._stopping = True
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_WITHIN_S)
        self._pool.close()
        self.listeners.close()

    # -- one tick ---------------------------------------------------------------------------------

    def tick(self) -> float:
        """Do what can be done now, and return for how many seconds there is nothing more."""
        now_s = self._clock.monotonic()
        self._begin_look()
        tend_s = self._tend_leases()
        self._claim(now_s)
        self._calls.collect(now_s)
        self._calls.check_late_acceptances(self._active, now_s)
        waits = [self._tick_safely(active, now_s) for active in self._in_rotation()]
        with self._lock:
            kept = self._wanted.keys() | self._active.keys()
            look_s = _LOOK_EVERY_S if self._wanted else float("inf")
        self._calls.drop_all_but(kept)
        return min([look_s, tend_s, *waits])

    def _begin_look(self) -> None:
        with self._lock:
            looks_at_once, self._looks_at_once = self._looks_at_once, False
        if looks_at_once:
            for active in self._active.values():
                active.looked_s = float("-inf")

    def _tend_leases(self) -> float:
        """Renew the leases that need it, and stop driving what another process has taken over."""
        try:
            wait_s = self.leases.tend()
        except StoreError as error:
            for active in list(self._active.values()):
                self._note_store_trouble(active.record, error)
            wait_s = _LOOK_EVERY_S
        for active in list(self._active.values()):
            if not self.drives(active.record.key):
                self._leave(active)
                self.leases.lose(active.token)
            elif not self.leases.has(active.token):
                self._supersede(active)
        return wait_s

    def _tick_safely(self, active: ActiveJobSet, now_s: float) -> float:
        """Give one job set its tick; what fails in the store is tried again later."""
        try:
            wait_s = self._move(active, now_s)
        except SupersededError:
            self._supersede(active)
        except StoreError as error:
            self._note_store_trouble(active.record, error)
        except Exception as error:  # noqa: BLE001  # one set's trouble must not stop the others
            self._break(active.record, error)
        else:
            self._note_trouble(active.record.key, active.trouble())
            return wait_s
        return _LOOK_EVERY_S

    def _move(self, active: ActiveJobSet, now_s: float) -> float:
        seen = self._follow_wanted(active, now_s)
        tick = Tick(active, self._tools)
        changed = self._take_ended(tick, active.record.key)
        if not self._stopping:
            changed |= self._look_after(active, tick, now_s)
            wrote, calls = tick.begin(*self._free_places(active))
            changed |= wrote
            for each in calls:
                ticket = self._calls.start(each.call, each.function, now_s)
                active.note_call(ticket, each.call)
        if active.is_finished or (active.backend is None and not changed):
            if self._let_go(active, seen):
                return 0.0 if changed or self.drives(active.record.key) else float("inf")
            changed = True
        active.write_waiting(now_s)
        self._note_end(active)
        return 0.0 if changed else max(active.next_wake_s(now_s) - now_s, 0.0)

    def _note_end(self, active: ActiveJobSet) -> None:
        """Let those who wait know that every job has ended, though more may be left to do."""
        key, is_news = active.record.key, False
        with self._lock:
            if active.has_ended:
                is_news = key not in self._ended_sets
                self._ended_sets.add(key)
            else:
                self._ended_sets.discard(key)
        if is_news:
            self._notify_done()

    def _follow_wanted(self, active: ActiveJobSet, now_s: float) -> int:
        """Use the newest backend; return how many calls to `drive` this tick has seen."""
        with self._lock:
            wanted = self._wanted.get(active.record.key)
            if wanted is None:
                raise SupersededError(active.record.job_set_id)
            record, backend = wanted.record, wanted.backend
            seen, looks = wanted.calls, wanted.looks
        if looks != active.looks_seen:
            active.looks_seen, active.looked_s = looks, float("-inf")
            active.first_requests = None
        if record.complete and not active.record.complete:
            active.record = record
        if backend is not None and backend is not active.backend:
            active.use(backend, self._limits_of(backend), now_s)
        active.more_to_come = self.leases.is_handed_over(active.record.key)
        return seen

    def _in_rotation(self) -> list[ActiveJobSet]:
        """Return the active sets, each time with another one first."""
        keys = list(self._active)
        self._ticks += 1
        first = self._ticks % len(keys) if keys else 0
        return [self._active[key] for key in keys[first:] + keys[:first]]

    def _free_places(self, active: ActiveJobSet) -> tuple[int, int]:
        """Return how many calls one job set may start now, and how many that only wait."""
        room = active.rate_limits.room_for_calls

        def fair_part(free: int) -> int:
            return min(free, max(1, free // len(self._active)), room)

        return fair_part(self._pool.free), fair_part(self._pool.free_awaits)

    def _take_ended(self, tick: Tick, key: int) -> bool:
        """Write what came back for a job set; what cannot be written stays for the next tick."""
        changed = False
        while ended := self._calls.one_a_job(key):
            changed |= tick.take(ended)
            for each in ended:
                self._calls.forget(each.finished)
        return changed

    def _look_after(self, active: ActiveJobSet, tick: Tick, now_s: float) -> bool:
        """From time to time, read what users asked for and what was handed over."""
        if now_s < active.looked_s + _LOOK_EVERY_S:
            return False
        active.looked_s = now_s
        active.reread()
        return tick.handle_requests()

    # -- which job sets ---------------------------------------------------------------------------

    def _claim(self, now_s: float) -> None:
        """Take the leases of the wanted job sets that no other process drives."""
        with self._lock:
            if self._stopping or now_s < self._claimed_s + _LOOK_EVERY_S:
                return
            self._claimed_s = now_s
            missing = [w for key, w in self._wanted.items() if key not in self._active]
        for wanted in missing:
            try:
                self._activate(wanted, now_s)
            except StoreError as error:
                self._note_store_trouble(wanted.record, error)
            except Exception as error:  # noqa: BLE001  # one set's trouble must not stop the others
                self._break(wanted.record, error)

    def _activate(self, wanted: _Wanted, now_s: float) -> None:
        with self._lock:
            record, backend, looks = wanted.record, wanted.backend, wanted.looks
        token = self.leases.take(record.key, Holder.DRIVER)
        if token is None:
            self._note_other_driver(record)
            return
        limits = self._limits_of(backend)
        observes = self._tools.environment is not None
        where = (self._store, limits, now_s)
        active = ActiveJobSet(record, token, backend, *where, observes=observes)
        active.notify, active.looks_seen = self.listeners.notify, looks
        for ticket, call in self._calls.of_job_set(record.key):
            active.note_call(ticket, call)
        self._active[record.key] = active
        fields = _log_fields("driving", record)
        logger.info("driving %r on %s", record.name, record.backend_name, extra=fields)

    def _note_other_driver(self, record: JobSetRecord) -> None:
        """Log once for each driver elsewhere that this process waits for it."""
        owner = self._store.driver(record.key)
        if owner is None or self._other_drivers.get(record.key) == owner:
            return
        self._other_drivers[record.key] = owner
        if not self.leases.is_own(owner):
            words = "%r is driven by %s; this process goes on with it if that one ends"
            fields = _log_fields("driven elsewhere", record)
            logger.info(words, record.name, phrases.driver(owner), extra=fields)

    def _limits_of(self, backend: Backend | None) -> RateLimits:
        account = backend.account if backend else ""
        return self._rate_limits.setdefault(account, RateLimits())

    def _let_go(self, active: ActiveJobSet, seen: int) -> bool:
        """Stop driving a job set in which nothing can move; say whether that was done.

        A request is stored first, and `drive` is called after that. This tick looked at the store
        after it saw the latest call to `drive`. So where there is no newer call, this process has
        left no request that is not handled. Where there is one, the job set is claimed again.
        """
        key = active.record.key
        if not self._is_newest(key, seen):
            return False
        active.write_last(self.leases)
        self._leave(active)
        with self._lock:
            if self._is_newest(key, seen):
                self._wanted.pop(key, None)
                self._troubles.pop(key, None)
            else:
                self._claimed_s = float("-inf")
        self._notify_done()
        return True

    def _is_newest(self, job_set_key: int, seen: int) -> bool:
        """Say whether `drive` was not called for a job set again, after so many calls."""
        wanted = self._wanted.get(job_set_key)
        return wanted is None or wanted.calls == seen

    def _leave(self, active: ActiveJobSet) -> None:
        active.rate_limits.leave(active.record.key)
        with self._lock:
            self._ended_sets.discard(active.record.key)
        del self._active[active.record.key]

    def _supersede(self, active: ActiveJobSet) -> None:
        """Stop driving a job set that another process has taken over, until that one stops."""
        if self.drives(active.record.key):  # it was not deleted here
            fields = _log_fields("superseded", active.record)
            logger.warning("%r is driven by another process now", active.record.name, extra=fields)
        self._leave(active)
        self.leases.lose(active.token)

    def _break(self, record: JobSetRecord, error: Exception) -> None:
        """Stop driving a job set for good, and keep the reason for those who wait for it."""
        fields = _log_fields("broken", record)
        # What is no defect of ours says enough in its own words.
        trace = None if isinstance(error, JobManagerError) else error
        logger.error("%r cannot be driven: %s", record.name, error, exc_info=trace, extra=fields)
        with self._lock:
            self._broken[record.key] = error
            self._wanted.pop(record.key, None)
            self._troubles.pop(record.key, None)
        if record.key in self._active:
            self._leave(self._active[record.key])
        with contextlib.suppress(StoreError):
            self.leases.let_go(record.key, Holder.DRIVER)
        self._notify_done()

    # -- what fails for long ----------------------------------------------------------------------

    def _note_store_trouble(self, record: JobSetRecord, error: StoreError) -> None:
        """Log once that the store cannot be used; give up where it cannot be used ever again."""
        if self._stopping:
            return
        if isinstance(error, StoreTooNewError | StoreGoneError | StoreOutdatedError):
            self._break(record, error)
            return
        with self._lock:
            is_news = record.key not in self._store_troubles
            began = self._store_troubles.setdefault(record.key, self._clock.now())
            text = f"the store cannot be used since {began:%H:%M:%S} UTC: {error}"
            self._troubles[record.key] = text
        if is_news:
            fields = _log_fields("store trouble", record)
            words = "the store cannot be used now, trying again: %s"
            logger.warning(words, error, extra=fields)

    def _note_trouble(self, job_set_key: int, text: str | None) -> None:
        with self._lock:
            self._store_troubles.pop(job_set_key, None)
            if text is None:
                self._troubles.pop(job_set_key, None)
            else:
                self._troubles[job_set_key] = text

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            wait_s = self._safe_tick()
            if wait_s > 0:
                if not self._wake.is_set():
                    self._is_idle.set()
                self._wake.wait(None if wait_s == float("inf") else wait_s)
                self._is_idle.clear()
            self._wake.clear()
        self._is_idle.set()
        self._wind_down()

    def _safe_tick(self) -> float:
        try:
            return self.tick()
        except Exception as error:  # noqa: BLE001  # those who wait hear of it, and do not wait on
            with self._lock:
                records = [wanted.record for wanted in self._wanted.values()]
            for record in records:
                self._break(record, error)
            return _LOOK_EVERY_S

    def _wind_down(self) -> None:
        """Record what comes back within seconds, so that little is left in doubt.

        On a busy machine the store may be closed before this thread gets here. It then gave the
        leases back itself, and the next driver finds out what was not recorded.
        """
        until_s = self._clock.monotonic() + STOP_WITHIN_S / 2
        while self._calls.must_finish() and self._clock.monotonic() < until_s:
            self._wake.wait(0.05)
            self._wake.clear()
            self._safe_tick()
        for active in list(self._active.values()):
            active.let_die()
            with contextlib.suppress(StoreError, SupersededError):
                active.write_waiting()
        self.leases.close()

    def _notify_done(self) -> None:
        with self._done:
            self._done.notify_all()


_NO_THREAD = {"event": "no thread"}


def _log_fields(event: str, record: JobSetRecord) -> dict[str, str]:
    """Return what a line of the log says to programs."""
    return {"event": event, "job_set_id": record.job_set_id}
