"""What the sides of a job set have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.job_set.driving import Driving, fresh
from qiskit_job_manager.job_set.managed_job import ManagedJob
from qiskit_job_manager.results import ResultSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.model import JobRecord, JobSetRecord, JobState
    from qiskit_job_manager.ports import Store

_PAGE = 1000


class Part:
    """One side of a job set: its record, where it is, and what moves it.

    Args:
        record: The job set.
        store: Where it is.
        driving: What it needs in order to move.
    """

    def __init__(self, record: JobSetRecord, store: Store, driving: Driving) -> None:
        self._record = record
        self._store = store
        self._driving = driving

    def record(self) -> JobSetRecord:
        """Return everything that the store knows of the set as a whole now.

        Raises:
            JobManagerUnknownJobSet: It was deleted.
        """
        self._record = fresh(self._store, self._record)
        return self._record

    def result_source(self) -> ResultSource:
        """Return what reads single experiments out of the store; for `ManagedResults`."""
        return ResultSource(self._store, self.record())

    def _managed(self, job: JobRecord) -> ManagedJob:
        return ManagedJob(job, self.result_source(), self._driving)

    def _jobs(self, states: Iterable[JobState] | None = None) -> Iterator[JobRecord]:
        after = -1
        states = None if states is None else tuple(states)
        while page := self._store.jobs(self._record.key, states=states, after=after, limit=_PAGE):
            yield from page
            after = page[-1].index
