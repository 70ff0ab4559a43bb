"""The parts of a job set that have to be of Qiskit's own types.

This module imports Qiskit, so others import it where they need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qiskit.providers import JobStatus, JobTimeoutError, JobV1

from qiskit_job_manager.errors import JobManagerInvalidStateError, JobManagerTimeoutError

if TYPE_CHECKING:
    from qiskit.result import Result


class QiskitTimeoutError(JobManagerTimeoutError, JobTimeoutError):  # type: ignore[misc]  # Qiskit is untyped
    """The deadline passed, in the type that users of Qiskit's jobs catch."""


class _Job(Protocol):
    """A `ManagedJob`, as far as `StoredJob` needs it."""

    def job_id(self) -> str | None:
        """Return the id that the backend gave."""

    def result(self, timeout: float | None = None, partial: bool = ..., refresh: bool = ...) -> Any:
        """Return the result, waiting for it."""

    def status(self) -> JobStatus:
        """Return the status."""

    def cancel(self) -> None:
        """Request that the job is cancelled."""

    def error_message(self) -> str | None:
        """Return why the job failed."""


class StoredJob(JobV1):  # type: ignore[misc]  # Qiskit has no type information
    """A Qiskit job that answers from the store, without network and credentials.

    `ManagedJobSet.jobs` and `ManagedJob.job` return it.

    Args:
        managed_job: The job that it stands for.
    """

    def __init__(self, managed_job: _Job) -> None:
        super().__init__(backend=None, job_id=managed_job.job_id())
        self._managed_job = managed_job

    def __repr__(self) -> str:
        words = repr(self._managed_job).removeprefix("<ManagedJob ").removesuffix(">")
        return f"<StoredJob {self.job_id()!r}: job {words}>"

    def submit(self) -> None:
        """Refuse: the job manager submitted the job.

        Raises:
            JobManagerInvalidStateError: Always.
        """
        msg = "this job has been submitted; ManagedJobSet.retry() sends failed jobs again"
        raise JobManagerInvalidStateError(msg)

    def result(self, timeout: float | None = None, **options: Any) -> Result:
        """Return the job's result from the store, waiting for it; see `ManagedJob.result`."""
        return self._managed_job.result(timeout, **options)

    def status(self) -> JobStatus:
        """Return the job's status."""
        return self._managed_job.status()

    def cancel(self) -> None:
        """Cancel the job, here and on the backend; see `ManagedJobSet.cancel`."""
        self._managed_job.cancel()

    def error_message(self) -> str | None:
        """Return why the job failed, or ``None``."""
        return self._managed_job.error_message()
