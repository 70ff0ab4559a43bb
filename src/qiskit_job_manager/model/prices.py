"""What job sets use, and what that costs at prices that the user gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_job_manager.model.job_sets import JobSetDraft
    from qiskit_job_manager.model.jobs import JobRecord

# So little does not count: it is what adding and multiplying numbers such as 0.1 makes of a limit.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Usage:
    """What the attempts of a job set use that a backend has, or may have, accepted.

    Duplicates of attempts that are known count as well, by their estimate.

    Attributes:
        measured_s: Quantum seconds, as the backend says.
        estimated_s: The estimate for the duplicates, and for the attempts whose usage is not known
            yet, in quantum seconds.
        circuits: Circuits of these attempts, after parameter broadcasting.
        executions: Circuits times shots; those with the backend's own number of shots not counted.
    """

    measured_s: float
    estimated_s: float
    circuits: int = 0
    executions: int = 0

    @property
    def total_s(self) -> float:
        """The quantum seconds together."""
        return self.measured_s + self.estimated_s

    def __add__(self, other: Usage) -> Usage:
        """Return both together."""
        return Usage(
            self.measured_s + other.measured_s,
            self.estimated_s + other.estimated_s,
            self.circuits + other.circuits,
            self.executions + other.executions,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The prices of one backend, as they were when a job set was handed over.

    Attributes:
        currency: The currency, such as ``"USD"``.
        per_second: Of each quantum second.
        per_shot: Of each shot of each circuit.
        per_task: Of each circuit of each job, after parameter broadcasting.
        plan: The plan that they belong to, or ``None``.
    """

    currency: str
    per_second: float = 0.0
    per_shot: float = 0.0
    per_task: float = 0.0
    plan: str | None = None

    def can_price(self, estimate_s: float | None, shots: int | None) -> bool:
        """Say whether the cost of a job is known, by what is known of the job."""
        seconds_known = estimate_s is not None or not self.per_second
        return seconds_known and (shots is not None or not self.per_shot)

    def cost(self, usage: Usage) -> Cost:
        """Return what a usage costs.

        Shots and tasks cost what they are; seconds that are not measured yet are estimated.
        """
        fees = self.per_shot * usage.executions + self.per_task * usage.circuits
        actual = fees + self.per_second * usage.measured_s
        return Cost(self.currency, actual, self.per_second * usage.estimated_s)


@dataclass(frozen=True, slots=True)
class Cost:
    """Money, at the prices that the user gave.

    Attributes:
        currency: The currency.
        actual: What is known to be charged: shots, tasks, and measured quantum seconds.
        estimated: The estimate for quantum seconds that are not measured yet.
    """

    currency: str
    actual: float
    estimated: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.actual + self.estimated

    def __str__(self) -> str:
        return f"{self.total:,.2f} {self.currency}"


def has_limits(job_set: JobSetDraft) -> bool:
    """Say whether there is a limit to what a job set may use or cost."""
    return job_set.max_usage_s is not None or job_set.max_cost is not None


def has_room_for(job_set: JobSetDraft, used: Usage, job: JobRecord) -> bool:
    """Say whether one more attempt of a job is within what its job set may use and cost.

    Args:
        job_set: The job set.
        used: What its other attempts use.
        job: The job. One whose cost is not known has no room where there is a limit to the cost.
    """
    usage = used + estimated_usage(job)
    if job_set.max_usage_s is not None and usage.total_s > job_set.max_usage_s:
        return False
    if job_set.max_cost is None:
        return True
    prices = job_set.prices
    if prices is None or not prices.can_price(job.estimate_s, job.shots):
        return False
    return prices.cost(usage).total <= job_set.max_cost * (1 + _ROUNDING)


def estimated_usage(job: JobRecord) -> Usage:
    """Return what one attempt of a job is estimated to use."""
    return Usage(0.0, job.estimate_s or 0.0, job.circuits, job.circuits * (job.shots or 0))
