"""Acts on what users ask for: cancel, retry, resubmit, abandon, refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.engine.transitions import fact, step
from qiskit_job_manager.lifecycle import Event
from qiskit_job_manager.model import (
    Advance,
    JobRecord,
    JobState,
    RemoteState,
    RemoteStatus,
    Request,
    RequestKind,
)
from qiskit_job_manager.model.jobs import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from qiskit_job_manager.engine.active_job_set import ActiveJobSet
    from qiskit_job_manager.ports import Store

_PAGE = 500

_STATES: dict[RequestKind, list[JobState]] = {
    RequestKind.CANCEL: [state for state in JobState if not state.is_final],
    RequestKind.RETRY: [JobState.FAILED, JobState.LOST],
    RequestKind.RETRY_FAILED: [JobState.FAILED],
    RequestKind.RETRY_LOST: [JobState.LOST],
    RequestKind.RETRY_CANCELLED: [JobState.CANCELLED],
    RequestKind.RESUBMIT: [JobState.IN_DOUBT],
    RequestKind.ABANDON: [JobState.IN_DOUBT],
    RequestKind.REFRESH: [JobState.FAILED, JobState.LOST],
    RequestKind.WITHDRAW: [JobState.PLANNED],
}


def request_of(requests: Iterable[Request], kind: RequestKind) -> Request | None:
    """Return the oldest request of a kind, or ``None``."""
    return next((each for each in requests if each.kind is kind), None)


def handle(
    active: ActiveJobSet, request: Request, store: Store, at: datetime, now_s: float
) -> None:
    """Do what a request says, page by page; doing it twice does no harm."""
    if request.kind is RequestKind.EXTENDED:
        active.note_extension()
    for page in _pages(active, request, store):
        steps = []
        for job in page:
            if not _is_meant(request.kind, job):
                continue
            asked = _step(active, request.kind, job, at)
            if asked:
                active.adopt(job, now_s)
                steps.append(asked)
        active.write(steps, now_s)
    for live in active.live.values():
        live.ready_s = min(live.ready_s, now_s)
    # Experiments that are still being handed over are cancelled as well.
    if request.kind is not RequestKind.CANCEL or active.has_all:
        store.finish_request(active.token, request)


def _pages(active: ActiveJobSet, request: Request, store: Store) -> Iterator[list[JobRecord]]:
    key, states = active.record.key, _STATES.get(request.kind)
    if states is None:
        return
    if request.job_index is not None:
        found = store.jobs(key, states=states, after=request.job_index - 1, limit=1)
        yield [job for job in found if job.index == request.job_index]
        return
    after = -1
    while page := store.jobs(key, states=states, after=after, limit=_PAGE):
        yield _asked_for(page, request, store, key)
        after = page[-1].index


def _asked_for(page: list[JobRecord], request: Request, store: Store, key: int) -> list[JobRecord]:
    """Return the jobs of a page that the job set had when the request was made.

    A cancellation does not mean what was added after it. The requests are read after the jobs: a
    job that was added comes with its request, and this driver alone removes that.
    """
    if request.kind is not RequestKind.CANCEL:
        return page
    later = (each for each in store.requests(key) if each.key > request.key)
    extension = request_of(later, RequestKind.EXTENDED)
    if extension is None or extension.job_index is None:
        return page
    added = store.jobs(key, after=extension.job_index - 1, limit=1)
    return [job for job in page if not added or job.start < added[0].start]


def _is_meant(kind: RequestKind, job: JobRecord) -> bool:
    """Say whether a request that names all jobs in a state means this one, too."""
    if kind is RequestKind.WITHDRAW:
        return job.may_be_withdrawn
    return not (kind is RequestKind.RETRY_CANCELLED and job.is_withdrawn)


def _step(active: ActiveJobSet, kind: RequestKind, job: JobRecord, at: datetime) -> Advance | None:
    match kind:
        case RequestKind.CANCEL | RequestKind.WITHDRAW if job.state is JobState.PLANNED:
            withdraws = kind is RequestKind.WITHDRAW
            cause = WITHDRAWN if withdraws else "cancelled before it was sent"
            return step(job, Event.DROPPED, at, cause=cause, error=cause)
        case RequestKind.CANCEL:
            return fact(job, "cancel requested", at, cancel_requested=True)
        case (
            RequestKind.RETRY
            | RequestKind.RETRY_FAILED
            | RequestKind.RETRY_LOST
            | RequestKind.RETRY_CANCELLED
        ):
            cause = "the user asked for another attempt"
            return step(job, Event.REVIVED, at, cause=cause, cancel_requested=False)
        case RequestKind.RESUBMIT:
            return step(job, Event.RESUBMITTED, at, cause="the user said to send it again")
        case RequestKind.ABANDON:
            cause = "given up by the user while in doubt"
            return step(job, Event.ABANDONED, at, cause=cause, error=cause, ends_attempt=True)
        case RequestKind.REFRESH:
            return _reopened(active, job, at)
        case _:  # the others are not about jobs
            return None


def _reopened(active: ActiveJobSet, job: JobRecord, at: datetime) -> Advance | None:
    # A volatile backend forgets; asking it again would only send the job again.
    if active.record.volatile or job.has_result or job.remote_id is None:
        return None
    return step(
        job,
        Event.REOPENED,
        at,
        cause="the user asked for the backend to be asked again",
        status=RemoteStatus(RemoteState.QUEUED),
    )
