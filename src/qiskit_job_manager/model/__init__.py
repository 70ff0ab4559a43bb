"""The nouns: frozen, plain, without behaviour that needs the world."""

from qiskit_job_manager.model.experiments import ExperimentKind, ExperimentRecord, ExperimentSize
from qiskit_job_manager.model.histories import JobHistory, JobSetHistory, StoredResult
from qiskit_job_manager.model.job_sets import JobSetDraft, JobSetRecord, RetryPolicy, Totals
from qiskit_job_manager.model.jobs import (
    REUSED_TAG,
    AttemptRecord,
    EventRecord,
    JobEvent,
    JobRecord,
    JobState,
    RemoteState,
    RemoteStatus,
)
from qiskit_job_manager.model.payloads import (
    Blob,
    EncodedBlock,
    EncodedExperiment,
    RawResult,
    RemoteFigures,
    ReusedResult,
)
from qiskit_job_manager.model.plans import (
    Allowance,
    Block,
    Limits,
    Plan,
    PlannedJob,
    ServiceEstimate,
)
from qiskit_job_manager.model.prices import Cost, Prices, Usage
from qiskit_job_manager.model.provenance import Observation, ObservationKind, Snapshot
from qiskit_job_manager.model.writes import Advance, Halves, Request, RequestKind, Token

__all__ = [
    "REUSED_TAG",
    "Advance",
    "Allowance",
    "AttemptRecord",
    "Blob",
    "Block",
    "Cost",
    "EncodedBlock",
    "EncodedExperiment",
    "EventRecord",
    "ExperimentKind",
    "ExperimentRecord",
    "ExperimentSize",
    "Halves",
    "JobEvent",
    "JobHistory",
    "JobRecord",
    "JobSetDraft",
    "JobSetHistory",
    "JobSetRecord",
    "JobState",
    "Limits",
    "Observation",
    "ObservationKind",
    "Plan",
    "PlannedJob",
    "Prices",
    "RawResult",
    "RemoteFigures",
    "RemoteState",
    "RemoteStatus",
    "Request",
    "RequestKind",
    "RetryPolicy",
    "ReusedResult",
    "ServiceEstimate",
    "Snapshot",
    "StoredResult",
    "Token",
    "Totals",
    "Usage",
]
