"""What to do next with the jobs of one set, and when; decided from what is known alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING

from qiskit_job_manager.lifecycle.table import Event
from qiskit_job_manager.model import JobState, RemoteState

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from qiskit_job_manager.model import RetryPolicy


_SHARE_OF_AGE = 0.1  # a job that has run for an hour is asked about every six minutes at most
_LOCAL_POLL_S = (0.02, 0.25)
_REMOTE_POLL_S = (0.5, 30.0)
_QUICK_POLL_S = 0.05


def growing_wait_s(failures: int, policy: RetryPolicy, chance: float) -> float:
    """Return the wait after so many failures in a row: capped exponential with full jitter.

    Full jitter: uniform between nothing and the ceiling, which spreads clients best when many
    were refused together (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog,
    2015). A tenth of the ceiling is kept as a floor, so that no wait is none.

    Args:
        failures: Failures in a row, at least 1.
        policy: Gives the first and the longest wait.
        chance: A number drawn uniformly from [0, 1).

    Returns:
        Seconds.
    """
    doublings = min(failures - 1, 32)
    ceiling = min(policy.first_wait_s * float(2**doublings), policy.longest_wait_s)
    return ceiling * (0.1 + 0.9 * chance)


def poll_interval_s(age_s: float, *, local: bool, typical_s: float | None = None) -> float:
    """Return how long to wait before asking again about a job that was accepted ``age_s`` ago.

    A tenth of its age, so that the answer comes at most a tenth late, within bounds. Where jobs
    are known to end sooner than the usual bound allows for, it is lowered to a tenth of that.

    Args:
        age_s: Seconds since the job was accepted.
        local: Whether asking costs next to nothing.
        typical_s: After how many seconds jobs like this one have ended, if that is known.
    """
    least, most = _LOCAL_POLL_S if local else _REMOTE_POLL_S
    if typical_s is not None:
        least = min(max(_SHARE_OF_AGE * typical_s, _QUICK_POLL_S), least)
    return min(max(_SHARE_OF_AGE * age_s, least), most)


LOOK_UPS_FOR_ABSENCE = 2
OUT_OF_REACH = "only the process that sent the job could ask the backend about it, and it has ended"


class CallKind(StrEnum):
    """What the engine has done outside its own thread, mostly by the backend.

    Those before `DUPLICATE_SEARCH` are about jobs, and chosen by `decide`.
    """

    SUBMIT = "submit"
    FIND = "find"
    STATUS = "status"
    FETCH = "fetch"
    AWAIT = "await"
    UNDERSTAND = "understand"
    CANCEL = "cancel"
    DUPLICATE_SEARCH = "sweep"
    USAGE_POLL = "measure"
    END_WATCH = "end watch"
    LATE_ACCEPTANCE = "late acceptance"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Call:
    """Do something about a job that may take long."""

    kind: CallKind
    job_key: int


@dataclass(frozen=True, slots=True)
class Take:
    """Let an event happen to a job, without asking anybody."""

    event: Event
    job_key: int
    cause: str


Decision = Call | Take


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One job as its driver sees it now; seconds are of the driver's own monotonic clock.

    Attributes:
        job_key: The job.
        state: Its state.
        busy: Whether a call about it is under way, other than one that waits for its result.
        ready_s: Nothing is asked about it before this time.
        remote: What the backend last said, or ``None``.
        has_result: Whether the raw result is stored.
        cancel_requested: Whether the user wants it cancelled.
        cancel_sent: Whether the backend was already asked to cancel it.
        doubted_s: When this driver began to doubt it.
        look_ups: Look-ups since then that found nothing although the listing's lag had passed.
        awaited: Whether a call that waits for its result is under way.
        await_s: No such call is begun before this time.
    """

    job_key: int
    state: JobState
    busy: bool = False
    ready_s: float = 0.0
    remote: RemoteState | None = None
    has_result: bool = False
    cancel_requested: bool = False
    cancel_sent: bool = False
    doubted_s: float = 0.0
    look_ups: int = 0
    awaited: bool = False
    await_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the backend can do, and how much may be begun now.

    Attributes:
        submissions: Submissions that the limits allow now.
        calls: Calls of any kind that there are free threads for.
        awaits: Calls beyond these that wait for results of jobs that have not ended.
        volatile: Jobs die with the process that submitted them.
        idempotent: Sending the same tag again gives the same job.
        findable: Jobs can be found by their tag.
        listing_lag_s: Seconds after which an accepted job is sure to be found.
        bulk_status: One call asks about the status of many jobs.
        cancels: The backend can be asked to cancel.
        feeds_workers: Jobs are computed by workers that wait for them; most calls may send some.
    """

    submissions: int
    calls: int
    awaits: int = 0
    volatile: bool = False
    idempotent: bool = False
    findable: bool = False
    listing_lag_s: float = 0.0
    bulk_status: bool = False
    cancels: bool = True
    feeds_workers: bool = False


def decide(
    jobs: Sequence[Situation], now_s: float, budget: Budget, idle: Iterable[Situation] = ()
) -> list[Decision]:
    """Choose what to do now, at most one thing a job, in the order of the jobs.

    Events cost nothing and are never limited. Calls are limited. Results that were paid for are
    fetched before anything new is sent, so that a full backend drains. But workers must not stand
    idle until all results are stored of jobs that ended together.

    Args:
        jobs: The jobs that there may be something to do about.
        now_s: The time on the driver's clock.
        budget: How much may be begun.
        idle: Other jobs, none of them due. They are looked at only when many can be asked about
            as cheaply as one.
    """
    taken = [d for job in jobs if (d := _take(job, budget))]
    awaits = list(islice(_awaits(jobs, now_s, budget), max(budget.awaits, 0)))
    waited_for = {call.job_key for call in awaits}
    due = (call for call in _calls(jobs, now_s, budget) if call.job_key not in waited_for)
    calls = sorted(due, key=_urgency)
    free = max(budget.calls, 0)
    bulk = _bulk(chain(jobs, idle), calls, budget, waited_for) if free else []
    submissions = [c for c in calls if c.kind is CallKind.SUBMIT][: max(budget.submissions, 0)]
    alone = (CallKind.SUBMIT, CallKind.STATUS) if bulk else (CallKind.SUBMIT,)
    others = [c for c in calls if c.kind not in alone]
    room = free - bool(bulk)
    kept_free = min(len(submissions), room - room // 4) if budget.feeds_workers else 0
    return [*taken, *awaits, *bulk, *(others[: room - kept_free] + submissions)[:room]]


def _awaits(jobs: Iterable[Situation], now_s: float, budget: Budget) -> Iterator[Call]:
    """Yield the calls that wait for results; the oldest jobs come first."""
    for job in jobs:
        waits = job.state is JobState.ACTIVE and not job.awaited and now_s >= job.await_s
        if waits and not _take(job, budget) and _call_about_active(job, budget) is CallKind.STATUS:
            yield Call(CallKind.AWAIT, job.job_key)


def _bulk(
    jobs: Iterable[Situation], calls: Sequence[Call], budget: Budget, but_for: Container[int]
) -> list[Call]:
    """Return the enquiries of one bulk call: where one is due, all are made at no more cost."""
    if not budget.bulk_status or not any(c.kind is CallKind.STATUS for c in calls):
        return []
    active = (j for j in jobs if j.state is JobState.ACTIVE and not j.busy and not _take(j, budget))
    asked = (j for j in active if _call_about_active(j, budget) is CallKind.STATUS)
    return [Call(CallKind.STATUS, j.job_key) for j in asked if j.job_key not in but_for]


def proves_absence(asked_s: float, doubted_s: float, listing_lag_s: float) -> bool:
    """Say whether a look-up that found nothing counts, for it was asked after the listing's lag."""
    return asked_s >= doubted_s + listing_lag_s


