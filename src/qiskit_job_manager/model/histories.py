"""A job set that has ended, with all that belongs to it, on its way from one store to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from qiskit_job_manager.model.experiments import ExperimentRecord
    from qiskit_job_manager.model.job_sets import JobSetDraft
    from qiskit_job_manager.model.jobs import AttemptRecord, EventRecord, JobRecord
    from qiskit_job_manager.model.payloads import Blob
    from qiskit_job_manager.model.provenance import Observation, Snapshot


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A raw result of one attempt of a job.

    Attributes:
        job_index: The job.
        attempt: Number of the attempt, from 1.
        stored_at: When it was stored, in UTC.
        blob: The result as it came.
    """

    job_index: int
    attempt: int
    stored_at: datetime
    blob: Blob


@dataclass(frozen=True, slots=True)
class JobHistory:
    """A job and its attempts.

    Attributes:
        job: The job; its ``key`` means nothing in another store.
        attempts: All attempts, oldest first.
    """

    job: JobRecord
    attempts: tuple[AttemptRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSetHistory:
    """Everything of a job set; what there can be much of is read once, as it is needed.

    Attributes:
        draft: What was asked for.
        n_experiments: Number of experiments.
        n_jobs: Number of jobs.
        experiments: The experiments, in order.
        payloads: The encoded experiments, each under the index of the first, in order.
        jobs: The jobs, in order; all have ended.
        results: The raw results in the order of their jobs, those of a job oldest first.
        events: All events, oldest first.
        snapshots: What its processes and its backend were seen as, each once.
        observations: When they were seen so, oldest first; each names one of the snapshots.
    """

    draft: JobSetDraft
    n_experiments: int
    n_jobs: int
    experiments: Iterable[ExperimentRecord]
    payloads: Iterable[tuple[int, Blob]]
    jobs: Iterable[JobHistory]
    results: Iterable[StoredResult]
    events: Iterable[EventRecord]
    snapshots: Iterable[Snapshot] = ()
    observations: Iterable[Observation] = ()
