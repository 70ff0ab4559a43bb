"""Job sets and their jobs: thin readers of the store, and requests to the engine.

The classes bring the engine with them. They are imported when they are first used, as commands that
only read need no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit_job_manager.job_set.job_set import ManagedJobSet as ManagedJobSet
    from qiskit_job_manager.job_set.managed_job import ManagedJob as ManagedJob
    from qiskit_job_manager.job_set.requests import wait_for_requests as wait_for_requests
    from qiskit_job_manager.model.progress import Progress as Progress

_HOMES = {
    "ManagedJob": "job_set.managed_job",
    "ManagedJobSet": "job_set.job_set",
    "Progress": "model.progress",
    "wait_for_requests": "job_set.requests",
}

__all__ = ["ManagedJob", "ManagedJobSet", "Progress", "wait_for_requests"]


def __getattr__(name: str) -> Any:
    """Import a class or function when it is first used."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"qiskit_job_manager.{_HOMES[name]}"), name)
