"""Acts on what users asked for: cancel, retry, resubmit, abandon, refresh."""

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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from qiskit_job_manager.engine.active_job_set import DrivenSet
    from qiskit_job_manager.ports import Store

_PAGE = 500

# What is no user's word is settled when it is done; see `sweeping` and `measuring`.
_STATES: dict[RequestKind, list[JobState]] = {
    RequestKind.CANCEL: [state for state in JobState if not state.is_final],
    RequestKind.RETRY: [JobState.FAILED, JobState.LOST],
    RequestKind.RESUBMIT: [JobState.IN_DOUBT],
    RequestKind.ABANDON: [JobState.IN_DOUBT],
    RequestKind.REFRESH: [JobState.FAILED, JobState.LOST],
}


def heed(driven: DrivenSet, request: Request, store: Store, at: datetime, now_s: float) -> None:
    """Do what a request says, in pages; doing it twice does no harm."""
    for page in _pages(driven, request, store):
        steps = []
        for job in page:
            answer = _answer(driven, request.kind, job, at)
            if answer:
                driven.adopt(job, now_s)
                steps.append(answer)
        driven.write(steps, now_s)
    for live in driven.live.values():
        live.ready_s = min(live.ready_s, now_s)
    # What is still being handed over is to be cancelled as well.
    if request.kind is not RequestKind.CANCEL or driven.has_all:
        store.finish_request(driven.token, request)


def _pages(driven: DrivenSet, request: Request, store: Store) -> Iterator[list[JobRecord]]:
    key, states = driven.record.key, _STATES[request.kind]
    if request.job_index is not None:
        found = store.jobs(key, states=states, after=request.job_index - 1, limit=1)
        yield [job for job in found if job.index == request.job_index]
        return
    after = -1
    while page := store.jobs(key, states=states, after=after, limit=_PAGE):
        yield page
        after = page[-1].index


def _answer(driven: DrivenSet, kind: RequestKind, job: JobRecord, at: datetime) -> Advance | None:
    match kind:
        case RequestKind.CANCEL if job.state is JobState.PLANNED:
            cause = "cancelled before it was sent"
            return step(job, Event.DROPPED, at, cause=cause, error=cause)
        case RequestKind.CANCEL:
            return fact(job, "cancel requested", at, cancel_requested=True)
        case RequestKind.RETRY:
            cause = "the user asked for another try"
            return step(job, Event.REVIVED, at, cause=cause, cancel_requested=False)
        case RequestKind.RESUBMIT:
            return step(job, Event.RESUBMITTED, at, cause="the user said to send it again")
        case RequestKind.ABANDON:
            cause = "given up by the user while in doubt"
            return step(job, Event.ABANDONED, at, cause=cause, error=cause, ends_attempt=True)
        case RequestKind.REFRESH:
            return _reopened(driven, job, at)
        case RequestKind.SWEEP | RequestKind.MEASURE:
            return None


def _reopened(driven: DrivenSet, job: JobRecord, at: datetime) -> Advance | None:
    # A volatile backend forgets; asking it again would only send the job again.
    if driven.record.volatile or job.has_result or job.remote_id is None:
        return None
    return step(
        job,
        Event.REOPENED,
        at,
        cause="the user asked for the backend to be asked again",
        status=RemoteStatus(RemoteState.QUEUED),
    )
