"""The protocol of what the faces look for in a store; `ports` has it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from qiskit_job_manager.model import (
        AttemptRecord,
        ExperimentRecord,
        JobRecord,
        JobSetRecord,
        JobState,
    )
    from qiskit_job_manager.model.search import (
        ErrorCount,
        JobFilter,
        JobSetFilter,
        JobSetOrder,
        RecentTotals,
    )


class StoreSearch(Protocol):
    """What the faces look for in a store, a page at a time; see `model.search`.

    Each method is one transaction that only reads, and may raise `StoreError`.
    """

    def find_job_sets(
        self, wanted: JobSetFilter, order: JobSetOrder, *, offset: int = 0, limit: int
    ) -> list[JobSetRecord]:
        """Return one page of the job sets that meet the conditions."""

    def count_job_sets(self, wanted: JobSetFilter) -> int:
        """Count the job sets that meet the conditions."""

    def jobs_by_backend(self) -> Mapping[tuple[str, JobState], int]:
        """Count all jobs of the store by the name of their backend and their state."""

    def find_jobs(
        self, job_set_key: int, wanted: JobFilter, *, offset: int = 0, limit: int
    ) -> list[JobRecord]:
        """Return one page of the jobs that meet the conditions, in order."""

    def count_jobs(self, job_set_key: int, wanted: JobFilter) -> int:
        """Count the jobs that meet the conditions."""

    def count_errors(
        self, job_set_key: int, states: Iterable[JobState], *, limit: int
    ) -> list[ErrorCount]:
        """Count the jobs in some states by their error, the most frequent error first."""

    def experiments_named(
        self, job_set_key: int, start: str, *, offset: int = 0, limit: int
    ) -> list[ExperimentRecord]:
        """Return one page of the experiments whose name begins so, in the order of their names."""

    def recent(self, failed_since: datetime, used_since: datetime) -> RecentTotals:
        """Return what happened lately to the newest jobs, at least to 100,000 of them."""

    def recent_attempts(self, backend_name: str, *, limit: int) -> list[AttemptRecord]:
        """Return the attempts of the newest jobs on a backend, those of the newest job first."""

    def mark(self, job_set_key: int | None = None) -> int:
        """Return a number that grows with each event: of one job set, or of all."""
