"""The engine: one thread that moves every job set that this process drives.

One tick (`Engine.tick`) takes the results of backend calls, writes them, decides, writes intents,
and starts calls. Nothing is remembered that the store does not know, so that what happens after
a crash is what happens always. A test steps the turns by hand; otherwise a daemon thread does.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from qiskit_job_manager.engine.active_job_set import ActiveJobSet, SupersededError
from qiskit_job_manager.engine.backend_calls import DEADLINES_S
from qiskit_job_manager.engine.call_pool import CallPool, Calls, Finished
from qiskit_job_manager.engine.call_results import GIVEN_UP, BackendCall
from qiskit_job_manager.engine.listeners import Listeners
from qiskit_job_manager.engine.rate_limits import RateLimits
from qiskit_job_manager.engine.tick import CallToStart, EndedCall, Tick
from qiskit_job_manager.errors import JobManagerError, StoreError, StoreTooNewError
from qiskit_job_manager.lifecycle import CallKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.engine.spool import Spool
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Backend, Clock, Store

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 16
AWAITS_AT_ONCE = 64
_LOOK_EVERY_S = 0.5
_RENEW_EVERY_S = 10.0
STOP_WITHIN_S = 5.0


class Engine:
    """Drives job sets. One for each manager; its methods may be called from any thread.

    Args:
        store: Where everything is.
        clock: Asked for the time.
        owner: Identity of this driver; fresh for each start of a process.
        new_tag: Gives a unique attempt tag.
        chance: Gives numbers uniform in [0, 1), for jitter.
        spool: Where results that can be read once stand until they are in the store.
        pool: Runs the calls; by default on daemon threads.

    Attributes:
        listeners: Told what happened to jobs, once it is in the store.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        owner: str,
        new_tag: Callable[[], str],
        chance: Callable[[], float],
        spool: Spool,
        pool: Calls | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._new_tag = new_tag
        self._chance = chance
        self._spool = spool
        self._wake = threading.Event()
        self._is_idle = threading.Event()
        self._is_idle.set()
        self._pool = pool or CallPool(CALLS_AT_ONCE, AWAITS_AT_ONCE, self._rouse)
        self._calls: dict[int, BackendCall] = {}
        self._arrived: list[Finished] = []
        self._wanted: dict[int, tuple[JobSetRecord, Backend | None]] = {}
        self._expecting: set[int] = set()
        self._active: dict[int, ActiveJobSet] = {}
        self._broken: dict[int, Exception] = {}
        self._rate_limits: dict[str, RateLimits] = {}
        self._ticks = 0
        self._claimed_s = float("-inf")
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._done = threading.Condition()
        self.listeners = Listeners()

    # -- asked from outside -----------------------------------------------------------------------

    def drive(
        self, record: JobSetRecord, backend: Backend | None, *, more_to_come: bool = False
    ) -> None:
        """Move a job set forward as soon as nobody else does, until it has ended.

        Args:
            record: The job set.
            backend: What runs it, or ``None`` when it cannot be opened here.
            more_to_come: Whether this process is still handing experiments over to it; then it has
                not ended before `expect_no_more`.
        """
        with self._lock:
            self._broken.pop(record.key, None)
            if more_to_come:
                self._expecting.add(record.key)
            known = self._wanted.get(record.key)
            if known is None or known[1] is None:
                self._wanted[record.key] = (record, backend)
            self._claimed_s = float("-inf")
            is_handed_over = more_to_come and record.key in self._active
        if is_handed_over:
            self._rouse()  # there is more to send, and it finds that without a closer look
        else:
            self.wake()

    def give_way(self, most_s: float) -> None:
        """Return when its thread has done what there is to do for now, or after the time.

        For whoever computes for long: its thread needs Python's lock for moments only, and would
        wait 5 ms for it each time that it let go of it to ask the database.
        """
        self._is_idle.wait(most_s)

    def expect_no_more(self, job_set_key: int) -> None:
        """Take note that this process hands no more over to a job set; harmless at any time."""
        with self._lock:
            self._expecting.discard(job_set_key)
        self.wake()

    def drives(self, job_set_key: int) -> bool:
        """Say whether this engine drives a job set, or will as soon as it can."""
        with self._lock:
            return job_set_key in self._wanted

    def raise_if_broken(self, job_set_key: int) -> None:
        """Raise if this engine had to stop driving a job set; `drive` tries again.

        Raises:
            StoreTooNewError: A newer program has migrated the store.
            JobManagerError: There is a defect; it is the cause.
        """
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
        """Have the engine look at once, for there may be something new to do."""
        with self._lock:
            for active in self._active.values():
                active.looked_s = float("-inf")
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

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="qjm-engine", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Begin nothing new, record what comes back within seconds, and give all sets back.

        What is then still under way is found again by whoever drives next.
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
        self._claim(now_s)
        self._arrived += self._pool.finished()
        self._arrived += [Finished(t, None, GIVEN_UP) for t in self._pool.overdue(now_s)]
        waits = [self._tick_safely(active, now_s) for active in self._in_rotation()]
        self._drop_strays()
        return min([_LOOK_EVERY_S if self._wanted else float("inf"), *waits])

    def _tick_safely(self, active: ActiveJobSet, now_s: float) -> float:
        """Give one job set its tick; what goes wrong with the store is tried again later."""
        try:
            return self._move(active, now_s)
        except SupersededError:
            said = _said("superseded", active.record)
            words = "%r is driven by another process now"
            logger.warning(words, active.record.name, extra=said)
            self._leave(active)
        except StoreTooNewError as error:
            self._break(active.record, error)
        except StoreError as error:
            said = _said("store trouble", active.record)
            logger.warning("the store cannot be used now, trying again: %s", error, extra=said)
        except Exception as error:  # noqa: BLE001  # one set's trouble must not stop the others
            self._break(active.record, error)
        return _LOOK_EVERY_S

    def _break(self, record: JobSetRecord, error: Exception) -> None:
        """Stop driving a job set for good, and keep the reason for whoever waits."""
        said = _said("broken", record)
        logger.error("%r cannot be driven", record.name, exc_info=error, extra=said)
        active = self._active.get(record.key)
        with self._lock:
            self._broken[record.key] = error
            self._wanted.pop(record.key, None)
        if active is not None:
            self._leave(active)
            with contextlib.suppress(StoreError):
                self._store.release(active.token)
        self._tell_done()

    def _move(self, active: ActiveJobSet, now_s: float) -> float:
        active.more_to_come = active.record.key in self._expecting
        tick = Tick(active, self._store, self._clock, self._new_tag, self._chance, self._spool)
        changed = self._take_arrived(tick, active.record.key)
        if not self._stopping:
            changed |= self._look_after(active, tick, now_s)
            wrote, calls = tick.begin(
                self._fair_part(self._pool.free), self._fair_part(self._pool.free_awaits)
            )
            changed |= wrote
            for call in calls:
                self._start(active, call, now_s)
        active.write_waiting(now_s)
        if active.is_finished or (active.backend is None and not changed):
            self._finish(active)
        return 0.0 if changed else max(active.next_wake_s(now_s) - now_s, 0.0)

    def _in_rotation(self) -> list[ActiveJobSet]:
        """Return the active sets, each time with another one first."""
        keys = list(self._active)
        self._ticks += 1
        first = self._ticks % len(keys) if keys else 0
        return [self._active[key] for key in keys[first:] + keys[:first]]

    def _fair_part(self, free: int) -> int:
        """Return how many of the free threads one job set may take now."""
        return min(free, max(1, free // len(self._active)))

    def _take_arrived(self, tick: Tick, key: int) -> bool:
        """Write what came back for a job set; what could not be written stays for the next tick."""
        changed = False
        while ended_calls := self._one_a_job(key):
            changed |= tick.take(ended_calls)
            for done in (ended.finished for ended in ended_calls):
                self._arrived.remove(done)
                if done.error is not GIVEN_UP:
                    del self._calls[done.ticket]
        return changed

    def _one_a_job(self, key: int) -> list[EndedCall]:
        """Return what came back for a job set, of several calls about one job only the first."""
        found: list[EndedCall] = []
        jobs: set[int] = set()
        for done in self._arrived:
            call = self._calls[done.ticket]
            if call.job_set_key == key and jobs.isdisjoint(call.job_keys):
                jobs.update(call.job_keys)
                found.append(EndedCall(call, done))
        return found

    def _look_after(self, active: ActiveJobSet, tick: Tick, now_s: float) -> bool:
        """Stay the driver, and see what users asked for and what was handed over meanwhile."""
        if now_s >= active.renewed_s + _RENEW_EVERY_S:
            if not self._store.renew(active.token):
                raise SupersededError(active.record.job_set_id)
            active.renewed_s = now_s
        if now_s < active.looked_s + _LOOK_EVERY_S:
            return False
        active.looked_s = now_s
        active.reread()
        return tick.handle_requests()

    def _start(self, active: ActiveJobSet, to_start: CallToStart, now_s: float) -> None:
        call = to_start.call
        awaits = call.kind is CallKind.AWAIT
        deadline_s = now_s + DEADLINES_S[call.kind]
        ticket = self._pool.start(to_start.function, deadline_s, awaits=awaits)
        self._calls[ticket] = call
        for key in call.job_keys:
            job = active.live[key]
            if awaits:
                job.awaited = ticket
            else:
                job.ticket = ticket

    def _drop_strays(self) -> None:
        """Forget what came back for job sets that are no longer ours to write."""
        for done in list(self._arrived):
            if self._calls[done.ticket].job_set_key not in self._active:
                self._arrived.remove(done)
                del self._calls[done.ticket]

    # -- which job sets ---------------------------------------------------------------------------

    def _claim(self, now_s: float) -> None:
        """Take over the wanted job sets that nobody drives."""
        if self._stopping or now_s < self._claimed_s + _LOOK_EVERY_S:
            return
        self._claimed_s = now_s
        with self._lock:
            missing = [w for key, w in self._wanted.items() if key not in self._active]
        for record, backend in missing:
            try:
                token = self._store.claim(record.key, self._owner)
                if token is not None:
                    rate_limits = self._limits_of(backend)
                    active = ActiveJobSet(record, token, backend, self._store, rate_limits, now_s)
                    active.tell = self.listeners.tell
                    self._active[record.key] = active
                    said = _said("driving", record)
                    logger.info("driving %r on %s", record.name, record.backend_name, extra=said)
            except StoreTooNewError as error:
                self._break(record, error)
            except StoreError as error:
                if not self._stopping:
                    said = _said("not driven now", record)
                    logger.warning("%r cannot be driven now: %s", record.name, error, extra=said)
            except Exception as error:  # noqa: BLE001  # one set's trouble must not stop the others
                self._break(record, error)

    def _limits_of(self, backend: Backend | None) -> RateLimits:
        return self._rate_limits.setdefault(backend.account if backend else "", RateLimits())

    def _leave(self, active: ActiveJobSet) -> None:
        active.rate_limits.leave(active.record.key)
        del self._active[active.record.key]

    def _finish(self, active: ActiveJobSet) -> None:
        """Let go of a job set in which nothing can move."""
        self._store.release(active.token)
        self._leave(active)
        with self._lock:
            self._wanted.pop(active.record.key, None)
        self._tell_done()

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
        except Exception as error:  # noqa: BLE001  # whoever waits is told, instead of waiting on
            with self._lock:
                records = [record for record, _ in self._wanted.values()]
            for record in records:
                self._break(record, error)
            return _LOOK_EVERY_S

    def _wind_down(self) -> None:
        """Record what comes back within seconds, so that little is left in doubt.

        On a busy machine the store may be closed before this thread gets here. It then gave the
        job sets back itself, and whoever drives next finds out what was not recorded.
        """
        until_s = self._clock.monotonic() + STOP_WITHIN_S / 2
        while self._submissions_under_way() and self._clock.monotonic() < until_s:
            self._wake.wait(0.05)
            self._wake.clear()
            self.tick()
        for active in list(self._active.values()):
            active.let_die()
            with contextlib.suppress(StoreError, SupersededError):
                active.write_waiting()
            self._store.release(active.token)

    def _submissions_under_way(self) -> bool:
        return any(call.kind is CallKind.SUBMIT for call in self._calls.values())

    def _tell_done(self) -> None:
        with self._done:
            self._done.notify_all()


def _said(event: str, record: JobSetRecord) -> dict[str, str]:
    """Return what a line of the log says to programs."""
    return {"event": event, "job_set_id": record.job_set_id}
