"""How much each backend of a group has to do, as the store shows it, and how fast it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.job_set.status import read_activity
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.progress import progress_of
from qiskit_job_manager.planning.placing import Load

if TYPE_CHECKING:
    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.model import JobSetRecord, Totals
    from qiskit_job_manager.ports import Backend, Clock, Store

_FIRST_JOBS = 4
_MOST_JOBS = 100
_MOST_SILENT_JOBS = 16
_DOWN_AFTER_S = 5.0
_FAILURES_ALLOWED = 2
_LEAST_S = 1e-3

_WITH_BACKEND = (JobState.SUBMITTING, JobState.ACTIVE, JobState.COLLECTING)
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
        self._began_s: float | None = None
        self._n_done_before = 0
        self._n_jobs_done = 0
        self._idle_since_s: float | None = None

    def look(self, record: JobSetRecord, totals: Totals) -> None:
        """Take note of how far the job set is now."""
        now_s = self._clock.monotonic()
        n_done = totals.jobs.get(JobState.DONE, 0)
        if self._totals is None:
            self._n_done_before, self._n_jobs_done = self._done(totals), n_done
        self._totals = totals
        if n_done > self._n_jobs_done:
            self._widen(record, totals, n_done - self._n_jobs_done)
            self._n_jobs_done = n_done
        if self._began_s is None and any(totals.jobs.values()):
            self._began_s = now_s
        waits = self.n_unsent > 0 and not self._count(_WITH_BACKEND)
        if not waits:
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = now_s

    def is_down(self, record: JobSetRecord) -> bool:
        """Say whether its jobs are not sent, or the backend has not answered for long."""
        if self._engine is not None and self._engine.trouble(record.key) is not None:
            return True
        idle_s = self._idle_since_s
        return idle_s is not None and self._clock.monotonic() - idle_s > _DOWN_AFTER_S

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

    def load(self, member: int, size: int) -> Load:
        """Return what it has to do, for the choice of a backend.

        Args:
            member: Its index.
            size: How many experiments it would get next.
        """
        totals = self._known()
        n_left = sum(n for state, n in totals.experiments.items() if not state.is_final)
        n_jobs = sum(n for state, n in totals.jobs.items() if not state.is_final)
        most_jobs = _MOST_JOBS * 1_000_000 if self._engine is None else self._window
        elapsed_s = self._elapsed_s()
        n_done = self._done(totals) - self._n_done_before
        return Load(
            member=member,
            n_jobs=n_jobs,
            most_jobs=most_jobs,
            n_left=n_left,
            size=size,
            rate=n_done / elapsed_s if n_done else None,
            most_rate=max(n_left, size) / elapsed_s,
        )

    def _elapsed_s(self) -> float:
        """Return for how long it has had something to do."""
        now_s = self._clock.monotonic()
        return max(now_s - (now_s if self._began_s is None else self._began_s), _LEAST_S)

    def _widen(self, record: JobSetRecord, totals: Totals, n_ended: int) -> None:
        """Allow more jobs at once, unless they would only wait in the queue of the backend."""
        activity = read_activity(self._store, record, progress_of(record, totals))
        most = self._most_jobs if activity.running else min(self._most_jobs, _MOST_SILENT_JOBS)
        if not activity.running or activity.queued <= activity.running:
            self._window = max(self._window, min(self._window + n_ended, most))

    def _done(self, totals: Totals) -> int:
        return totals.experiments.get(JobState.DONE, 0)

    def _count(self, states: tuple[JobState, ...]) -> int:
        return sum(self._known().jobs.get(state, 0) for state in states)

    def _known(self) -> Totals:
        assert self._totals is not None  # noqa: S101  # `look` comes first
        return self._totals
