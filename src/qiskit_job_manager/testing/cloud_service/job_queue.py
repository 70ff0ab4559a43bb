"""The cloud's jobs and its queue, without any network."""

from __future__ import annotations

import hashlib
import heapq
import threading
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.testing.cloud_service.faults import Fate
from qiskit_job_manager.testing.cloud_service.ledger import Deed, Entry, Ledger
from qiskit_job_manager.testing.cloud_service.simulation import Engine, run
from qiskit_job_manager.testing.emulator.refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.model import Blob, RawResult
    from qiskit_job_manager.ports import Clock
    from qiskit_job_manager.testing.cloud_service.fault_schedule import FaultSchedule

MESSAGES = {
    Fate.FAILS: "the dilution refrigerator is warm",
    Fate.CANCELLED: "cancelled by the administrator",
}
_ENDS_AS = {Fate.FAILS: "failed", Fate.CANCELLED: "cancelled"}


@dataclass(frozen=True, slots=True)
class Order:
    """What a submission asks for.

    Attributes:
        payload: The encoded circuits.
        options: The run options.
        tag: The mark to find it by.
        key: The idempotency key, or ``None``.
    """

    payload: Blob
    options: Mapping[str, Any]
    tag: str
    key: str | None


@dataclass(slots=True, eq=False)
class _Job:
    """An accepted job; guarded by the queue's lock."""

    job_id: str
    number: int
    order: Order
    fate: Fate
    accepted_s: float
    ends_s: float | None = None
    cancelled: bool = False
    read: bool = False


