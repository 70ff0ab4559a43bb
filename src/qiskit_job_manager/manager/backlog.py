"""How much each backend of a group has to do, as the store shows it, and how fast it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.job_set.status import read_activity
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.progress import progress_of
from qiskit_job_manager.planning.placing import Load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.model import JobSetRecord, Totals
    from qiskit_job_manager.ports import Backend, Clock, Store

_FIRST_JOBS = 4
_MOST_JOBS = 100
_ANY_NUMBER = 1 << 62
_DOWN_AFTER_S = 5.0
_DOWN_FOR_S = 60.0
_FAILURES_ALLOWED = 2
_LEAST_S = 1e-3

_WITH_BACKEND = (JobState.ACTIVE, JobState.COLLECTING)
_NOT_WITH_BACKEND = (JobState.PLANNED, JobState.SUBMITTING)
_BROKEN = (JobState.FAILED, JobState.LOST)


class Backlog:
    """What one member of a group has to do.

    Args:
        store: Where its job set is.
        engine: Drives it; ``None``: it is only stored.
        clock: Tells the time.
        backend: Its backend.
        limits_pending: How many jobs the backend may have at once, or ``None`` if not known.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine | None,
        clock: Clock,
        backend: Backend,
        limits_pending: int | None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        useful = backend.capabilities.pending_jobs
        self._most_jobs = limits_pending or _MOST_JOBS
        self._window = min(max(_FIRST_JOBS, 2 * (useful or 0)), self._most_jobs)
        self._totals: Totals | None = None
        self._looked_s = self._busy_s = self._down_until_s = 0.0
        self._n_done_before = self._n_jobs = self._n_given = 0
        self._idle_since_s: float | None = None
        self._waits_for_user = False

    def look(self, record: JobSetRecord, totals: Totals) -> None:
        """Take note of how far the job set is now."""
        now_s = self._clock.monotonic()
        n_jobs = _n_left(totals.jobs)
        if self._totals is None:
            self._n_done_before, self._n_given = self._done(totals), n_jobs
        else:
            # Time in which it had nothing to do says nothing about how fast it is.
            self._busy_s += now_s - self._looked_s if self._n_jobs or n_jobs else 0.0
            self._widen(record, totals, n_jobs)
        self._totals, self._n_jobs, self._looked_s = totals, n_jobs, now_s
        now = progress_of(record, totals)
        self._waits_for_user = now.ended and now.needs_user > 0
        self._note_whether_down(record, now_s)

    @property
    def is_down(self) -> bool:
        """Whether its jobs could not be sent for long, or calls to the backend have failed.

        It counts as down for a minute, or until the backend has a job again. Otherwise experiments
        would go back to it as soon as it has none.
        """
        return self._looked_s < self._down_until_s

    def _note_whether_down(self, record: JobSetRecord, now_s: float) -> None:
        if self._count(_WITH_BACKEND) or not self._count(_NOT_WITH_BACKEND):
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = now_s
        if self._count(_WITH_BACKEND):
            self._down_until_s = 0.0
        idle_s = 0.0 if self._idle_since_s is None else now_s - self._idle_since_s
        is_trying = self._count((JobState.SUBMITTING,)) > 0
        has_trouble = self._engine is not None and self._engine.trouble(record.key) is not None
        if has_trouble or (idle_s > _DOWN_AFTER_S and not is_trying):
            self._down_until_s = now_s + _DOWN_FOR_S

    @property
    def waits_for_user(self) -> bool:
        """Whether nothing more will happen unless the user decides about jobs in doubt."""
        return self._waits_for_user

    @property
    def only_fails(self) -> bool:
        """Whether more of its jobs failed than a backend in order would let fail."""
        return self._count(_BROKEN) > self._count((JobState.DONE,)) + _FAILURES_ALLOWED

    @property
    def n_unsent(self) -> int:
        """How many of its jobs wait to be sent."""
        return self._count((JobState.PLANNED,))

    @property
    def n_cancelled(self) -> int:
        """How many of its jobs were cancelled or withdrawn."""
        return self._count((JobState.CANCELLED,))

    def load(self, member: int, size: int, more: int = 0) -> Load:
        """Return what it has to do, for the choice of a backend.

        Args:
            member: Its index.
            size: How many experiments it would get next.
            more: How many it gets in any case, which the store does not have yet.
        """
        totals = self._known()
        n_left = _n_left(totals.experiments) + more
        busy_s = max(self._busy_s, _LEAST_S)
        n_done = self._done(totals) - self._n_done_before
        return Load(
            member=member,
            n_jobs=self._n_jobs + -(-more // size),
            most_jobs=_ANY_NUMBER if self._engine is None else self._window,
            n_left=n_left,
            size=size,
            rate=n_done / busy_s if n_done else None,
            most_rate=max(n_left, size) / busy_s,
        )

    def note_stored(self, n_jobs: int) -> None:
        """Take note that it got jobs since the last look."""
        self._n_jobs += n_jobs
        self._n_given = self._n_jobs

    def _widen(self, record: JobSetRecord, totals: Totals, n_jobs: int) -> None:
        """Allow more jobs at once if the backend ran out of them, or if none of them has to wait.

        A backend that ran more than half of what it had between two looks could have run more.
        """
        n_ended = self._n_given - n_jobs
        if n_ended <= 0:
            return
        self._n_given = n_jobs
        if 2 * n_jobs < self._window:
            self._window = min(2 * self._window, self._most_jobs)
            return
        activity = read_activity(self._store, record, progress_of(record, totals))
        if activity.running and activity.queued <= activity.running:
            self._window = min(self._window + n_ended, self._most_jobs)

    def _done(self, totals: Totals) -> int:
        return totals.experiments.get(JobState.DONE, 0)

    def _count(self, states: tuple[JobState, ...]) -> int:
        return sum(self._known().jobs.get(state, 0) for state in states)

    def _known(self) -> Totals:
        assert self._totals is not None  # noqa: S101  # `look` comes first
        return self._totals


def _n_left(counts: Mapping[JobState, int]) -> int:
    return sum(count for state, count in counts.items() if not state.is_final)
