"""One tick of one job set: take the results of calls, handle requests, decide, start calls."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.engine import backend_calls
from qiskit_job_manager.engine.call_results import (
    GIVEN_UP,
    BackendCall,
    CallContext,
    Outcome,
    may_be_accepted,
    outcome_of,
)
from qiskit_job_manager.engine.duplicate_submissions import search_for_duplicates
from qiskit_job_manager.engine.observations import looking
from qiskit_job_manager.engine.requests import handle, request_of
from qiskit_job_manager.engine.transitions import fact, step
from qiskit_job_manager.engine.usage_polling import poll_usage
from qiskit_job_manager.errors import CredentialsError
from qiskit_job_manager.lifecycle import (
    CANCEL_SENT,
    Call,
    CallKind,
    Event,
    Take,
    after_failed_run,
    decide,
    growing_wait_s,
    next_state,
    poll_interval_s,
)
from qiskit_job_manager.model import (
    Advance,
    JobState,
    Observation,
    ObservationKind,
    RequestKind,
)
from qiskit_job_manager.ports import Reopens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qiskit_job_manager.engine.active_job_set import ActiveJobSet, LiveJob
    from qiskit_job_manager.engine.call_pool import Finished
    from qiskit_job_manager.engine.lease import Leases
    from qiskit_job_manager.engine.spool import Spool
    from qiskit_job_manager.model import JobRecord, Request, Snapshot
    from qiskit_job_manager.ports import Backend, Clock, Store

logger = logging.getLogger(__name__)

JOBS_PER_STATUS_CALL = 200
ASK_AWAITED_AFTER_S = 5.0
_IN_THE_STORE = frozenset({Event.STORED, Event.UNDERSTOOD, Event.BROKE})
_STILL_OPEN = frozenset({Event.UNANSWERED, Event.OUT_OF_REACH})
_READS = frozenset({CallKind.FETCH, CallKind.AWAIT})


@dataclass(frozen=True, slots=True)
class TickTools:
    """What every tick needs; the same for all job sets of an engine.

    Attributes:
        store: Where everything is.
        clock: Tells the time.
        new_tag: Gives a unique attempt tag.
        chance: Gives numbers uniform in [0, 1).
        spool: Keeps results that can be read once until they are in the store.
        leases: The leases of this process.
        environment: Returns what this process runs in, or ``None`` if that cannot be had; without
            it nothing is recorded of what job sets run in and on.
    """

    store: Store
    clock: Clock
    new_tag: Callable[[], str]
    chance: Callable[[], float]
    spool: Spool
    leases: Leases
    environment: Callable[[], Snapshot | None] | None = None


@dataclass(frozen=True, slots=True)
class CallToStart:
    """A backend call that may start now: what must be written before it is in the store."""

    call: BackendCall
    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A backend call that returned, raised, or passed its deadline."""

    call: BackendCall
    finished: Finished


