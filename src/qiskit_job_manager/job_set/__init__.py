"""Job sets and their jobs: thin readers of the store, and requests to the engine."""

from qiskit_job_manager.job_set.job_set import ManagedJobSet
from qiskit_job_manager.job_set.managed_job import ManagedJob
from qiskit_job_manager.job_set.requests import wait_for_requests
from qiskit_job_manager.model.progress import Progress

__all__ = ["ManagedJob", "ManagedJobSet", "Progress", "wait_for_requests"]
