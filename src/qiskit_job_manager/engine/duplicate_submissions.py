"""Looks for twins: jobs that a client posted a second time by itself, and that cost money.

Some clients repeat a submission when the answer to it is an error, although the first may have
been accepted. Even a submission that went well may have left others beside it. So the listing is
looked through some time after the latest submission, and once more before a set counts as
finished; what is not the recorded job of its attempt is cancelled and told of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.model import JobState, Request, RequestKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qiskit_job_manager.model import AttemptRecord, JobSetRecord
    from qiskit_job_manager.ports import Backend, Store

_PAUSE_S = 60.0
_MOST_FAILURES = 5


def label_of(job_set_id: str) -> str:
    """Return the label that all jobs of a set are submitted with."""
    return f"qjm-set-{job_set_id}"


def labels_of(record: JobSetRecord) -> tuple[str, ...]:
    """Return what is put on each job of a set beside its tag."""
    return (label_of(record.job_set_id), *record.tags)


@dataclass(frozen=True, slots=True)
class Twin:
    """A job on the backend that is not the recorded one of its attempt.

    Attributes:
        job_index: The job of the set that it repeats.
        remote_id: Its own id.
        trouble: Why it could not be cancelled, or ``None``.
    """

    job_index: int
    remote_id: str
    trouble: str | None


class Sweeping:
    """When to look for the twins of one job set; owned by the engine's thread.

    Args:
        request: The stored word that this is still to be done, or ``None``.
        lag_s: Seconds after which an accepted job is sure to be listed.
        now_s: Time on the engine's clock; submissions of earlier drivers may be as late as this.
    """

    def __init__(self, request: Request | None, lag_s: float, now_s: float) -> None:
        self.request = request
        self.told: set[str] = set()
        self._lag_s = lag_s
        self._submitted_s = now_s
        self._asked_s = float("-inf")
        self._covered_s = float("-inf")
        self._failures = 0
        self._under_way = False

    def note_submission(self, now_s: float) -> None:
        """Take note that something may be found that was not there before."""
        self._submitted_s = now_s

    def note_begin(self, now_s: float) -> None:
        """Take note that the backend is being asked."""
        self._under_way = True
        self._asked_s = now_s

    def note_end(self, asked_s: float, *, well: bool) -> None:
        """Take note of whether there was an answer to what was asked at a time."""
        self._under_way = False
        self._failures = 0 if well else self._failures + 1
        if well:
            self._covered_s = asked_s

    def due_s(self, states: Sequence[JobState]) -> float:
        """Return when to look, on the engine's clock, if at all.

        Args:
            states: The states of the jobs that may still move.
        """
        if self.request is None or self._under_way or self.is_over(states):
            return float("inf")
        more_to_come = JobState.PLANNED in states
        pause_s = _PAUSE_S if more_to_come or self._failures else 0.0
        return max(self._submitted_s + self._lag_s, self._asked_s + pause_s)

    def is_over(self, states: Iterable[JobState]) -> bool:
        """Say whether nothing more can be found, or was not to be had although asked for often."""
        if self._under_way or any(state.may_arrive for state in states):
            return False
        covers_all = self._covered_s >= self._submitted_s + self._lag_s
        return covers_all or self._failures >= _MOST_FAILURES


def sweep(
    backend: Backend, store: Store, record: JobSetRecord, told: frozenset[str]
) -> Callable[[], list[Twin]]:
    """Return the call that finds twins, but for those that were told of, and cancels them."""

    def run() -> list[Twin]:
        found = backend.twins(label_of(record.job_set_id))
        known = store.attempts_tagged(record.key, found)
        return [
            Twin(index, remote_id, _cancelled(backend, remote_id))
            for index, attempt in known
            for remote_id in _others(attempt, found)
            if remote_id not in told
        ]

    return run


def _others(attempt: AttemptRecord, found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return which of the jobs with an attempt's tag are not to be.

    An attempt in doubt is left to be looked up by its tag. One that was refused has none.
    """
    if attempt.remote_id is None and attempt.ended_at is None:
        return []
    return [each for each in found[attempt.tag] if each != attempt.remote_id]


def _cancelled(backend: Backend, remote_id: str) -> str | None:
    try:
        backend.cancel(remote_id)
    except JobManagerError as error:
        return error.message
    except Exception as error:  # noqa: BLE001  # the others are to be cancelled all the same
        return f"{type(error).__name__}: {error}"
    return None


def sweep_request(store: Store, job_set_key: int) -> Request | None:
    """Return the stored word that twins are still to be looked for, or ``None``."""
    words = store.requests(job_set_key)
    return next((word for word in words if word.kind is RequestKind.SWEEP), None)
