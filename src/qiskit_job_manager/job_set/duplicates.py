"""Jobs that a backend has more than once, because an answer to a submission was lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerInvalidStateError
from qiskit_job_manager.model import RemoteState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.model import AttemptRecord
    from qiskit_job_manager.ports import Backend

_STILL_THERE = frozenset({RemoteState.QUEUED, RemoteState.RUNNING})


def cancel_duplicates(backend: Backend, attempts: Iterable[AttemptRecord]) -> Iterator[str]:
    """Cancel every job that has the tag of an attempt and is not the attempt's; yield their ids.

    What has ended is left alone. Doing it again does no harm, and finds what came meanwhile.

    Raises:
        JobManagerInvalidStateError: The backend cannot look for jobs by their tag.
        BackendError: It could not be asked.
    """
    if not backend.capabilities.findable:
        msg = (
            f"the backend {backend.name!r} cannot look for jobs by our tags, so that nobody can "
            "tell which jobs are duplicates; see its own list of jobs"
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
        if status is None or status.state in _STILL_THERE:
            backend.cancel(remote_id)
            yield remote_id
