"""The names of `qiskit.providers.ibmq.managed`, retired in 2023, for scripts written against it.

Change the import, drop the provider, and give the backend's own object or name:

    from qiskit_job_manager.ibmq import IBMQJobManager

Each name is the very class that it stands for.
"""

from qiskit_job_manager.errors import (
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerJobNotFound,
    JobManagerTimeoutError,
    JobManagerUnknownJobSet,
    ManagedResultDataNotAvailable,
)
from qiskit_job_manager.job_set import ManagedJob, ManagedJobSet
from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.results import ManagedResults

IBMQJobManager = JobManager
IBMQJobManagerError = JobManagerError
IBMQJobManagerInvalidStateError = JobManagerInvalidStateError
IBMQJobManagerJobNotFound = JobManagerJobNotFound
IBMQJobManagerTimeoutError = JobManagerTimeoutError
IBMQJobManagerUnknownJobSet = JobManagerUnknownJobSet
IBMQManagedResultDataNotAvailable = ManagedResultDataNotAvailable

__all__ = [
    "IBMQJobManager",
    "IBMQJobManagerError",
    "IBMQJobManagerInvalidStateError",
    "IBMQJobManagerJobNotFound",
    "IBMQJobManagerTimeoutError",
    "IBMQJobManagerUnknownJobSet",
    "IBMQManagedResultDataNotAvailable",
    "ManagedJob",
    "ManagedJobSet",
    "ManagedResults",
]
