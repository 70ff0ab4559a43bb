"""Runs quantum circuits in bulk: splits them into jobs, survives crashes, keeps every result.

Example:
    >>> from qiskit_job_manager import JobManager
    >>> job_set = JobManager().run(circuits, backend, name="rb-sweep")    # doctest: +SKIP
    >>> job_set.results().get_counts("rb_17")                             # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit_job_manager.backends import BaseBackend as BaseBackend
    from qiskit_job_manager.backends import open_backend as open_backend
    from qiskit_job_manager.dropins import ManagedBackend as ManagedBackend
    from qiskit_job_manager.dropins import ManagedEstimator as ManagedEstimator
    from qiskit_job_manager.dropins import ManagedPrimitiveJob as ManagedPrimitiveJob
    from qiskit_job_manager.dropins import ManagedSampler as ManagedSampler
    from qiskit_job_manager.errors import ArchiveError as ArchiveError
    from qiskit_job_manager.errors import BackendError as BackendError
    from qiskit_job_manager.errors import CircuitFileError as CircuitFileError
    from qiskit_job_manager.errors import CodecError as CodecError
    from qiskit_job_manager.errors import CredentialsError as CredentialsError
    from qiskit_job_manager.errors import InvalidArgumentError as InvalidArgumentError
    from qiskit_job_manager.errors import InvalidExperimentError as InvalidExperimentError
    from qiskit_job_manager.errors import JobManagerError as JobManagerError
    from qiskit_job_manager.errors import JobManagerInvalidStateError as JobManagerInvalidStateError
    from qiskit_job_manager.errors import JobManagerJobNotFound as JobManagerJobNotFound
    from qiskit_job_manager.errors import JobManagerTimeoutError as JobManagerTimeoutError
    from qiskit_job_manager.errors import JobManagerUnknownJobSet as JobManagerUnknownJobSet
    from qiskit_job_manager.errors import JobNotEndedError as JobNotEndedError
    from qiskit_job_manager.errors import JobOutOfReachError as JobOutOfReachError
    from qiskit_job_manager.errors import LeaseLostError as LeaseLostError
    from qiskit_job_manager.errors import (
        ManagedResultDataNotAvailable as ManagedResultDataNotAvailable,
    )
    from qiskit_job_manager.errors import MergeError as MergeError
    from qiskit_job_manager.errors import NameInUseError as NameInUseError
    from qiskit_job_manager.errors import PlanError as PlanError
    from qiskit_job_manager.errors import RemoteJobFailedError as RemoteJobFailedError
    from qiskit_job_manager.errors import RemoteJobNotRunError as RemoteJobNotRunError
    from qiskit_job_manager.errors import ResultGoneError as ResultGoneError
    from qiskit_job_manager.errors import StoreBusyError as StoreBusyError
    from qiskit_job_manager.errors import StoreCopiedError as StoreCopiedError
    from qiskit_job_manager.errors import StoreCorruptError as StoreCorruptError
    from qiskit_job_manager.errors import StoreError as StoreError
    from qiskit_job_manager.errors import StoreFullError as StoreFullError
    from qiskit_job_manager.errors import StoreGoneError as StoreGoneError
    from qiskit_job_manager.errors import StoreNotWritableError as StoreNotWritableError
    from qiskit_job_manager.errors import StoreOutdatedError as StoreOutdatedError
    from qiskit_job_manager.errors import StoreTooNewError as StoreTooNewError
    from qiskit_job_manager.errors import SubmissionDeferredError as SubmissionDeferredError
    from qiskit_job_manager.errors import SubmissionInDoubtError as SubmissionInDoubtError
    from qiskit_job_manager.errors import SubmissionRefusedError as SubmissionRefusedError
    from qiskit_job_manager.errors import SubmissionTooLargeError as SubmissionTooLargeError
    from qiskit_job_manager.errors import TransientBackendError as TransientBackendError
    from qiskit_job_manager.errors import UnknownBackendError as UnknownBackendError
    from qiskit_job_manager.job_set import ManagedJob as ManagedJob
    from qiskit_job_manager.job_set import ManagedJobSet as ManagedJobSet
    from qiskit_job_manager.job_set.as_qiskit_job import StoredJob as StoredJob
    from qiskit_job_manager.job_set.group import ManagedJobSetGroup as ManagedJobSetGroup
    from qiskit_job_manager.manager import JobManager as JobManager
    from qiskit_job_manager.model import Allowance as Allowance
    from qiskit_job_manager.model import AttemptRecord as AttemptRecord
    from qiskit_job_manager.model import Cost as Cost
    from qiskit_job_manager.model import EventRecord as EventRecord
    from qiskit_job_manager.model import ExperimentRecord as ExperimentRecord
    from qiskit_job_manager.model import JobEvent as JobEvent
    from qiskit_job_manager.model import JobState as JobState
    from qiskit_job_manager.model import Limits as Limits
    from qiskit_job_manager.model import Plan as Plan
    from qiskit_job_manager.model import PlannedJob as PlannedJob
    from qiskit_job_manager.model import Prices as Prices
    from qiskit_job_manager.model import RemoteFigures as RemoteFigures
    from qiskit_job_manager.model import RetryPolicy as RetryPolicy
    from qiskit_job_manager.model import ServiceEstimate as ServiceEstimate
    from qiskit_job_manager.model import Usage as Usage
    from qiskit_job_manager.model.progress import Activity as Activity
    from qiskit_job_manager.model.progress import Progress as Progress
    from qiskit_job_manager.model.provenance import DriftedPlan as DriftedPlan
    from qiskit_job_manager.model.provenance import ExperimentDrift as ExperimentDrift
    from qiskit_job_manager.ports import Backend as Backend
    from qiskit_job_manager.ports import Capabilities as Capabilities
    from qiskit_job_manager.results import ManagedResults as ManagedResults
    from qiskit_job_manager.results.drift import DriftTable as DriftTable
    from qiskit_job_manager.results.group_results import GroupResults as GroupResults

_HOMES = {
    "backends": ("BaseBackend", "open_backend"),
    "dropins": ("ManagedBackend", "ManagedEstimator", "ManagedPrimitiveJob", "ManagedSampler"),
    "errors": (
        "ArchiveError",
        "BackendError",
        "CircuitFileError",
        "CodecError",
        "CredentialsError",
        "InvalidArgumentError",
        "InvalidExperimentError",
        "JobManagerError",
        "JobManagerInvalidStateError",
        "JobManagerJobNotFound",
        "JobManagerTimeoutError",
        "JobManagerUnknownJobSet",
        "JobNotEndedError",
        "JobOutOfReachError",
        "ManagedResultDataNotAvailable",
        "MergeError",
        "LeaseLostError",
        "NameInUseError",
        "PlanError",
        "RemoteJobFailedError",
        "RemoteJobNotRunError",
        "ResultGoneError",
        "StoreBusyError",
        "StoreCopiedError",
        "StoreCorruptError",
        "StoreError",
        "StoreFullError",
        "StoreGoneError",
        "StoreNotWritableError",
        "StoreOutdatedError",
        "StoreTooNewError",
        "SubmissionDeferredError",
        "SubmissionInDoubtError",
        "SubmissionRefusedError",
        "SubmissionTooLargeError",
        "TransientBackendError",
        "UnknownBackendError",
    ),
    "job_set": ("ManagedJob", "ManagedJobSet"),
    "job_set.as_qiskit_job": ("StoredJob",),
    "job_set.group": ("ManagedJobSetGroup",),
    "manager": ("JobManager",),
    "model": (
        "Allowance",
        "AttemptRecord",
        "Cost",
        "EventRecord",
        "ExperimentRecord",
        "JobEvent",
        "JobState",
        "Limits",
        "Plan",
        "PlannedJob",
        "Prices",
        "RemoteFigures",
        "RetryPolicy",
        "ServiceEstimate",
        "Usage",
    ),
    "model.progress": ("Activity", "Progress"),
    "model.provenance": ("DriftedPlan", "ExperimentDrift"),
    "ports": ("Backend", "Capabilities"),
    "results": ("ManagedResults",),
    "results.drift": ("DriftTable",),
    "results.group_results": ("GroupResults",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  # one list is kept, and a test holds it


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, for Qiskit takes over a second to import."""
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