def after_failed_run(runs: int, policy: RetryPolicy, *, cancel_requested: bool) -> Event:
    """Say whether a job that ran and failed is sent again.

    Args:
        runs: Attempts that the backend has accepted so far; what it refused cost nothing.
        policy: How many there may be.
        cancel_requested: What the user wanted cancelled is never sent again.
    """
    again = runs < policy.max_attempts and not cancel_requested
    return Event.RETRIED if again else Event.BROKE


_HAS_ENDED = frozenset({RemoteState.DONE, RemoteState.ERROR})
_URGENCY = (  # of calls that compete for the free threads
    CallKind.UNDERSTAND,
    CallKind.FETCH,
    CallKind.CANCEL,
    CallKind.FIND,
    CallKind.STATUS,
    CallKind.SUBMIT,
)


def _urgency(call: Call) -> int:
    return _URGENCY.index(call.kind)


def _take(job: Situation, budget: Budget) -> Take | None:
    """Return the event that follows from what is known, if any."""
    if job.busy:
        return None
    match job.state:
        case JobState.PLANNED if job.cancel_requested:
            return Take(Event.DROPPED, job.job_key, "cancelled before it was sent")
        case JobState.SUBMITTING:
            return Take(Event.UNANSWERED, job.job_key, "no answer to the submission was recorded")
        case JobState.IN_DOUBT:
            return _resolve_doubt(job, budget)
        case JobState.ACTIVE:
            return _follow_backend(job, budget)
    return None


