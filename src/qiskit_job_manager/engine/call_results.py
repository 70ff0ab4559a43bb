"""What the result of a backend call means: the steps to write, and what to remember."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.engine.backend_calls import Divided, Fetched, Verdict
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    JobNotEndedError,
    JobOutOfReachError,
    RemoteJobFailedError,
    RemoteJobNotRunError,
    ResultGoneError,
    StoreError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.lifecycle import CallKind, Event, proves_absence
from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.engine.active_job_set import LiveJob
    from qiskit_job_manager.engine.call_pool import Finished
    from qiskit_job_manager.engine.rate_limits import RateLimits
    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.ports import Backend, Capabilities

_DEFINITE_NO = (CredentialsError, SubmissionDeferredError, SubmissionRefusedError)

GIVEN_UP = TimeoutError("no answer within the deadline; the call was given up")


@dataclass(frozen=True, slots=True)
class BackendCall:
    """A call that was started.

    Attributes:
        record: The job set that it is for.
        kind: What was asked.
        job_keys: The jobs that it is about.
        tag: Tag of the attempt that it is about, or ``None`` where it is not about one.
        asked_s: When it was started, on the engine's clock.
        rate_limits: The account that it belongs to.
        backend: What is asked, or ``None``.
    """

    record: JobSetRecord
    kind: CallKind
    job_keys: tuple[int, ...]
    tag: str | None
    asked_s: float
    rate_limits: RateLimits
    backend: Backend | None

    @property
    def job_set_key(self) -> int:
        """The store's number of the job set."""
        return self.record.key


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call means for one job.

    Attributes:
        event: What happened to the job, or ``None`` when only facts came in.
        facts: Fields of the `Advance` to write.
        status: What the backend says of the job now.
        failed: Whether the call failed in a way that may pass; it is repeated after a wait.
        error: Why it failed, in the words of the backend.
        pause_s: Seconds for which nothing new begins on the backend; ``None``: no pause.
        full: Whether the backend refused the job because too many are pending.
        missed: Whether a look-up proved once more that the backend does not have the job.
        warning: What the user should know at once, or ``None``.
    """

    event: Event | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: RemoteStatus | None = None
    failed: bool = False
    error: str = ""
    pause_s: float | None = None
    full: bool = False
    missed: bool = False
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class CallContext:
    """What else an outcome depends on.

    Attributes:
        can: What the backend can do.
        after_failed_run: Says what follows when a job ran and failed.
    """

    can: Capabilities
    after_failed_run: Callable[[JobRecord], Event]


def outcome_of(
    call: BackendCall, job: LiveJob, finished: Finished, context: CallContext
) -> Outcome:
    """Say what a call that ended, or was abandoned, means for one of its jobs."""
    value, error = finished.value, finished.error
    if call.kind is CallKind.AWAIT:
        return _awaited(job.record, value, error, context)
    if isinstance(error, CredentialsError) and not job.repeats:
        return _needs_login(call.kind, error)
    match call.kind:
        case CallKind.SUBMIT:
            return _submitted(job, value, error)
        case CallKind.FIND:
            return _found(call, job, value, error, context.can.listing_lag_s)
        case CallKind.STATUS:
            return _answered(job.record, value, error)
        case CallKind.FETCH:
            return _fetched(job.record, value, error, context)
        case CallKind.UNDERSTAND:
            return _understood(job.record, value, error, context)
        case _:
            return Outcome() if error is None else _again(error)


def may_be_accepted(submitted: Finished) -> bool:
    """Say whether a backend accepted a submission, or may have, as nothing says that it did not."""
    if submitted.error is None:
        return isinstance(submitted.value, str)
    return not isinstance(submitted.error, _DEFINITE_NO)


def _needs_login(kind: CallKind, error: CredentialsError) -> Outcome:
    event = Event.DEFERRED if kind is CallKind.SUBMIT else None
    facts = {"error": str(error), "cause": str(error), "ends_attempt": event is not None}
    return Outcome(event, facts, failed=True, error=str(error), pause_s=0.0)


def _still_in_doubt(error: BackendError) -> Outcome:
    """Say what a no to a repeated submission means: nothing about the one that it repeats."""
    words = str(error)
    pause_s = None if isinstance(error, SubmissionRefusedError) else _wait_of(error)
    return Outcome(Event.UNANSWERED, {"cause": words, "error": words}, failed=True, pause_s=pause_s)


def _wait_of(error: BackendError) -> float:
    return (error.retry_after_s or 0.0) if isinstance(error, SubmissionDeferredError) else 0.0


def _submitted(job: LiveJob, answer: Any, error: BaseException | None) -> Outcome:
    if job.repeats and isinstance(error, _DEFINITE_NO):
        return _still_in_doubt(error)
    if isinstance(answer, Divided):
        return _divided(job, answer)
    if error is None:
        event = Event.ACCEPTED if job.record.state is JobState.SUBMITTING else Event.FOUND
        return Outcome(event, {"remote_id": answer, "error": ""})
    if isinstance(error, SubmissionDeferredError):
        facts = {"cause": str(error), "error": str(error), "ends_attempt": True}
        full = error.too_many_pending
        return Outcome(Event.DEFERRED, facts, failed=True, pause_s=_wait_of(error), full=full)
    if isinstance(error, SubmissionRefusedError):
        facts = {"cause": str(error), "error": str(error), "ends_attempt": True}
        return Outcome(Event.REFUSED, facts)
    words = words_of(error)
    return Outcome(Event.UNANSWERED, {"cause": words, "error": words})


def _divided(job: LiveJob, divided: Divided) -> Outcome:
    if job.repeats:
        return _still_in_doubt(SubmissionRefusedError(divided.error))
    middle = divided.halves.middle
    cause = f"{divided.error}; what begins with experiment {middle} is another job now"
    facts = {"cause": cause, "error": cause, "ends_attempt": True, "halves": divided.halves}
    return Outcome(Event.HALVED, facts)


def _found(
    call: BackendCall,
    job: LiveJob,
    found: Sequence[str] | None,
    error: BaseException | None,
    listing_lag_s: float,
) -> Outcome:
    if error is not None or found is None:
        return _again(error)
    if not found:
        return Outcome(missed=proves_absence(call.asked_s, job.since_s, listing_lag_s))
    cause, warning = f"found by its tag as {found[0]}", None
    if len(found) > 1:
        warning = f"the backend has it {len(found)} times: also {', '.join(found[1:])}"
        cause += f"; {warning}"
        warning += f"; {ways.CANCEL_DUPLICATES} cancels the others"
    facts = {"remote_id": found[0], "cause": cause, "error": ""}
    return Outcome(Event.FOUND, facts, warning=warning)


def _answered(
    job: JobRecord, statuses: Mapping[str, RemoteStatus] | None, error: BaseException | None
) -> Outcome:
    status = (statuses or {}).get(job.remote_id or "")
    if error is not None or status is None:
        return _again(error)
    return Outcome(status=status)


def _fetched(
    job: JobRecord,
    fetched: Fetched | None,
    error: BaseException | None,
    context: CallContext,
) -> Outcome:
    if isinstance(fetched, Fetched):
        return Outcome(Event.STORED, {"result": fetched.result, "error": fetched.error or ""})
    if isinstance(error, RemoteJobNotRunError) and not job.cancel_requested:
        facts = {"cause": str(error), "error": str(error), "ends_attempt": True}
        return Outcome(Event.RETRIED, facts, failed=True)
    if isinstance(error, RemoteJobFailedError):
        return _failed_run(job, str(error), (), context)
    if isinstance(error, ResultGoneError):
        facts = {"cause": str(error), "error": str(error), "ends_attempt": True}
        return Outcome(Event.DIED if context.can.volatile else Event.GONE, facts)
    if isinstance(error, JobOutOfReachError):
        return Outcome(Event.OUT_OF_REACH, {"cause": str(error), "error": str(error)})
    return _again(error)


def _awaited(
    job: JobRecord, fetched: Fetched | None, error: BaseException | None, context: CallContext
) -> Outcome:
    """Use a result; whatever else came of waiting, an enquiry finds out what it means."""
    if isinstance(fetched, Fetched):
        ended = RemoteStatus(RemoteState.DONE)
        return replace(_fetched(job, fetched, error, context), status=ended)
    return Outcome(failed=not isinstance(error, JobNotEndedError))


def _understood(
    job: JobRecord, verdict: Verdict | None, error: BaseException | None, context: CallContext
) -> Outcome:
    if isinstance(error, StoreError):
        return _again(error)
    if verdict is None:
        words = f"the result is kept as it came, but could not be read: {words_of(error)}"
        return Outcome(Event.BROKE, {"cause": words, "error": words, "ends_attempt": True})
    if verdict.error is None:
        facts = {"error": "", "failed_offsets": (), "ends_attempt": True}
        facts |= {"cause": verdict.loss} if verdict.loss else {}
        return Outcome(Event.UNDERSTOOD, facts, warning=verdict.loss)
    return _failed_run(job, verdict.error, verdict.failed_offsets, context)


def _failed_run(
    job: JobRecord, words: str, failed_offsets: tuple[int, ...], context: CallContext
) -> Outcome:
    event = context.after_failed_run(job)
    facts = {
        "cause": words,
        "error": words,
        "failed_offsets": failed_offsets,
        "ends_attempt": True,
    }
    return Outcome(event, facts, failed=event is Event.RETRIED)


def _again(error: BaseException | None) -> Outcome:
    pause_s = error.retry_after_s if isinstance(error, TransientBackendError) else None
    words = "the backend did not say" if error is None else words_of(error)
    return Outcome(failed=True, error=words, pause_s=pause_s)


def words_of(error: BaseException | None) -> str:
    """Return what an error says, in one line that is safe to print; else its type."""
    text = clean(str(error)).strip()
    return text if text else type(error).__name__
