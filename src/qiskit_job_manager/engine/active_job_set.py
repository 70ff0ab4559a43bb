"""One job set under way, as its driver has it in memory.

Only jobs that can still move are here: those that a backend has or may have, and the next few
planned ones. All of it can be lost at any instant and read back from the store.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from qiskit_job_manager.engine.duplicate_submissions import (
    DuplicateSearch,
)
from qiskit_job_manager.engine.lease import Holder
from qiskit_job_manager.engine.observations import ObservationSchedule
from qiskit_job_manager.engine.outage import Outage
from qiskit_job_manager.engine.requests import request_of
from qiskit_job_manager.engine.usage_polling import UsagePolling
from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.lifecycle import Budget, Call, CallKind, Event, Situation, Take
from qiskit_job_manager.model import (
    Advance,
    JobRecord,
    JobSetRecord,
    JobState,
    RawResult,
    RemoteState,
    RemoteStatus,
    Request,
    RequestKind,
    Token,
)
from qiskit_job_manager.model.prices import estimated_usage, has_limits, has_room_for
from qiskit_job_manager.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import TypeAlias

    from qiskit_job_manager.engine.call_results import BackendCall
    from qiskit_job_manager.engine.lease import Leases
    from qiskit_job_manager.engine.rate_limits import RateLimits
    from qiskit_job_manager.model import Limits
    from qiskit_job_manager.ports import Backend, Store

    Notify: TypeAlias = Callable[[JobSetRecord, Sequence[tuple[JobRecord, Advance]]], None]

_PLANNED_AT_HAND = 64
_UNDER_WAY = [state for state in JobState if state.is_under_way]
_MOVING = [JobState.PLANNED, *_UNDER_WAY]
# After a crash, a job of a volatile backend only goes through these events again: it is submitted
# again, or its result is read again. They are written with what comes next, as each write waits for
# the disk.
_CAN_WAIT = frozenset({Event.ACCEPTED, Event.UNDERSTOOD})
_WAIT_S = 0.25
# Calls of a local backend at once. They compute, and do not wait for a network: more of them would
# take turns on the cores, and each needs memory.
_LOCAL_CALLS = 4
_JOBS_A_LOCAL_CALL = 16  # of an executor with many places: these calls only hand bytes on
_NEWS_SHARE = 0.2


class SupersededError(Exception):
    """Another driver has taken over the job set; nothing was written."""


@dataclass(slots=True)
class LiveJob:
    """A job that can still move, with what only this driver knows of it.

    Attributes:
        record: As the store has it.
        raw: Its raw result, from when it is stored until the next step.
        ticket: The call about it that is under way, or ``None``; not one that waits.
        awaited: The call that waits for its result, or ``None``.
        await_s: No other such call begins before this time.
        decided_for: The record for which the last decision was made.
        ready_s: No call about it begins before this time on the engine's clock.
        since_s: When its present state began, for this driver.
        is_ours: Whether this driver saw that the backend accepted it.
        backend: The adapter that submitted it, if this process did and it still answers. Some
            adapters alone can ask about the jobs that they submitted.
        failures: Calls about it that failed in a row.
        outage: These failures in words, or ``None``.
        not_before_s: Until when the backend asked to wait after the latest of these.
        look_ups: Look-ups of its tag that prove absence.
        repeats: Whether its submission under way repeats one that may have been accepted.
        cancel_sent: Whether the backend was asked to cancel it, with whatever success.
        cancel_again: Whether that failed, so that it is asked again if the job still runs.
        cancel_noted: Whether it is recorded that the job goes on after that.
    """

    record: JobRecord
    since_s: float
    raw: RawResult | None = None
    ticket: int | None = None
    awaited: int | None = None
    await_s: float = 0.0
    decided_for: JobRecord | None = None
    ready_s: float = 0.0
    is_ours: bool = False
    backend: Backend | None = None
    failures: int = 0
    outage: Outage | None = None
    not_before_s: float = 0.0
    look_ups: int = 0
    repeats: bool = False
    cancel_sent: bool = False
    cancel_again: bool = False
    cancel_noted: bool = False

    def note_failure(self, kind: CallKind, words: str, now: datetime, now_s: float) -> Outage:
        """Count a call about it that failed, and return all that failed in a row."""
        if self.outage is None:
            self.outage = Outage(now, now_s)
        self.outage.note(kind, words)
        return self.outage

    def may_be_awaited(self, now_s: float) -> bool:
        """Whether it may be time to wait for its result.

        Where asking fails, waiting would fail too; one enquiry at a time finds out when that is
        over.
        """
        is_free = self.awaited is None and not self.failures and self.await_s <= now_s
        return is_free and self.record.state is JobState.ACTIVE

    def situation(self) -> Situation:
        """Return the facts that decisions are made of."""
        return Situation(
            job_key=self.record.key,
            state=self.record.state,
            busy=self.ticket is not None,
            ready_s=self.ready_s,
            remote=self.record.status.state if self.record.status else None,
            has_result=self.record.has_result,
            cancel_requested=self.record.cancel_requested,
            cancel_sent=self.cancel_sent,
            doubted_s=self.since_s,
            look_ups=self.look_ups,
            awaited=self.awaited is not None,
            await_s=float("inf") if self.failures else self.await_s,
        )


class ActiveJobSet:
    """A job set whose lease this process has.

    Owned by the engine's thread.

    Args:
        record: The job set.
        token: Its lease.
        backend: What runs it, or ``None`` when it cannot be opened here.
        store: Where everything is.
        rate_limits: What it shares with the other job sets of its account.
        now_s: Time on the engine's clock.
        observes: Whether what it runs in and on is recorded.

    Attributes:
        more_to_come: Whether this process is handing experiments over to it.
        is_watched: Whether a call waits for the next end of a job.
        looks_seen: How many calls to `Engine.drive` this has seen that ask for a look.
        looked_s: When the store was last read for requests.
        first_requests: The requests that were stored when this began, until they are handled.
        typical_s: How long jobs take, as far as this driver saw, or ``None``.
        notify: Called with what is in the store now.
    """

    def __init__(  # made in one place, from what that place has at hand
        self,
        record: JobSetRecord,
        token: Token,
        backend: Backend | None,
        store: Store,
        rate_limits: RateLimits,
        now_s: float,
        *,
        observes: bool = False,
    ) -> None:
        self.record = record
        self.token = token
        self.backend = backend
        self.rate_limits = rate_limits
        self.more_to_come = False
        self.is_watched = False
        self.typical_s: float | None = None
        self.looked_s = float("-inf")
        self.looks_seen = 0
        self.live: dict[int, LiveJob] = {}
        self.notify: Notify = _ignore
        self._has_logged_outage = False
        self._store = store
        with store.reading():
            self.first_requests: list[Request] | None = store.requests(record.key)
            jobs, has_all_planned = self._first_jobs()
        search = request_of(self.first_requests, RequestKind.DUPLICATE_SEARCH)
        self.duplicates = DuplicateSearch(search, self._lag_s(), now_s)
        self._watch_former_driver()
        poll = request_of(self.first_requests, RequestKind.USAGE_POLL)
        self.usage_polling = UsagePolling(poll, now_s)
        self._last_planned = -1
        self._waiting: list[tuple[JobRecord, Advance]] = []
        self._waiting_since_s = now_s
        self._has_all_planned = record.complete and has_all_planned
        self._take_in(jobs, now_s)
        is_news = bool(jobs) or not self._has_all_planned
        self.observations = ObservationSchedule(
            is_on=observes, changes=not record.volatile, is_news=is_news
        )

    def _first_jobs(self) -> tuple[list[JobRecord], bool]:
        """Read the jobs under way, and the planned ones where there are few; say whether so."""
        jobs = self._store.jobs(self.record.key, states=_MOVING, limit=_PLANNED_AT_HAND)
        if len(jobs) < _PLANNED_AT_HAND:
            return jobs, True
        return self._store.jobs(self.record.key, states=_UNDER_WAY), False

    def _take_in(self, jobs: Sequence[JobRecord], now_s: float) -> None:
        for job in jobs:
            self.live[job.key] = LiveJob(self._as_known(job), since_s=now_s)
            if job.state is JobState.PLANNED:
                self._last_planned = job.index

    def _watch_former_driver(self) -> None:
        """Search for what a driver submits that lost its lease and may still live."""
        can, key = self.capabilities, self.record.key
        if self.token.took_over and can.findable and self.duplicates.request is None:
            self._store.request(key, RequestKind.DUPLICATE_SEARCH)
            stored = self._store.requests(key)
            self.duplicates.request = request_of(stored, RequestKind.DUPLICATE_SEARCH)
        watches_for_another = self.duplicates.request is not None and not can.may_duplicate
        self.duplicates.watches = self.token.took_over or watches_for_another

    # -- what there is to do --------------------------------------------------------------------

    def refill(self, now_s: float) -> None:
        """Read the next planned jobs from the store when few are left."""
        planned = sum(job.record.state is JobState.PLANNED for job in self.live.values())
        if self._has_all_planned or planned >= _PLANNED_AT_HAND // 4:
            return
        page = self._store.jobs(
            self.record.key,
            states=(JobState.PLANNED,),
            after=self._last_planned,
            limit=_PLANNED_AT_HAND,
        )
        for job in page:
            self._last_planned = job.index
            self.live.setdefault(job.key, LiveJob(job, since_s=now_s))
        # A hand-over says last that it is complete, and this was read before the page. One that was
        # cut off may be resumed at any time.
        self._has_all_planned = self.record.complete and len(page) < _PLANNED_AT_HAND

    def reread(self) -> None:
        """Read what was handed over, or asked of the set as a whole, since the last time."""
        if not self.record.complete or has_limits(self.record):
            self.record = self._store.job_set(self.record.job_set_id) or self.record

    def note_extension(self) -> None:
        """Take note that experiments were added behind all others."""
        self.record = self._store.job_set(self.record.job_set_id) or self.record
        self._has_all_planned = False

    def adopt(self, job: JobRecord, now_s: float) -> LiveJob:
        """Take in a job that was final until the user asked for more."""
        return self.live.setdefault(job.key, LiveJob(job, since_s=now_s))

    def use(self, backend: Backend, rate_limits: RateLimits, now_s: float) -> None:
        """Use another backend from now on, and ask it at once about what waits."""
        self.rate_limits.leave(self.record.key)
        self.backend, self.rate_limits = backend, rate_limits
        self.duplicates.use_lag(self._lag_s())
        for job in self.live.values():
            job.ready_s, job.decided_for = min(job.ready_s, now_s), None

    def backend_of(self, job_key: int) -> Backend:
        """Return the backend to ask about a job."""
        backend = self.live[job_key].backend or self.backend
        assert backend is not None  # noqa: S101  # without one nothing is decided
        return backend

    def note_call(self, ticket: int, call: BackendCall) -> None:
        """Take note that a call about jobs is under way."""
        for key in call.job_keys:
            job = self.live.get(key)
            if job is None or call.tag not in (None, job.record.tag or ""):
                continue
            if call.kind is CallKind.AWAIT:
                job.awaited = ticket
            else:
                job.ticket = ticket

    def note_ended(self, ticket: int, call: BackendCall) -> None:
        """Take note that a call is over, whatever happened to its jobs meanwhile."""
        for key in call.job_keys:
            job = self.live.get(key)
            if job is not None and job.ticket == ticket:
                job.ticket = None
            if job is not None and job.awaited == ticket:
                job.awaited = None

    def note_ends(self, ended: Mapping[str, RemoteStatus], now_s: float) -> None:
        """Fetch at once what has ended, as the backend reports."""
        self.is_watched = False
        for job in self.live.values() if ended else ():
            status = ended.get(job.record.remote_id or "")
            if status is not None and job.record.state is JobState.ACTIVE:
                job.record, job.ready_s = replace(job.record, status=status), now_s

    def trouble(self) -> str | None:
        """Return what has failed for long, or ``None``."""
        found = [job.outage for job in self.live.values() if job.outage and job.outage.is_stored]
        if not found:
            self._has_logged_outage = False
            return self.rate_limits.trouble
        longest = min(found, key=lambda outage: outage.since_s)
        others = f" ({len(found)} jobs)" if len(found) > 1 else ""
        return f"{longest}{others}"

    def logs_outage(self) -> bool:
        """Say whether to log that calls fail; true once until all work again."""
        is_news, self._has_logged_outage = not self._has_logged_outage, True
        return is_news

    def let_die(self) -> None:
        """Cancel what would die with this process, so that it does not hold up its exit."""
        can = self.capabilities
        if self.backend is None or not can.volatile or can.idempotent:
            return
        for job in self.live.values():
            if job.record.state is JobState.ACTIVE and job.record.remote_id is not None:
                with contextlib.suppress(Exception):
                    self.backend.cancel(job.record.remote_id)

    def situations(
        self, now_s: float, budget: Budget
    ) -> tuple[list[Situation], Iterator[Situation]]:
        """Return the jobs about which there may be something to do, and then the others.

        A tick does not look closely at jobs that wait for their time, as there may be a thousand.
        """
        due: list[LiveJob] = []
        idle: list[LiveJob] = []
        submissions, awaits = budget.submissions, budget.awaits
        for job in self.live.values():
            is_due = job.ticket is None and job.record is not job.decided_for
            if job.ticket is None and job.ready_s <= now_s:
                planned = job.record.state is JobState.PLANNED
                is_due |= not planned or submissions > 0
                submissions -= planned
            if awaits > 0 and job.may_be_awaited(now_s):
                awaits -= 1
                is_due = True
            (due if is_due else idle).append(job)
        for job in due:
            job.decided_for = job.record if job.ticket is None else job.decided_for
        return [job.situation() for job in due], (job.situation() for job in idle)

    def budget(self, now_s: float, free_calls: int, free_awaits: int) -> Budget:
        """Return how much may begin now."""
        if self.backend is None:
            return Budget(submissions=0, calls=0, volatile=self.record.volatile)
        can = self.capabilities
        return Budget(
            submissions=self._submissions_allowed(now_s),
            calls=min(free_calls, self._free_local_calls()) if can.volatile else free_calls,
            awaits=free_awaits if can.awaits and not can.reads_once else 0,
            volatile=can.volatile,
            idempotent=can.idempotent,
            findable=can.findable,
            listing_lag_s=can.listing_lag_s,
            bulk_status=can.bulk_status,
            cancels=can.cancels,
            feeds_workers=can.pending_jobs is not None,
        )

    def _free_local_calls(self) -> int:
        """Return how many calls about jobs that are computed, and not sent far, may begin."""
        under_way = len({job.ticket for job in self.live.values()} - {None})
        of_many = (self.capabilities.pending_jobs or 0) // _JOBS_A_LOCAL_CALL
        return max(_LOCAL_CALLS, of_many) - under_way

    def learn_pending(self, now_s: float) -> None:
        """Take note that the backend takes no more jobs than it has now."""
        self._report(self.states)
        self.rate_limits.learn_pending(now_s)

    def _report(self, states: Sequence[JobState]) -> None:
        self.rate_limits.report(
            self.record.key,
            pending=sum(state.is_pending for state in states),
            planned=states.count(JobState.PLANNED),
            accepted=states.count(JobState.ACTIVE),
        )

    def _submissions_allowed(self, now_s: float) -> int:
        states = self.states
        self._report(states)
        allowed = self.rate_limits.allowed(self.record.key, self._limits(), now_s)
        if self.capabilities.concurrent_submissions:
            return allowed
        return min(allowed, 1 - states.count(JobState.SUBMITTING))

    def _limits(self) -> Limits:
        """Return the stored limits, and how many jobs are of use to the backend now.

        Those that have ended there, and whose results are not stored yet, are of no more use; in
        their place as many others are at most.
        """
        stored, of_use = self.record.limits, self.capabilities.pending_jobs
        if of_use is None:
            return stored
        of_use += min(self._n_ended(), of_use)
        return replace(stored, pending_jobs=min(of_use, stored.pending_jobs or of_use))

    def _n_ended(self) -> int:
        """Return how many active jobs are known to have ended."""
        return sum(not goes_on for goes_on in self._active_ones_go_on())

    def _active_ones_go_on(self) -> Iterator[bool]:
        """Yield for each active job whether it goes on at the backend, as far as is known."""
        for job in self.live.values():
            if job.record.state is JobState.ACTIVE:
                status = job.record.status
                yield status is None or status.state.is_under_way

    def affordable(self, decisions: Sequence[Take | Call]) -> list[Take | Call]:
        """Leave out the submissions that would exceed what the set may use or cost."""
        if not has_limits(self.record) or not any(_sends(decision) for decision in decisions):
            return list(decisions)
        total = self._store.usage(self.record.key)
        kept: list[Take | Call] = []
        for decision in decisions:
            if not _sends(decision):
                kept.append(decision)
                continue
            job = self.live[decision.job_key].record
            if has_room_for(self.record, total, job):
                kept.append(decision)
            total += estimated_usage(job)
        return kept

    def next_wake_s(self, now_s: float) -> float:
        """Return when this set may next have something to do, on the engine's clock."""
        waiting: Iterable[float]
        waiting = (j.ready_s for j in self.live.values() if j.ticket is None and j.ready_s > now_s)
        if self.capabilities.awaits:
            again = (j.await_s for j in self.live.values() if j.awaited is None)
            waiting = chain(waiting, (each for each in again if each > now_s))
        pace_s = self.rate_limits.next_change_s(self.record.limits, now_s)
        due_s = self._waiting_since_s + _WAIT_S if self._waiting else float("inf")
        return min(
            *waiting,
            pace_s,
            due_s,
            self.duplicates.due_s(self.states),
            self.usage_polling.due_s,
            self.observations.due_s(has_ended=self.has_ended),
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can do; without one, what the store knows of it."""
        if self.backend is None:
            return Capabilities(volatile=self.record.volatile)
        return self.backend.capabilities

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left that could move by itself."""
        requests = (self.duplicates.request, self.usage_polling.request)
        is_over = requests == (None, None) and self.observations.is_over
        return self.has_all and not self.live and is_over

    @property
    def has_all(self) -> bool:
        """Whether nothing more is handed over: the hand-over is complete, or was cut off."""
        return self.record.complete or not self.more_to_come

    @property
    def has_ended(self) -> bool:
        """Whether every job has ended, and nothing more is handed over."""
        return self.has_all and not self.live

    @property
    def states(self) -> list[JobState]:
        """The states of the jobs that can still move."""
        return [job.record.state for job in self.live.values()]

    @property
    def awaits_an_end(self) -> bool:
        """Whether the backend has a job that is not known to have ended there."""
        return any(self._active_ones_go_on())

    def _lag_s(self) -> float:
        return self.capabilities.listing_lag_s

    def _as_known(self, job: JobRecord) -> JobRecord:
        # Without its backend no driver can ask; but what died with its process is certainly gone.
        if self.backend is None and self.record.volatile and job.state is JobState.ACTIVE:
            return replace(job, status=RemoteStatus(RemoteState.GONE))
        return job

    # -- writing --------------------------------------------------------------------------------

    def write(self, steps: Sequence[Advance], now_s: float) -> None:
        """Write steps, and remember them once they are in the store, or may wait to be.

        Raises:
            SupersededError: Another process drives, or has moved one of the jobs.
        """
        if steps and not self._can_wait(steps, now_s):
            landed = self._advance(steps)
            pairs = zip(steps, landed, strict=True)
            moved = [(self._remember(s, now_s), s) for s, is_in in pairs if is_in]
            self.notify(self.record, moved)
            if not all(landed):
                raise SupersededError(self.record.job_set_id)

    def write_waiting(self, now_s: float | None = None) -> None:
        """Write what waits to be written.

        Args:
            now_s: Only if it has waited long enough by now, or nothing else is to come.

        Raises:
            SupersededError: Another process drives, or has moved one of the jobs.
        """
        due = now_s is None or not self.live or now_s >= self._waiting_since_s + _WAIT_S
        if self._waiting and due:
            self._advance(())

    def write_last(self, leases: Leases) -> None:
        """Write what waits to be written, and let go of the lease.

        Raises:
            SupersededError: Another process drives, or has moved one of the jobs.
            StoreError: Nothing was written, and the lease is still held.
        """
        waited = self._waiting
        if not waited:
            with contextlib.suppress(StoreError):  # the leases try again
                leases.let_go(self.record.key, Holder.DRIVER)
        elif not all(leases.write_and_let_go(self.token, [step for _, step in waited])):
            raise SupersededError(self.record.job_set_id)
        else:
            self._waiting = []
            self.notify(self.record, waited)

    def _can_wait(self, steps: Sequence[Advance], now_s: float) -> bool:
        """Keep steps for later if none of them needs to be written yet; say whether that is so."""
        can = self.capabilities.volatile and all(step.event in _CAN_WAIT for step in steps)
        if can:
            if not self._waiting:
                self._waiting_since_s = now_s
            self._waiting += [(self._remember(step, now_s), step) for step in steps]
        return can

    def _advance(self, steps: Sequence[Advance]) -> list[bool]:
        """Write what waits and these steps in one transaction; say which of these landed."""
        waited = self._waiting
        landed = self._store.advance(self.token, [*(step for _, step in waited), *steps])
        self._waiting = []
        if not all(landed[: len(waited)]):
            raise SupersededError(self.record.job_set_id)
        if waited:
            self.notify(self.record, waited)
        return landed[len(waited) :]

    def _note_duration(self, job: LiveJob, step: Advance, now_s: float) -> None:
        """Learn how long jobs take, from those that this driver saw being accepted."""
        if step.event == Event.ENDED and job.is_ours:
            took_s = now_s - job.since_s
            known_s = took_s if self.typical_s is None else self.typical_s
            self.typical_s = known_s + _NEWS_SHARE * (took_s - known_s)
        job.is_ours = step.event == Event.ACCEPTED

    def _remember(self, step: Advance, now_s: float) -> JobRecord:
        job = self.live[step.job_key]
        if step.new_tag is not None or step.ends_attempt:
            self.observations.note_step()
        if step.after is not step.expected:
            self._note_duration(job, step, now_s)
            job.since_s = now_s
            job.look_ups, job.outage = 0, None
            job.repeats = step.event == Event.REPEATED
            job.cancel_sent = job.cancel_noted = False
            if step.after.is_accepted:
                job.failures = 0
        job.record = advanced(job.record, step)
        job.raw = step.result
        if step.halves is not None:
            self._has_all_planned = False
        if step.after.is_final:
            del self.live[step.job_key]
        return job.record


def _ignore(record: JobSetRecord, steps: Sequence[tuple[JobRecord, Advance]]) -> None:
    """Do nothing: there is no listener."""


def _sends(decision: Take | Call) -> bool:
    return isinstance(decision, Call) and decision.kind is CallKind.SUBMIT


def advanced(record: JobRecord, step: Advance) -> JobRecord:
    """Return a job as it is after a step, in the store too."""
    if step.new_tag is not None:
        record = replace(
            record, attempts=record.attempts + 1, tag=step.new_tag, remote_id=None, status=None
        )
    if step.halves is not None:
        middle = step.halves.middle
        share = (middle - record.start) / (record.stop - record.start)
        estimate_s = None if record.estimate_s is None else record.estimate_s * share
        circuits = round(record.circuits * share)
        record = replace(record, stop=middle, circuits=circuits, estimate_s=estimate_s)
    return replace(
        record,
        state=step.after,
        remote_id=record.remote_id if step.remote_id is None else step.remote_id,
        status=record.status if step.status is None else step.status,
        error=record.error if step.error is None else (step.error or None),
        has_result=(record.has_result and step.new_tag is None) or step.result is not None,
        failed_offsets=(
            record.failed_offsets if step.failed_offsets is None else step.failed_offsets
        ),
        cancel_requested=(
            record.cancel_requested if step.cancel_requested is None else step.cancel_requested
        ),
    )
