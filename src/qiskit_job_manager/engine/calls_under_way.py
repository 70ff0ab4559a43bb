"""The backend calls of one engine: under way, abandoned, or ended and not yet written.

The answer to a submission may come after another driver has taken the job set over, or after the
job was submitted again. Such a job costs money, so it is recorded without the lease, logged, and
cancelled where no driver waits for it. If the answer is lost, too, the job is searched for.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.engine.backend_calls import DEADLINES_S
from qiskit_job_manager.engine.call_pool import Finished
from qiskit_job_manager.engine.call_results import GIVEN_UP, BackendCall, words_of
from qiskit_job_manager.engine.duplicate_submissions import cancelled
from qiskit_job_manager.engine.tick import EndedCall, is_too_late
from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.lifecycle import CallKind
from qiskit_job_manager.model import RequestKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from qiskit_job_manager.engine.active_job_set import ActiveJobSet
    from qiskit_job_manager.engine.call_pool import Calls
    from qiskit_job_manager.engine.call_results import BackendCall
    from qiskit_job_manager.ports import Clock, Store


logger = logging.getLogger(__name__)
_ONLY_WAIT = frozenset({CallKind.AWAIT, CallKind.END_WATCH, CallKind.OBSERVE})
_NOT_TO_BE_MISSED = frozenset({CallKind.SUBMIT, CallKind.LATE_ACCEPTANCE, CallKind.OBSERVE})


def late_acceptance(
    store: Store, clock: Clock, call: BackendCall, remote_id: str
) -> Callable[[], None]:
    """Return the call that deals with a job that was accepted late.

    Args:
        store: Where the attempts are.
        clock: Tells the time.
        call: The submission.
        remote_id: What it returned.
    """

    def deal() -> None:
        attempts = store.attempts_tagged(call.job_set_key, [call.tag or ""])
        if not attempts:
            ending = _cancelling(call, remote_id)
            _tell_of_deleted(call, f"accepted as {remote_id}", ending, is_certain=True)
        for job_index, attempt in attempts:
            if attempt.remote_id == remote_id:
                continue  # another driver has found it by its tag
            ending = _ending(store, call, job_index, remote_id)
            text = f"accepted as {remote_id}, too late to be recorded; {ending}"
            _tell(store, clock, call, job_index, text, is_certain=True)

    def run() -> None:
        try:
            deal()
        except StoreError as error:  # the log has all that is left of it
            raise StoreError(f"accepted as {remote_id}. {error}") from error

    return run


def late_without_answer(
    store: Store, clock: Clock, call: BackendCall, words: str
) -> Callable[[], None]:
    """Return the call that deals with a submission that came late and was not answered.

    A driver searches for it by its tag, where the backend can be searched.

    Args:
        store: Where the attempts are.
        clock: Tells the time.
        call: The submission.
        words: What came in place of an answer.
    """

    def run() -> None:
        can = None if call.backend is None else call.backend.capabilities
        is_searched = can is not None and (can.findable or can.may_duplicate)
        attempts = store.attempts_tagged(call.job_set_key, [call.tag or ""])
        if not attempts:
            sent = f"sent with the tag {call.tag} and not answered: {words}"
            _tell_of_deleted(call, sent, "look for it at the backend", is_certain=False)
        for job_index, attempt in attempts:
            if attempt.remote_id is not None or _may_count(store, call, job_index):
                continue  # its driver has found it, or still looks for it
            text = (
                f"sent with the tag {call.tag}, too late to be recorded, and not answered: "
                f"{words}; the backend may have accepted it"
            )
            text += ", and is searched for it" if is_searched else ": look for it there"
            _tell(store, clock, call, job_index, text, is_certain=False)
            if is_searched:
                store.request(call.job_set_key, RequestKind.DUPLICATE_SEARCH)

    return run


def _tell(
    store: Store, clock: Clock, call: BackendCall, job_index: int, text: str, *, is_certain: bool
) -> None:
    """Record and log what became of a late submission."""
    at = clock.now()
    store.record_late_acceptance(call.job_set_key, at, job_index, text, is_certain=is_certain)
    fields = _log_fields(call, is_certain=is_certain)
    logger.warning("job %d of %r was %s", job_index, call.record.name, text, extra=fields)


def _tell_of_deleted(call: BackendCall, what: str, ending: str, *, is_certain: bool) -> None:
    """Log a late submission whose job set was deleted meanwhile, so that nothing can record it."""
    words = "a job of %r was %s, after the job set was deleted; %s"
    fields = _log_fields(call, is_certain=is_certain)
    logger.warning(words, call.record.name, what, ending, extra=fields)


def _log_fields(call: BackendCall, *, is_certain: bool) -> dict[str, str]:
    event = "accepted late" if is_certain else "perhaps accepted late"
    return {"event": event, "job_set_id": call.record.job_set_id}


def _ending(store: Store, call: BackendCall, job_index: int, remote_id: str) -> str:
    """Cancel the job unless it may still count; say what was done."""
    if _may_count(store, call, job_index):
        return "its job is in doubt, so it was not cancelled"
    return _cancelling(call, remote_id)


def _cancelling(call: BackendCall, remote_id: str) -> str:
    """Cancel a job; say what became of it."""
    trouble = None if call.backend is None else cancelled(call.backend, remote_id)
    return f"it could not be cancelled: {trouble}" if trouble else "it was asked to be cancelled"


def _may_count(store: Store, call: BackendCall, job_index: int) -> bool:
    """Say whether the job still waits for what became of this submission."""
    jobs = store.jobs(call.job_set_key, after=job_index - 1, limit=1)
    return any(job.tag == call.tag and job.state.may_arrive for job in jobs)


class CallsUnderWay:
    """Keeps track of the calls of one engine; used by the engine's thread alone.

    Args:
        pool: Runs the calls.
        store: Where late acceptances are recorded.
        clock: Tells the time.
    """

    def __init__(self, pool: Calls, store: Store, clock: Clock) -> None:
        self._pool = pool
        self._store = store
        self._clock = clock
        self._calls: dict[int, BackendCall] = {}
        self._ended: list[Finished] = []
        self._abandoned: set[int] = set()
        self._checked: set[int] = set()

    def start(self, call: BackendCall, function: Callable[[], Any], now_s: float) -> int:
        """Start a call, and return its ticket."""
        awaits = call.kind in _ONLY_WAIT
        ticket = self._pool.start(function, now_s + DEADLINES_S[call.kind], awaits=awaits)
        self._calls[ticket] = call
        return ticket

    def collect(self, now_s: float) -> None:
        """Gather the calls that came back and those whose deadline has passed."""
        for done in self._pool.finished():
            if done.ticket in self._abandoned:
                self._abandoned.discard(done.ticket)
                self._count_abandoned(done.ticket, -1)
            self._ended.append(done)
        for ticket in self._pool.overdue(now_s):
            self._abandoned.add(ticket)
            self._count_abandoned(ticket, 1)
            self._ended.append(Finished(ticket, None, GIVEN_UP))

    def _count_abandoned(self, ticket: int, more: int) -> None:
        # Observations that hang must not hold up the jobs; there is only one for each job set.
        if self._calls[ticket].kind is not CallKind.OBSERVE:
            self._calls[ticket].rate_limits.abandoned += more

    def of_job_set(self, job_set_key: int) -> Iterator[tuple[int, BackendCall]]:
        """Yield the calls for a job set that were not abandoned, each after its ticket."""
        for ticket, call in self._calls.items():
            if call.job_set_key == job_set_key and ticket not in self._abandoned:
                yield ticket, call

    def one_a_job(self, job_set_key: int) -> list[EndedCall]:
        """Return what came back for a job set, of several calls about one job only the first."""
        found: list[EndedCall] = []
        jobs: set[int] = set()
        for done in self._ended:
            call = self._calls[done.ticket]
            if call.job_set_key == job_set_key and jobs.isdisjoint(call.job_keys):
                jobs.update(call.job_keys)
                found.append(EndedCall(call, done))
        return found

    def forget(self, done: Finished) -> None:
        """Forget a call that has ended: what it means is in the store, or does not matter."""
        self._ended.remove(done)
        self._checked.discard(done.ticket)
        if done.error is not GIVEN_UP:  # otherwise it may still come back
            del self._calls[done.ticket]

    def check_late_acceptances(self, active: Mapping[int, ActiveJobSet], now_s: float) -> None:
        """Deal with jobs that a backend accepted, or may have, too late to be recorded."""
        for done in list(self._ended):
            call = self._calls[done.ticket]
            is_late = is_too_late(call, done, active.get(call.job_set_key))
            if is_late and done.ticket not in self._checked:
                self._checked.add(done.ticket)
                where = (self._store, self._clock, call)
                if done.error is None:
                    function = late_acceptance(*where, done.value)
                else:
                    function = late_without_answer(*where, words_of(done.error))
                check = replace(call, kind=CallKind.LATE_ACCEPTANCE, job_keys=())
                self.start(check, function, now_s)

    def drop_all_but(self, job_set_keys: Collection[int]) -> None:
        """Forget what came back for job sets other than these."""
        for done in list(self._ended):
            call = self._calls[done.ticket]
            is_check = call.kind is CallKind.LATE_ACCEPTANCE
            if is_check and done.error is not None:
                words = (
                    "a job of %r was submitted too late, with the tag %s, and that cannot be "
                    "recorded: %s"
                )
                fields = _log_fields(call, is_certain=True)
                logger.error(words, call.record.name, call.tag, done.error, extra=fields)
            if is_check or call.job_set_key not in job_set_keys:
                self.forget(done)

    def must_finish(self) -> bool:
        """Say whether calls are under way whose results should not be missed."""
        waiting = self._calls.keys() - self._abandoned
        return any(self._calls[ticket].kind in _NOT_TO_BE_MISSED for ticket in waiting)