class Tick:
    """One tick of one job set; made for it and dropped after it.

    Args:
        active: The job set.
        tools: What every tick needs.
    """

    def __init__(self, active: ActiveJobSet, tools: TickTools) -> None:
        self._active = active
        self._tools = tools
        self._store = tools.store
        self._now_s = tools.clock.monotonic()

    # -- results of calls -------------------------------------------------------------------------

    def take(self, ended_calls: Sequence[EndedCall]) -> bool:
        """Write what calls mean for their jobs, in one transaction; say whether anything changed.

        Args:
            ended_calls: Calls that ended, no two of them about the same job.
        """
        for ended in ended_calls:
            self._take_set_wide(ended)
            self._active.note_ended(ended.finished.ticket, ended.call)
        outcomes = [
            (ended, job, self._outcome(ended.call, job, ended.finished))
            for ended in ended_calls
            for key in ended.call.job_keys
            if (job := self._active.live.get(key)) and _concerns(ended.call, job)
        ]
        steps = [s for ended, job, result in outcomes for s in self._steps(ended.call, job, result)]
        self._active.write(steps, self._now_s)
        for ended, job, result in outcomes:
            self._remember(job, ended.call, result)
            self._log(ended, job, result)
        if any(result.full for _, _, result in outcomes):
            self._active.learn_pending(self._now_s)
        if any(_is_answer(ended) for ended in ended_calls):
            self._end_waits()
        return bool(steps)

    def _take_set_wide(self, ended: EndedCall) -> None:
        """Take what a call says about the job set, rather than about single jobs."""
        match ended.call.kind:
            case CallKind.DUPLICATE_SEARCH:
                self._take_duplicates(ended)
            case CallKind.SUBMIT:
                # The backend may have accepted it as late as now.
                self._active.duplicates.note_submission(self._now_s)
            case CallKind.USAGE_POLL:
                self._store.store_usage(self._active.token, ended.finished.value or {})
                self._active.usage_polling.note_end(self._now_s)
            case CallKind.OBSERVE:
                self._note_observed(ended)
            case CallKind.END_WATCH:
                self._active.note_ends(ended.finished.value or {}, self._now_s)

    def _note_observed(self, ended: EndedCall) -> None:
        """Take note that a look at the backend is over; record it if there was no answer."""
        hangs = ended.finished.error is GIVEN_UP
        self._active.observations.note_end(hangs=hangs)
        if hangs:
            at = self._tools.clock.now()
            seen = Observation(ObservationKind.CALIBRATION, at, at, None, str(GIVEN_UP))
            self._store.observe(self._active.record.key, seen)

    def _end_waits(self) -> None:
        """Ask again soon about all that failed: the backend has just answered.

        Waits grow during an outage, and would outlast it by as much as it took. Waits that the
        backend asked for are kept.
        """
        soon_s = self._active.record.retry.first_wait_s
        for job in self._active.live.values():
            if job.failures > 1 and job.ready_s > self._now_s + soon_s:
                wait_s = soon_s * (0.1 + 0.9 * self._tools.chance())
                job.ready_s = max(self._now_s + wait_s, job.not_before_s)

    def _take_duplicates(self, ended: EndedCall) -> None:
        """Record and log the duplicates that were found and cancelled."""
        found, error = ended.finished.value or (), ended.finished.error
        active = self._active
        active.duplicates.note_end(ended.call.asked_s, well=error is None)
        for each in found:
            active.duplicates.known.add(each.remote_id)
            words = f"the backend had it a second time, as {each.remote_id}; "
            words += each.trouble or "that one was asked to be cancelled"
            now = self._tools.clock.now()
            self._store.append_event(active.token, now, each.job_index, "twin", words)
            fields = {"job_set_id": active.record.job_set_id, "event": "twin"}
            where = (each.job_index, active.record.name)
            logger.warning("job %d of %r: %s", *where, words, extra=fields)

    def _log(self, ended: EndedCall, job: LiveJob, result: Outcome) -> None:
        """Log what the user should know at once."""
        active, error = self._active, ended.finished.error
        fields = {"job_set_id": active.record.job_set_id}
        if result.warning:
            where = (job.record.index, active.record.name)
            is_loss = ended.call.kind is CallKind.UNDERSTAND
            extra = {**fields, "event": "no memory" if is_loss else "duplicates"}
            logger.warning("job %d of %r: %s", *where, result.warning, extra=extra)
        needs_login = isinstance(error, CredentialsError)
        if ended.call.kind is not CallKind.UNDERSTAND and (needs_login or error is None):
            self._log_login(error, fields)

    def _log_login(self, error: BaseException | None, fields: dict[str, str]) -> None:
        """Log once that a login is needed, and once that it was made."""
        if not self._active.rate_limits.note_login(needed=error is not None):
            return
        name = self._active.record.backend_name
        if error is None:
            extra = {**fields, "event": "logged in"}
            logger.info("the credentials for %s are good again", name, extra=extra)
        else:
            words = "the backend %s wants you to log in; its jobs wait, and none fails: %s"
            logger.warning(words, name, error, extra={**fields, "event": "login needed"})

    def _outcome(self, call: BackendCall, job: LiveJob, finished: Finished) -> Outcome:
        context = CallContext(self._active.capabilities, self._after_failed_run)
        return outcome_of(call, job, finished, context)

    def _after_failed_run(self, job: JobRecord) -> Event:
        self._active.write_waiting()
        runs = sum(each.remote_id is not None for each in self._store.attempts(job.key))
        return after_failed_run(
            runs, self._active.record.retry, cancel_requested=job.cancel_requested
        )

    def _steps(self, call: BackendCall, job: LiveJob, result: Outcome) -> list[Advance]:
        at, record = self._tools.clock.now(), job.record
        if result.event is None:
            facts = {**result.facts, **self._news(job, result)}
            facts |= self._trouble_facts(call, job, result)
            return [fact(record, "noted", at, **facts)] if facts else []
        steps = []
        status = result.status or record.status
        ended = step(record, Event.ENDED, at, cause="the backend says so", status=status)
        if ended and next_state(record.state, result.event) is None:
            # Its result was fetched as soon as the job had ended; both are written together.
            steps.append(ended)
            record = replace(record, state=ended.after)
        last = step(record, result.event, at, **result.facts)
        return [*steps, last] if last else []

    def _answers_cancelling(self, call: BackendCall, job: LiveJob, result: Outcome) -> bool:
        """Say whether it is news that a job goes on after its cancellation."""
        sent = job.cancel_sent and not job.cancel_again
        asked = sent or not self._active.capabilities.cancels
        is_new = job.record.cancel_requested and asked and not job.cancel_noted
        goes_on = result.status is not None and result.status.state.is_under_way
        return call.kind is CallKind.STATUS and is_new and goes_on

    def _note_cancelling(self, job: LiveJob) -> None:
        """Record that a job goes on, so that those who wait for its cancellation see it."""
        job.cancel_noted = True
        words = "the backend was asked to cancel it, and it goes on"
        if not job.cancel_sent:
            words = "the backend cannot cancel jobs, and it goes on"
        now, token = self._tools.clock.now(), self._active.token
        self._store.append_event(token, now, job.record.index, CANCEL_SENT, words)

    def _news(self, job: LiveJob, result: Outcome) -> dict[str, Any]:
        """Return what the backend says that is worth writing down while the job goes on."""
        news = result.status
        if news is None or news == job.record.status:
            return {}
        if self._active.record.volatile and not self._active.capabilities.reports_ends:
            return {}  # other processes will see a local job as done before long
        return {"status": news} if news.state.is_under_way else {}

    def _trouble_facts(self, call: BackendCall, job: LiveJob, result: Outcome) -> dict[str, Any]:
        """Return what to store about calls that fail for long, or that work again.

        Once so many in a row have failed, and then each time that their number has doubled.
        """
        if not result.failed:
            return {"error": ""} if job.outage and job.outage.is_stored else {}
        if call.kind is CallKind.AWAIT:
            return {}  # an enquiry finds out what is wrong
        now = self._tools.clock.now()
        outage = job.note_failure(call.kind, result.error, now, self._now_s)
        if not outage.is_to_be_reported(self._now_s):
            return {}
        self._log_outage(str(outage))
        return {"error": str(outage)}

    def _log_outage(self, text: str) -> None:
        """Log once for each job set that calls fail for long."""
        if self._active.logs_outage():
            fields = {"job_set_id": self._active.record.job_set_id, "event": "calls fail"}
            where = (self._active.record.name, self._active.record.backend_name)
            logger.warning("%r on %s: %s", *where, text, extra=fields)

    def _remember(self, job: LiveJob, call: BackendCall, result: Outcome) -> None:
        """Keep what only matters to this driver: when to ask again, and what was asked."""
        kind = call.kind
        if result.event in _IN_THE_STORE and self._active.capabilities.reads_once:
            self._tools.spool.forget(job.record.tag or "")
        if result.status:
            job.record = replace(job.record, status=result.status)
        if result.event is Event.STORED:
            job.ticket, job.ready_s = None, self._now_s  # an enquiry under way says nothing new
        elif kind is CallKind.AWAIT:
            self._wait_again(job, failed=result.failed)
        elif result.failed:
            self._back_off(job, kind, result.pause_s)
        else:
            self._go_on(job, kind, result)
        self._remember_cancelling(job, call, result)

    def _remember_cancelling(self, job: LiveJob, call: BackendCall, result: Outcome) -> None:
        """Keep whether the backend was asked to cancel a job, and whether the job goes on."""
        if call.kind is CallKind.CANCEL:
            job.cancel_sent, job.cancel_again = True, result.failed
        elif self._answers_cancelling(call, job, result):
            self._note_cancelling(job)
        if call.kind is CallKind.STATUS and job.cancel_again:
            # A job that has ended cannot be cancelled; only one that still runs is asked again.
            job.cancel_sent = job.cancel_again = False

    def _back_off(self, job: LiveJob, kind: CallKind, pause_s: float | None) -> None:
        job.failures += 1
        job.backend = None  # what sent it does not answer; the newest backend may
        job.not_before_s = self._now_s + (pause_s or 0.0)
        wait_s = growing_wait_s(job.failures, self._active.record.retry, self._tools.chance())
        job.ready_s = self._now_s + max(wait_s, pause_s or 0.0)
        if pause_s is not None:
            # A read that was put off says nothing of submissions, but for the time that it named.
            named = kind is not CallKind.SUBMIT and pause_s > 0
            self._active.rate_limits.pause(job.not_before_s if named else job.ready_s)

    def _go_on(self, job: LiveJob, kind: CallKind, result: Outcome) -> None:
        job.outage = None
        if kind in (CallKind.STATUS, CallKind.SUBMIT, CallKind.CANCEL):
            job.failures = 0
            goes_on = result.status is None or result.status.state.is_under_way
            goes_on &= kind is not CallKind.CANCEL  # some backends cancel at once
            job.ready_s = self._now_s + (self._poll_interval_s(job) if goes_on else 0.0)
        elif kind is CallKind.FIND:
            job.look_ups += result.missed
            job.decided_for = None
            job.ready_s = self._now_s + self._active.record.retry.first_wait_s

    def _wait_again(self, job: LiveJob, *, failed: bool) -> None:
        """Wait for a job that goes on; where something is wrong, ask at once what it is."""
        job.await_s = self._now_s + self._poll_interval_s(job)
        if not failed:
            job.ready_s = max(job.ready_s, job.await_s)  # that it goes on is known
        elif not job.failures:
            job.ready_s = self._now_s

    def _poll_interval_s(self, job: LiveJob) -> float:
        active, age_s = self._active, self._now_s - job.since_s
        local, typical_s = active.record.volatile, active.typical_s
        usual_s = poll_interval_s(age_s, local=local, typical_s=typical_s)
        return max(usual_s, ASK_AWAITED_AFTER_S) if active.capabilities.reports_ends else usual_s

    # -- what users ask for -----------------------------------------------------------------------

    def handle_requests(self) -> bool:
        """Act on what users ask for, and on extensions; say whether there were any."""
        stored, self._active.first_requests = self._active.first_requests, None
        if stored is None:
            stored = self._store.requests(self._active.record.key)
        if self._active.duplicates.request is None:
            self._adopt_duplicate_search(stored)
        requests = [request for request in stored if not request.kind.lasts]
        if requests:
            self._active.write_waiting()
        for request in requests:
            handle(self._active, request, self._store, self._tools.clock.now(), self._now_s)
        return bool(requests)

    # -- what is next -----------------------------------------------------------------------------

    def begin(self, free_calls: int, free_awaits: int) -> tuple[bool, list[CallToStart]]:
        """Decide, write events and intents in one transaction, and return the calls to start.

        Args:
            free_calls: Calls for which there are threads.
            free_awaits: Calls that only wait for which there are threads.

        Returns:
            Whether anything was written, and the calls.
        """
        self._active.refill(self._now_s)
        budget = self._active.budget(self._now_s, free_calls, free_awaits)
        due, idle = self._active.situations(self._now_s, budget)
        decisions = self._active.affordable(decide(due, self._now_s, budget, idle))
        if any(isinstance(d, Call) and d.kind is CallKind.SUBMIT for d in decisions):
            self._request_duplicate_search()
            self._request_usage_poll()
        steps = [s for d in decisions if (s := self._intent(d))]
        self._active.write(steps, self._now_s)
        asked = [d for d in decisions if isinstance(d, Call)]
        set_wide = [*self._duplicate_search(), *self._usage_poll(), *self._end_watch(free_awaits)]
        calls = [*self._calls_to_start(asked), *set_wide, *self._observation()]
        return bool(steps), calls

    def _request_duplicate_search(self) -> None:
        """Store the request to search for duplicates, before anything is submitted."""
        active = self._active
        if not active.capabilities.may_duplicate:
            return
        active.duplicates.note_submission(self._now_s)
        if active.duplicates.request is None:
            self._store.request(active.record.key, RequestKind.DUPLICATE_SEARCH)
            stored = self._store.requests(active.record.key)
            active.duplicates.request = request_of(stored, RequestKind.DUPLICATE_SEARCH)

    def _request_usage_poll(self) -> None:
        """Store the request to ask for usage, where the backend may report it late."""
        active = self._active
        if not active.capabilities.reports_usage_late:
            return
        request = active.usage_polling.request
        if request is None:
            self._store.request(active.record.key, RequestKind.USAGE_POLL)
            stored = self._store.requests(active.record.key)
            request = request_of(stored, RequestKind.USAGE_POLL)
        active.usage_polling.note_submission(request)

    def _duplicate_search(self) -> Iterator[CallToStart]:
        """Search for duplicates when it is time; settle the request when all were found."""
        active = self._active
        duplicates, request = active.duplicates, active.duplicates.request
        if request is None or active.backend is None:
            return
        if duplicates.watches and active.states:
            duplicates.note_submission(self._now_s)  # a former driver may submit at any time
        can = active.capabilities
        if not (can.may_duplicate or can.findable) or duplicates.is_over(active.states):
            self._store.finish_request(active.token, request)
            self._adopt_duplicate_search(self._store.requests(active.record.key))
        elif duplicates.due_s(active.states) <= self._now_s:
            duplicates.note_begin(self._now_s)
            where = (active.backend, self._store, active.record)
            function = search_for_duplicates(*where, frozenset(duplicates.known))
            yield CallToStart(self._new_call(CallKind.DUPLICATE_SEARCH, ()), function)

    def _adopt_duplicate_search(self, stored: Iterable[Request]) -> None:
        """Search again for another driver, whose submission came late and was not answered."""
        duplicates = self._active.duplicates
        duplicates.request = request_of(stored, RequestKind.DUPLICATE_SEARCH)
        if duplicates.request is not None:
            duplicates.note_submission(self._now_s)

    def _usage_poll(self) -> Iterator[CallToStart]:
        """Ask for usage when it is time; settle the request when that is over."""
        active = self._active
        polling, key = active.usage_polling, active.record.key
        if polling.request is None or active.backend is None:
            return
        states = active.states
        polling.look(states, self._now_s, lambda: bool(self._store.attempts_without_usage(key, 1)))
        if not active.capabilities.reports_usage_late or polling.is_over:
            if active.has_all and not states:
                self._store.finish_request(active.token, polling.request)
                polling.request = None
        elif polling.due_s <= self._now_s:
            polling.note_begin()
            function = poll_usage(active.backend, self._store, active.record)
            yield CallToStart(self._new_call(CallKind.USAGE_POLL, ()), function)

    def _end_watch(self, free_awaits: int) -> Iterator[CallToStart]:
        """Wait for the next end, where the backend reports ends and one is still to come."""
        active = self._active
        if active.backend is None or active.is_watched or free_awaits <= 0:
            return
        if active.capabilities.reports_ends and active.awaits_an_end:
            active.is_watched = True
            function = backend_calls.end_watch(active.backend)
            yield CallToStart(self._new_call(CallKind.END_WATCH, ()), function)

    def _observation(self) -> Iterator[CallToStart]:
        """Look at what the job set runs in and on, when it is time."""
        active, environment = self._active, self._tools.environment
        due_s = active.observations.due_s(has_ended=active.has_ended)
        if environment is not None and active.backend is not None and due_s <= self._now_s:
            active.observations.note_begin(self._now_s)
            where = (active.backend, self._store, active.token)
            function = looking(*where, self._tools.clock, environment)
            yield CallToStart(self._new_call(CallKind.OBSERVE, ()), function)

    def _intent(self, decision: Take | Call) -> Advance | None:
        job = self._active.live[decision.job_key].record
        at = self._tools.clock.now()
        if isinstance(decision, Take):
            return step(
                job,
                decision.event,
                at,
                cause=decision.cause,
                status=job.status,
                error=decision.cause,
                ends_attempt=decision.event not in _STILL_OPEN,
            )
        if decision.kind is not CallKind.SUBMIT:
            return None
        if job.state is JobState.IN_DOUBT:
            return step(job, Event.REPEATED, at, cause="the backend takes a tag only once")
        return step(job, Event.INTENDED, at, new_tag=self._tools.new_tag())

    def _calls_to_start(self, asked: Sequence[Call]) -> Iterator[CallToStart]:
        if self._active.backend is None:
            return
        for backend, keys in self._status_groups(asked):
            at_once = JOBS_PER_STATUS_CALL if backend.capabilities.bulk_status else 1
            for first in range(0, len(keys), at_once):
                yield self._status_check(backend, keys[first : first + at_once])
        for one in asked:
            if one.kind is not CallKind.STATUS:
                yield self._call_to_start(one)

    def _status_groups(self, asked: Sequence[Call]) -> list[tuple[Backend, list[int]]]:
        """Return the jobs whose status is asked for, by the backend that is asked."""
        groups: dict[int, tuple[Backend, list[int]]] = {}
        for one in asked:
            if one.kind is CallKind.STATUS:
                backend = self._active.backend_of(one.job_key)
                groups.setdefault(id(backend), (backend, []))[1].append(one.job_key)
        return list(groups.values())

    def _status_check(self, backend: Backend, keys: Sequence[int]) -> CallToStart:
        remote_ids = [self._active.live[key].record.remote_id or "" for key in keys]
        self._note_options(backend, remote_ids)
        call = self._new_call(CallKind.STATUS, tuple(keys))
        return CallToStart(call, backend_calls.status_check(backend, remote_ids))

    def _call_to_start(self, one: Call) -> CallToStart:
        live = self._active.live[one.job_key]
        backend = self._active.backend_of(one.job_key)
        job = live.record
        tag, remote_id = job.tag or "", job.remote_id or ""
        self._note_options(backend, [remote_id] if remote_id else [])
        function: Callable[[], Any]
        match one.kind:
            case CallKind.SUBMIT:
                function = self._submission(live)
            case CallKind.FIND:
                function = backend_calls.search(backend, tag)
            case CallKind.FETCH:
                function = backend_calls.fetching(backend, self._tools.spool, job, remote_id)
            case CallKind.AWAIT:
                function = backend_calls.awaiting(backend, remote_id)
                # The call reports the end; the place in the queue is worth a late enquiry.
                live.ready_s = max(live.ready_s, self._now_s + ASK_AWAITED_AFTER_S)
            case CallKind.UNDERSTAND:
                where = (self._store, self._active.record, job)
                function = backend_calls.understanding(
                    *where, reopened=live.backend is None, raw=live.raw
                )
            case _:
                function = backend_calls.cancellation(backend, remote_id)
        return CallToStart(self._new_call(one.kind, (job.key,), tag), function)

    def _note_options(self, backend: Backend, remote_ids: Sequence[str]) -> None:
        """Let a backend that retrieves jobs by their ids know what their results are read with."""
        if isinstance(backend, Reopens):
            backend.note_options(remote_ids, self._active.record.options)

    def _submission(self, live: LiveJob) -> Callable[[], Any]:
        """Return the call that submits a job to the newest backend, if the lease is safe then."""
        active, leases = self._active, self._tools.leases
        backend, token = active.backend, active.token
        assert backend is not None  # noqa: S101  # without one nothing is decided
        live.backend = backend
        active.rate_limits.note_submission(active.record.key, self._now_s)
        is_safe = lambda: leases.is_safe(token)  # noqa: E731
        return backend_calls.submission(backend, self._store, active.record, live.record, is_safe)

    def _new_call(
        self, kind: CallKind, keys: tuple[int, ...], tag: str | None = None
    ) -> BackendCall:
        active = self._active
        where = (active.rate_limits, active.backend)
        return BackendCall(active.record, kind, keys, tag, self._now_s, *where)


def _is_answer(ended: EndedCall) -> bool:
    """Say whether a backend gave an answer to a call."""
    return ended.call.kind is not CallKind.UNDERSTAND and ended.finished.error is None


def is_too_late(call: BackendCall, finished: Finished, active: ActiveJobSet | None) -> bool:
    """Say whether a backend accepted a job, or may have, and its driver cannot record that."""
    if call.kind is not CallKind.SUBMIT or not may_be_accepted(finished):
        return False
    job = None if active is None else active.live.get(call.job_keys[0])
    return job is None or not _concerns(call, job)


def _concerns(call: BackendCall, job: LiveJob) -> bool:
    """Say whether a call that ended, perhaps late, is still about the job's latest attempt."""
    is_collecting = job.record.state is JobState.COLLECTING
    if call.kind in _READS and is_collecting and job.record.has_result:
        return False  # another call has brought the result
    if call.kind is CallKind.STATUS and is_collecting:
        return False
    return call.tag is None or call.tag == (job.record.tag or "")
