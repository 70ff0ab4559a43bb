"""A job of the set in the shape of Qiskit's, answering from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.providers import JobStatus, JobV1

from qiskit_job_manager.errors import JobManagerInvalidStateError

if TYPE_CHECKING:
    from qiskit.result import Result

    from qiskit_job_manager.job_set.managed_job import ManagedJob


class StoredJob(JobV1):  # type: ignore[misc]  # Qiskit has no type information
    """What `ManagedJobSet.jobs` gives: a Qiskit job that needs neither network nor credentials.

    Args:
        managed_job: The job that it stands for.
    """

    def __init__(self, managed_job: ManagedJob) -> None:
        super().__init__(backend=None, job_id=managed_job.job_id())
        self._managed_job = managed_job

    def submit(self) -> None:
        """Refuse: the job was submitted by the job manager."""
        msg = "this job has been submitted; ManagedJobSet.retry() sends failed jobs again"
        raise JobManagerInvalidStateError(msg)

    def result(self, timeout: float | None = None, **options: Any) -> Result:
        """Return the job's result from the store, waiting for it; see `ManagedJob.result`."""
        return self._managed_job.result(timeout=timeout, **options)

    def status(self) -> JobStatus:
        """Return the job's status."""
        return self._managed_job.status()

    def cancel(self) -> None:
        """Ask for the job to be cancelled."""
        self._managed_job.cancel()

    def error_message(self) -> str | None:
        """Return why the job failed, or ``None``."""
        return self._managed_job.error_message()