class JobQueue:
    """Accepts jobs, queues and runs them by the clock, and returns results. Safe for any thread.

    Nothing runs in the background: the state of a job is computed when somebody asks for it, and
    its result when it is read.

    Args:
        clock: The clock of the queue and of the listing.
        ledger: Records every deed before the request is answered.
        schedule: Chooses faults and fates.
        engine: What runs the circuits.
    """

    def __init__(
        self, clock: Clock, ledger: Ledger, schedule: FaultSchedule, engine: Engine
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._schedule = schedule
        self._engine = engine
        self._lock = threading.RLock()
        # A cloud that replaces a killed one must not use its ids again.
        self._start = uuid.uuid4().hex[:8]
        self._count = 0
        self._jobs: dict[str, _Job] = {}
        self._by_tag: dict[str, list[_Job]] = {}
        self._by_key: dict[str, _Job] = {}
        self._queue: deque[_Job] = deque()
        self._running: list[tuple[float, int]] = []
        self._freed_s = float("-inf")
        self._accepted_s: deque[float] = deque()

    # -- submitting -------------------------------------------------------------------------------

    def submit(self, order: Order) -> str:
        """Accept a job and return its id; the same key gives the same job.

        Raises:
            RefusedError: A limit is hit.
        """
        with self._lock:
            known = self._by_key.get(order.key or "")
            if known is not None:
                self._note(Deed.REPEATED, known, tag=order.tag, key=order.key)
                return known.job_id
            now_s = self._move_on()
            self._refuse_above_limits(now_s)
            return self._accept(order, now_s).job_id

    def _refuse_above_limits(self, now_s: float) -> None:
        faults = self._schedule.faults
        pending = len(self._queue) + len(self._running)
        if faults.pending_jobs is not None and pending >= faults.pending_jobs:
            text = f"{pending} jobs are pending, and {faults.pending_jobs} may be"
            raise RefusedError(faults.pending_status, "too_many_jobs", text, faults.retry_after_s)
        while self._accepted_s and self._accepted_s[0] <= now_s - 60.0:
            self._accepted_s.popleft()
        most = faults.submissions_per_minute
        if most is not None and len(self._accepted_s) >= most:
            text = f"{most} submissions a minute are allowed"
            raise RefusedError(429, "too_fast", text, faults.retry_after_s)

    def _accept(self, order: Order, now_s: float) -> _Job:
        self._count += 1
        job_id = f"job-{self._start}-{self._count}"
        job = _Job(job_id, self._count, order, self._schedule.fate(), now_s)
        self._note(
            Deed.ACCEPTED,
            job,
            tag=order.tag,
            key=order.key,
            payload_digest=hashlib.sha256(order.payload.data).hexdigest(),
            shots=order.options.get("shots"),
        )
        self._jobs[job_id] = job
        self._by_tag.setdefault(order.tag, []).append(job)
        if order.key:
            self._by_key[order.key] = job
        self._accepted_s.append(now_s)
        self._queue.append(job)
        return job

    # -- asking -----------------------------------------------------------------------------------

    def listed(self, tag: str) -> list[dict[str, Any]]:
        """Return the jobs with a tag that are listed by now, oldest first."""
        with self._lock:
            now_s = self._move_on()
            until_s = now_s - self._schedule.faults.listing_lag_s
            jobs = [job for job in self._by_tag.get(tag, ()) if job.accepted_s <= until_s]
            return self._views(jobs, now_s)

    def described(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the jobs with these ids; those that the cloud does not have are left out."""
        with self._lock:
            now_s = self._move_on()
            jobs = [self._jobs[job_id] for job_id in job_ids if job_id in self._jobs]
            return self._views(jobs, now_s)

    def _views(self, jobs: Sequence[_Job], now_s: float) -> list[dict[str, Any]]:
        places = {job.job_id: place for place, job in enumerate(self._queue, start=1)}
        states = [(job, self._state(job, now_s)) for job in jobs]
        return [
            {
                "id": job.job_id,
                "tag": job.order.tag,
                "state": state,
                "position": places.get(job.job_id),
                "message": MESSAGES.get(job.fate) if state == _ENDS_AS.get(job.fate) else None,
            }
            for job, state in states
            if state != "vanished"
        ]

    # -- results ----------------------------------------------------------------------------------

    def result(self, job_id: str) -> RawResult | None:
        """Return a result, and count it as read; ``None``: it was read before.

        Raises:
            RefusedError: There is none, or it was read before and the faults refuse that.
        """
        job = self._ended_job(job_id)
        try:
            raw = run(job.order.payload, job.order.options, job.fate, self._engine)
        except Exception as error:  # whatever Qiskit and Aer may raise of odd circuits
            raise RefusedError(409, "job_failed", f"the circuits could not run: {error}") from error
        with self._lock:
            faults = self._schedule.faults
            if faults.reads_once and job.read:
                if faults.after_read == 200:
                    return None
                text = f"the result of {job_id} was read before"
                raise RefusedError(faults.after_read, "was_read", text)
            job.read = True
            self._note(Deed.HANDING_OUT, job)
        return raw

    def goes_on_for_s(self, job_id: str) -> float:
        """Return the seconds in which a job cannot end by itself; 0: it has ended, or is gone."""
        with self._lock:
            now_s = self._move_on()
            job = self._jobs.get(job_id)
            if job is None or self._state(job, now_s) not in ("queued", "running"):
                return 0.0
            if job.ends_s is not None:
                return job.ends_s - now_s
            # A queued job can begin when another ends.
            return self._running[0][0] - now_s if self._running else float("inf")

    def note_sent(self, job_id: str, bytes_sent: int, *, complete: bool) -> None:
        """Record how much of a result has left."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None:
                self._note(Deed.HANDED_OUT, job, bytes_sent=bytes_sent, complete=complete)

    def _ended_job(self, job_id: str) -> _Job:
        with self._lock:
            job, state = self._job(job_id)
        if state == "done":
            return job
        if state in ("failed", "cancelled"):
            text = MESSAGES.get(job.fate) or f"the job was {state}"
            raise RefusedError(409, f"job_{state}", text)
        raise RefusedError(409, "not_ended", f"the job {job_id} is still {state}")

    # -- ending -----------------------------------------------------------------------------------

    def cancel(self, job_id: str) -> None:
        """Cancel a job.

        Raises:
            RefusedError: It has ended, or there is none.
        """
        with self._lock:
            job, state = self._job(job_id)
            if state not in ("queued", "running"):
                raise RefusedError(409, "has_ended", f"the job {job_id} is {state}")
            self._take_out(job)
            job.cancelled = True
            self._note(Deed.CANCELLED, job)

    def delete(self, job_id: str) -> None:
        """Delete a job in any state.

        Raises:
            RefusedError: There is none.
        """
        with self._lock:
            job, _ = self._job(job_id)
            self._take_out(job)
            del self._jobs[job_id]
            self._by_tag[job.order.tag].remove(job)
            self._by_key.pop(job.order.key or "", None)
            self._note(Deed.DELETED, job)

    def _take_out(self, job: _Job) -> None:
        if job in self._queue:
            self._queue.remove(job)
        running = [entry for entry in self._running if entry[1] != job.number]
        if len(running) < len(self._running):
            self._running = running
            heapq.heapify(self._running)
            self._freed_s = self._clock.monotonic()

    # -- the queue --------------------------------------------------------------------------------

    def _job(self, job_id: str) -> tuple[_Job, str]:
        """Return a job and its state."""
        now_s = self._move_on()
        job = self._jobs.get(job_id)
        state = "vanished" if job is None else self._state(job, now_s)
        if job is None or state == "vanished":
            raise RefusedError(404, "no_such_job", f"there is no job {job_id}")
        return job, state

    def _state(self, job: _Job, now_s: float) -> str:
        if job.cancelled:
            return "cancelled"
        if job.ends_s is None:
            return "queued"
        if now_s < job.ends_s:
            return "running"
        return "vanished" if job.fate is Fate.VANISHES else _ENDS_AS.get(job.fate, "done")

    def _move_on(self) -> float:
        """End and start jobs up to now, in order; return the time."""
        now_s = self._clock.monotonic()
        faults = self._schedule.faults
        while self._queue or self._running:
            has_room = faults.jobs_at_once is None or len(self._running) < faults.jobs_at_once
            if self._queue and has_room:
                job = self._queue.popleft()
                job.ends_s = max(job.accepted_s, self._freed_s) + faults.service_time_s
                heapq.heappush(self._running, (job.ends_s, job.number))
            elif self._running and self._running[0][0] <= now_s:
                self._freed_s, _ = heapq.heappop(self._running)
            else:
                break
        return now_s

    def _note(self, deed: Deed, job: _Job, **facts: Any) -> None:
        at_s = self._clock.now().timestamp()
        self._ledger.write(Entry(deed=deed, job_id=job.job_id, at_s=at_s, **facts))
