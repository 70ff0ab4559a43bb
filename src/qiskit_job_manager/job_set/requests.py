"""Requests to the driver of a job set, and what users do themselves to its jobs and its store."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.engine.duplicate_submissions import label_of
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerError,
    JobManagerInvalidStateError,
)
from qiskit_job_manager.job_set import waiting
from qiskit_job_manager.job_set.status import read_jobs, read_progress, states_of
from qiskit_job_manager.job_set.waiting import Deadline, requests_handled
from qiskit_job_manager.lifecycle import CANCEL_SENT, Event
from qiskit_job_manager.model import JobState, RemoteState, RequestKind
from qiskit_job_manager.ports import DeletesJobs
from qiskit_job_manager.views.close_names import not_one_of
from qiskit_job_manager.views.phrases import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from qiskit_job_manager.job_set.driving import Driving
    from qiskit_job_manager.job_set.job_set import ManagedJobSet
    from qiskit_job_manager.model import AttemptRecord, JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Backend, Store


_USUAL = frozenset({JobState.FAILED, JobState.LOST})
_KINDS = {
    JobState.FAILED: RequestKind.RETRY_FAILED,
    JobState.LOST: RequestKind.RETRY_LOST,
    JobState.CANCELLED: RequestKind.RETRY_CANCELLED,
}
RETRIED = frozenset(_KINDS)
"""States of jobs that can be sent again."""

CANCEL_WITHIN_S = 5.0
"""How long a cancellation is waited for at most."""

_MAY_BE_ASKED = (JobState.PLANNED, JobState.SUBMITTING, JobState.ACTIVE)
_ALIVE = frozenset({RemoteState.QUEUED, RemoteState.RUNNING})


def checked_states(
    states: Iterable[JobState | str] | None, *, cancelled: bool
) -> frozenset[JobState]:
    """Return the states of the jobs to send again.

    Raises:
        InvalidArgumentError: A job in one of the states cannot be sent again.
    """
    named = [states] if isinstance(states, str) else list(_USUAL if states is None else states)
    known = sorted(RETRIED)
    for state in named:
        if state not in known:
            given = str(state) if isinstance(state, JobState) else state
            raise InvalidArgumentError(not_one_of("a state to retry", given, known))
    more = [JobState.CANCELLED] if cancelled else []
    return frozenset(JobState(state) for state in [*named, *more])


def request_kinds(states: frozenset[JobState]) -> list[RequestKind]:
    """Return the requests that send jobs in these states again."""
    if states >= _USUAL:
        return [RequestKind.RETRY, *(_KINDS[state] for state in states - _USUAL)]
    return [_KINDS[state] for state in sorted(states)]


def nothing_found(
    name: str, states: frozenset[JobState], jobs: Mapping[JobState, int], words: str
) -> str:
    """Return the message that no job is in these states, with the words for those that are."""
    text = f"{ways.RETRY} of {name!r} found no job that is {' or '.join(sorted(states))}: {words}"
    if jobs.get(JobState.CANCELLED) and JobState.CANCELLED not in states:
        text += f"; {ways.RETRY_CANCELLED} sends the cancelled ones again"
    if jobs.get(JobState.IN_DOUBT):
        text += f"; {ways.RESUBMIT} sends those in doubt again"
    return text


logger = logging.getLogger(__name__)


def request_each(driving: Driving, kind: RequestKind, jobs: Iterable[int] | None) -> None:
    """Leave one request for each job, or one for all jobs if ``jobs`` is ``None``."""
    for index in [None] if jobs is None else list(jobs):
        driving.ask(kind, index)


def cancel(driving: Driving, store: Store, key: int, job_index: int | None = None) -> None:
    """Request that a job, or each one, is cancelled; return when the backend was asked.

    This waits for `CANCEL_WITHIN_S` at most. By then what was not sent is cancelled. The request
    stays, whatever goes wrong meanwhile.

    Args:
        driving: Leaves the request, and waits.
        store: Where the job set is.
        key: The store's number of the job set.
        job_index: The job, or ``None`` for all that have not ended.
    """
    driving.ask(RequestKind.CANCEL, job_index)
    asked: set[int] = set()

    def is_over() -> bool:
        if not requests_handled(store, key):
            return False
        jobs = (job for job in read_jobs(store, key, _MAY_BE_ASKED) if job.key not in asked)
        about = (job for job in jobs if job_index in (None, job.index))
        return all(_was_asked(store, key, job, asked) for job in about)

    with contextlib.suppress(JobManagerError):  # `trouble` says what is wrong
        driving.wait(is_over, Deadline(CANCEL_WITHIN_S, driving.clock))


def _was_asked(store: Store, key: int, job: JobRecord, asked: set[int]) -> bool:
    """Say whether the backend was asked to cancel the latest attempt of a job; remember it."""
    was_asked = False
    for each in store.events(key, job.index):
        was_asked = each.event == CANCEL_SENT or (was_asked and each.event != Event.INTENDED)
    if was_asked:
        asked.add(job.key)
    return was_asked


def retry(
    driving: Driving,
    store: Store,
    record: JobSetRecord,
    states: Iterable[JobState | str] | None,
    *,
    cancelled: bool,
) -> None:
    """Request that the jobs in some states are sent again; see `ManagedJobSet.retry`.

    Args:
        driving: Leaves the requests.
        store: Where it is.
        record: The job set.
        states: The states.
        cancelled: Whether cancelled jobs are sent again, too.

    Raises:
        InvalidArgumentError: A job in one of the states cannot be sent again.
    """
    wanted = checked_states(states, cancelled=cancelled)
    progress = read_progress(store, record)
    if not any(progress.jobs.get(state) for state in wanted):
        fields = {"event": "nothing to retry", "job_set_id": record.job_set_id}
        words = counted(states_of(store, record, progress))
        text = nothing_found(record.name, wanted, progress.jobs, words)
        logger.warning(text, extra=fields)
    for kind in request_kinds(wanted):
        driving.ask(kind)


def has_work(progress: Progress, *, requested: bool) -> bool:
    """Return whether a driver has something to do for a job set.

    Args:
        progress: How far it is. Read it after the requests: then it shows what a driver did for
            those that it handled in between.
        requested: Whether there were requests.
    """
    moves = not progress.ended if progress.complete else progress.n_ended < progress.n_jobs
    return moves or requested


def delete(
    driving: Driving, store: Store, record: JobSetRecord, progress: Progress, *, remote: bool
) -> None:
    """Remove a job set from the store, and its jobs from the service on request.

    Raises:
        JobManagerInvalidStateError: It has not ended, another process drives it, or the backend
            deletes no jobs. Nothing was deleted then.
        BackendError: A job could not be deleted from the service; the store still has all.
    """
    if record.complete and not progress.ended:
        msg = f"job set {record.name!r} has not ended: cancel it and wait, then delete it"
        raise JobManagerInvalidStateError(msg)
    if remote and not record.volatile:  # the jobs of a simulator are nowhere else
        _delete_remote(driving.backend(), store, record)
    driving.delete(progress.jobs if record.complete else None)


def _delete_remote(backend: Backend, store: Store, record: JobSetRecord) -> None:
    if not isinstance(backend, DeletesJobs):
        msg = (
            f"the backend {backend.name!r} cannot delete jobs, so nothing was deleted: without "
            "remote, the job set is removed from the store alone"
        )
        raise JobManagerInvalidStateError(msg)
    attempts = (each for job in read_jobs(store, record.key) for each in store.attempts(job.key))
    remote_ids = dict.fromkeys(each.remote_id for each in attempts if each.remote_id)
    if backend.capabilities.findable:  # duplicates too
        remote_ids |= dict.fromkeys(backend.find(label_of(record.job_set_id)))
    for remote_id in remote_ids:
        backend.delete(remote_id)


def cancel_duplicates(backend: Backend, attempts: Iterable[AttemptRecord]) -> Iterator[str]:
    """Cancel each job on the backend that has an attempt's tag and another id; yield its id.

    A job that has ended is left alone. A second call does no harm: it finds what came meanwhile.

    Raises:
        JobManagerInvalidStateError: The backend cannot look for jobs by their tag.
        BackendError: It could not be asked.
    """
    if not backend.capabilities.findable:
        msg = (
            f"the backend {backend.name!r} cannot look for jobs by our tags, so nothing tells "
            "which jobs are duplicates; see its own list of jobs"
        )
        raise JobManagerInvalidStateError(msg)
    for attempt in attempts:
        if attempt.remote_id is not None:
            others = [each for each in backend.find(attempt.tag) if each != attempt.remote_id]
            yield from _cancelled(backend, others)


def _cancelled(backend: Backend, remote_ids: list[str]) -> Iterator[str]:
    statuses = backend.statuses(remote_ids) if remote_ids else {}
    for remote_id in remote_ids:
        status = statuses.get(remote_id)
        if status is None or status.state in _ALIVE:
            backend.cancel(remote_id)
            yield remote_id


def wait_for_requests(job_set: ManagedJobSet, timeout: float | None = None) -> bool:
    """Wait until the driver has handled all requests of users, and return whether it has."""
    driving, store, key = job_set._driving, job_set._store, job_set._record.key
    deadline = waiting.Deadline(timeout, driving.clock)
    return driving.wait(lambda: waiting.requests_handled(store, key), deadline)
