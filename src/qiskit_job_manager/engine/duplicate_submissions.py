"""Searches for duplicates: jobs that a client submitted a second time by itself.

Some clients repeat a submission when they get an error, although the backend may have accepted the
first. Even a successful submission may have left duplicates, and each costs money. So the engine
searches the backend's listing some time after the latest submission, and once more before a set
counts as finished. It cancels and records each job that is not the recorded one of its attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qiskit_job_manager.model import AttemptRecord, JobSetRecord, Request
    from qiskit_job_manager.ports import Backend, Store

_PAUSE_S = 60.0
_PAGE = 1000
_MOST_FAILURES = 5


def label_of(job_set_id: str) -> str:
    """Return the label of all jobs of a set."""
    return f"qjm-set-{job_set_id}"


def labels_of(record: JobSetRecord) -> tuple[str, ...]:
    """Return the labels of each job of a set, beside its tag."""
    return (label_of(record.job_set_id), *record.tags)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A job on the backend that is not the recorded one of its attempt.

    Attributes:
        job_index: The job of the set that it repeats.
        remote_id: Its own id.
        trouble: Why it could not be cancelled, or ``None``.
    """

    job_index: int
    remote_id: str
    trouble: str | None


class DuplicateSearch:
    """When to search for the duplicates of one job set; owned by the engine's thread.

    Args:
        request: The stored request for it, or ``None``.
        lag_s: Seconds after which an accepted job is sure to be listed.
        now_s: Time on the engine's clock; submissions of earlier drivers may be as late as this.

    Attributes:
        request: The stored request for it, or ``None``.
        known: Ids of the duplicates that are recorded already.
        watches: Whether it goes on until the set has ended, as a former driver may still submit.
    """

    def __init__(self, request: Request | None, lag_s: float, now_s: float) -> None:
        self.request = request
        self.known: set[str] = set()
        self.watches = False
        self._begun_s = now_s
        self._lag_s = lag_s
        self._submitted_s = now_s
        self._asked_s = float("-inf")
        self._covered_s = float("-inf")
        self._failures = 0
        self._under_way = False

    def use_lag(self, lag_s: float) -> None:
        """Take another backend's lag of the listing."""
        self._lag_s = lag_s

    def note_submission(self, now_s: float) -> None:
        """Take note that a search may find something new."""
        self._submitted_s = now_s

    def note_begin(self, now_s: float) -> None:
        """Take note that the backend is being asked."""
        self._under_way = True
        self._asked_s = now_s

    def note_end(self, asked_s: float, *, well: bool) -> None:
        """Take note of whether the search that began at a time had an answer."""
        self._under_way = False
        self._failures = 0 if well else self._failures + 1
        if well:
            self._covered_s = asked_s

    def due_s(self, states: Sequence[JobState]) -> float:
        """Return when to search next, on the engine's clock; infinity means never.

        Args:
            states: The states of the jobs that may still move.
        """
        if self.request is None or self._under_way or self.is_over(states):
            return float("inf")
        if self.watches and states:
            return max(self._begun_s + self._lag_s, self._asked_s + _PAUSE_S)
        more_to_come = JobState.PLANNED in states
        pause_s = _PAUSE_S if more_to_come or self._failures else 0.0
        return max(self._submitted_s + self._lag_s, self._asked_s + pause_s)

    def is_over(self, states: Iterable[JobState]) -> bool:
        """Say whether nothing more can be found, or the search failed too often."""
        states = list(states)
        may_arrive = any(state.may_arrive for state in states)
        if self._under_way or may_arrive or (self.watches and states):
            return False
        covers_all = self._covered_s >= self._submitted_s + self._lag_s
        return covers_all or self._failures >= _MOST_FAILURES


def search_for_duplicates(
    backend: Backend, store: Store, record: JobSetRecord, known: frozenset[str]
) -> Callable[[], list[Duplicate]]:
    """Return the call that finds and cancels duplicates, except those that are known."""

    def run() -> list[Duplicate]:
        if backend.capabilities.may_duplicate:
            found = backend.find_duplicates(label_of(record.job_set_id))
        else:
            found = {tag: backend.find(tag) for tag in _tags_without_job(store, record.key)}
        attempts = store.attempts_tagged(record.key, found)
        return [
            Duplicate(index, remote_id, cancelled(backend, remote_id))
            for index, attempt in attempts
            for remote_id in _others(attempt, found)
            if remote_id not in known
        ]

    return run


def _tags_without_job(store: Store, job_set_key: int) -> Iterator[str]:
    """Yield the tags of the attempts of which no job is known."""
    after = -1
    while page := store.jobs(job_set_key, after=after, limit=_PAGE):
        for job in page:
            if job.attempts > 1 or (job.attempts and job.remote_id is None):
                attempts = store.attempts(job.key)
                yield from (each.tag for each in attempts if each.remote_id is None)
        after = page[-1].index


def _others(attempt: AttemptRecord, found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the jobs with an attempt's tag that are duplicates.

    An attempt in doubt has none: the engine looks it up by its tag. One that was refused should
    have no job at all.
    """
    if attempt.remote_id is None and attempt.ended_at is None:
        return []
    return [each for each in found[attempt.tag] if each != attempt.remote_id]


def cancelled(backend: Backend, remote_id: str) -> str | None:
    """Ask a backend to cancel a job; return why that failed, or ``None``."""
    try:
        backend.cancel(remote_id)
    except JobManagerError as error:
        return error.message
    except Exception as error:  # noqa: BLE001  # the others are cancelled all the same
        return clean(f"{type(error).__name__}: {error}")
    return None
