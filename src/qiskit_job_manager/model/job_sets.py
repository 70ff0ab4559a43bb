"""Job sets: as they are asked for, and as the store keeps them; and what may be tried again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.model.plans import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qiskit_job_manager.model.jobs import JobState
    from qiskit_job_manager.model.prices import Prices


LONGEST_NOTE = 4000
"""Characters that a note about a job set may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a job that was accepted, ran and failed may be sent again.

    Each attempt may cost money, so the default is one. Calls that were definitely refused for now,
    and reads that failed, cost nothing: they are repeated without limit, at growing intervals.

    Attributes:
        max_attempts: Attempts of one job in all that a backend accepts, the first included; at
            least 1.
        first_wait_s: Seconds before the first repetition of anything.
        longest_wait_s: Ceiling of the growing intervals, in seconds.
    """

    max_attempts: int = 1
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSetDraft:
    """Everything that one ``run()`` asked for, except the experiments themselves.

    Attributes:
        job_set_id: 32 hexadecimal digits.
        name: Name, unique in the store.
        created_at: When ``run()`` was called, in UTC.
        backend_uri: How to open the backend again, or ``None`` when that is not known.
        backend_name: Name of the backend.
        volatile: Whether jobs die with the process that submitted them.
        blind: Whether a job in doubt can be resolved by the user only.
        options: Run options for the backend; plain JSON values.
        limits: The limits that the split keeps to.
        retry: What may be tried again.
        tags: The user's tags, in order, without duplicates.
        max_usage_s: Quantum seconds beyond which nothing more is sent, or ``None``.
        transpile: Options of the transpiler; plain JSON values. ``None``: the circuits run as they
            were handed over.
        prices: What running costs, as it was at the hand-over, or ``None`` if that is not known.
        max_cost: Money beyond which nothing more is sent, or ``None``.
        note: What the user wrote about it, or ``None``.
    """

    job_set_id: str
    name: str
    created_at: datetime
    backend_uri: str | None
    backend_name: str
    volatile: bool
    blind: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tags: tuple[str, ...] = ()
    max_usage_s: float | None = None
    transpile: Mapping[str, Any] | None = None
    prices: Prices | None = None
    max_cost: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSetRecord(JobSetDraft):
    """A job set as the store keeps it.

    Attributes:
        key: The store's own number of the job set.
        complete: Whether all experiments were handed over; ``False`` after a crash in the middle.
        n_experiments: Experiments handed over so far.
        n_jobs: Jobs planned so far.
    """

    key: int
    complete: bool
    n_experiments: int
    n_jobs: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How many jobs and experiments of a job set are in each state; absent means none.

    Attributes:
        jobs: Jobs by state.
        experiments: Experiments by the state of their job; one whose shots were split is counted
            once for each share.
    """

    jobs: Mapping[JobState, int]
    experiments: Mapping[JobState, int]
