"""Which jobs `ManagedJobSet.retry` sends again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import JobState, RequestKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_USUAL = frozenset({JobState.FAILED, JobState.LOST})
_KINDS = {
    JobState.FAILED: RequestKind.RETRY_FAILED,
    JobState.LOST: RequestKind.RETRY_LOST,
    JobState.CANCELLED: RequestKind.RETRY_CANCELLED,
}
RETRIED = frozenset(_KINDS)
"""States of jobs that can be sent again."""


def checked_states(
    states: Iterable[JobState | str] | None, *, cancelled: bool
) -> frozenset[JobState]:
    """Return the states of the jobs to send again.

    Raises:
        InvalidArgumentError: A job in one of the states cannot be sent again.
    """
    named = [states] if isinstance(states, str) else list(_USUAL if states is None else states)
    wrong = [state for state in named if state not in RETRIED]
    if wrong:
        msg = f"states has {str(wrong[0])!r}; retry() takes 'failed', 'lost' and 'cancelled'"
        raise InvalidArgumentError(msg)
    more = [JobState.CANCELLED] if cancelled else []
    return frozenset(JobState(state) for state in [*named, *more])


def request_kinds(states: frozenset[JobState]) -> list[RequestKind]:
    """Return the requests that send jobs in these states again."""
    if states >= _USUAL:
        return [RequestKind.RETRY, *(_KINDS[state] for state in states - _USUAL)]
    return [_KINDS[state] for state in sorted(states)]


def nothing_found(name: str, states: frozenset[JobState], jobs: Mapping[JobState, int]) -> str:
    """Return the message that no job is in these states, with those that there are."""
    counted = ", ".join(f"{count:,} {state}" for state, count in jobs.items() if count)
    text = f"retry() of {name!r} found no job that is {' or '.join(sorted(states))}: {counted}"
    if jobs.get(JobState.CANCELLED) and JobState.CANCELLED not in states:
        text += "; retry(cancelled=True) sends the cancelled ones again"
    if jobs.get(JobState.IN_DOUBT):
        text += "; resubmit() sends those in doubt again"
    return text
