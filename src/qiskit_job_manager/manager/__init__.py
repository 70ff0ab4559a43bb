"""`JobManager`: validates, plans, stores, and starts the engine."""

from qiskit_job_manager.manager.job_manager import JobManager

__all__ = ["JobManager"]
