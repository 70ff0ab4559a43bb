"""Running out of time, in the type that users of Qiskit's jobs expect."""

from __future__ import annotations

from qiskit.providers import JobTimeoutError

from qiskit_job_manager.errors import JobManagerTimeoutError


class LateError(JobManagerTimeoutError, JobTimeoutError):  # type: ignore[misc]  # Qiskit is untyped
    """The deadline of a job set that stands where a Qiskit job is expected has passed."""