def _resolve_doubt(job: Situation, budget: Budget) -> Take | None:
    if budget.volatile and not budget.idempotent:
        return Take(Event.ABSENT, job.job_key, "its process ended, and the job with it")
    if budget.findable and job.look_ups >= LOOK_UPS_FOR_ABSENCE:
        return Take(Event.ABSENT, job.job_key, "the backend has no job with its tag")
    return None


def _follow_backend(job: Situation, budget: Budget) -> Take | None:
    match job.remote:
        case RemoteState.CANCELLED:
            by = "as asked" if job.cancel_requested else "by somebody else"
            return Take(Event.STOPPED, job.job_key, f"cancelled on the backend, {by}")
        case RemoteState.GONE if budget.volatile:
            return Take(Event.DIED, job.job_key, "its process ended, and the job with it")
        case RemoteState.GONE:
            return Take(Event.VANISHED, job.job_key, "the backend does not have the job any more")
        case RemoteState.OUT_OF_REACH:
            return Take(Event.OUT_OF_REACH, job.job_key, OUT_OF_REACH)
    return None


def _call_about_active(job: Situation, budget: Budget) -> CallKind | None:
    if job.remote in _HAS_ENDED:
        return None if job.awaited else CallKind.FETCH
    if job.cancel_requested and not job.cancel_sent and budget.cancels:
        return CallKind.CANCEL
    # The call that waits for its result notices its end; another enquiry is not worth a call.
    return None if job.awaited and not budget.bulk_status else CallKind.STATUS


def _calls(jobs: Sequence[Situation], now_s: float, budget: Budget) -> Iterator[Call]:
    for job in jobs:
        if job.busy or now_s < job.ready_s or _take(job, budget):
            continue
        kind = _call(job, budget)
        if kind:
            yield Call(kind, job.job_key)


def _call(job: Situation, budget: Budget) -> CallKind | None:
    """Return what to ask the backend about a job that no event moves."""
    match job.state:
        case JobState.PLANNED:
            return CallKind.SUBMIT
        case JobState.IN_DOUBT if budget.idempotent:
            return CallKind.SUBMIT
        case JobState.IN_DOUBT if budget.findable:
            return CallKind.FIND
        case JobState.ACTIVE:
            return _call_about_active(job, budget)
        case JobState.COLLECTING:
            return CallKind.UNDERSTAND if job.has_result else CallKind.FETCH
    return None
