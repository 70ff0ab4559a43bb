"""The names of `qiskit.providers.ibmq.managed`, retired in 2023, for scripts written against it.

Change the import, drop the provider, and give the backend's own object or name:

    from qiskit_job_manager.ibmq import IBMQJobManager

Each name is the very class that it stands for. `IBMQJobManager` alone is derived from its class: it
takes a provider where the original did, and ignores it.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from qiskit_job_manager.model.inputs import RunsCircuits
    from qiskit_job_manager.ports import Backend


class IBMQJobManager(JobManager):
    """`JobManager`, with the calls of the original that name a provider."""

    def job_sets(self, name: str | None = None, *, provider: Any = None) -> list[ManagedJobSet]:
        """Return the job sets of the store; see `JobManager.job_sets`.

        Args:
            name: Only the one with this name.
            provider: Without effect; accepted so that old scripts run.
        """
        if provider is not None:
            _warn()
        return super().job_sets(name)

    def retrieve_job_set(
        self,
        job_set_id: str,
        backend: str | RunsCircuits | Backend | None = None,
        refresh: bool = False,
        *,
        provider: Any = None,
    ) -> ManagedJobSet:
        """Return a job set of the store; see `JobManager.retrieve_job_set`.

        Args:
            job_set_id: As there.
            backend: As there; or a provider, as in old scripts, which is ignored.
            refresh: As there.
            provider: Without effect; accepted so that old scripts run.
        """
        if _is_provider(backend):
            provider, backend = backend, None
        if provider is not None:
            _warn()
        return super().retrieve_job_set(job_set_id, backend, refresh)


def _is_provider(candidate: object) -> bool:
    has_backends = hasattr(candidate, "get_backend") or hasattr(candidate, "backends")
    return has_backends and not hasattr(candidate, "run")


def _warn() -> None:
    warnings.warn(
        "provider has no effect: job sets are found in the store, without any account. Leave it "
        "out; a backend is given as retrieve_job_set(..., backend=...)",
        UserWarning,
        stacklevel=3,
    )


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
