"""The split, before anything is stored, and the limits that it keeps."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_job_manager.model.prices import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a backend; ``None`` means that none is known.

    Attributes:
        experiments_per_job: Experiments in one job.
        executions_per_job: Circuits after parameter broadcasting, times shots, in one job.
        shots_per_experiment: Shots of one experiment in one job; more are split into shares.
        payload_bytes_per_job: Bytes of the encoded experiments of one job.
        pending_jobs: Jobs that the backend has and that have not ended, of this program.
        submissions_per_minute: Submissions in any 60 seconds.
    """

    experiments_per_job: int | None = None
    executions_per_job: int | None = None
    shots_per_experiment: int | None = None
    payload_bytes_per_job: int | None = None
    pending_jobs: int | None = None
    submissions_per_minute: int | None = None

    def overridden_by(self, other: Limits) -> Limits:
        """Return these limits, replaced by those that ``other`` states."""
        chosen = {}
        for field in fields(self):
            said = getattr(other, field.name)
            chosen[field.name] = getattr(self, field.name) if said is None else said
        return Limits(**chosen)


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One job of the plan.

    Attributes:
        index: Position of the job in the job set, from 0.
        start: Index of its first experiment.
        stop: Index after that of its last experiment.
        shots: Shots of each of its experiments in this job; ``None``: the backend's default.
        share: Which share of the experiments' shots this job takes, from 0.
        shares: How many shares the shots were split into; 1 when they were not.
        circuits: Circuits of its experiments after parameter broadcasting, or ``None``: as many
            as experiments.
        estimate_s: Quantum seconds that it is estimated to use, or ``None``.
    """

    index: int
    start: int
    stop: int
    shots: int | None
    share: int
    shares: int
    circuits: int | None = None
    estimate_s: float | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an account may use in its present period, and has used so far.

    Attributes:
        used_s: Quantum seconds used.
        limit_s: Quantum seconds allowed, or ``None`` where there is no limit.
    """

    used_s: float
    limit_s: float | None

    def __str__(self) -> str:
        limit = "" if self.limit_s is None else f" of {self.limit_s:,.1f}"
        return f"{self.used_s:,.1f}{limit} quantum seconds are used in this period"

    @property
    def left_s(self) -> float | None:
        """Quantum seconds that are left, or ``None`` where there is no limit."""
        return None if self.limit_s is None else max(self.limit_s - self.used_s, 0.0)

    def has_room_for(self, usage_s: float | None) -> bool:
        """Say whether so many quantum seconds are left; ``None``: not known, and taken as yes."""
        return usage_s is None or self.left_s is None or usage_s <= self.left_s


@dataclass(frozen=True, slots=True)
class ServiceEstimate:
    """What a service said of jobs that it took in a dry run, which runs nothing on a QPU.

    Attributes:
        jobs: Indices of the jobs that it was asked about.
        usage_s: Quantum seconds of all jobs of the plan, by what it said of these; ``None`` where
            it said nothing.
    """

    jobs: tuple[int, ...]
    usage_s: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A split that has not been stored, and what it would come to.

    Attributes:
        jobs: The jobs, in order; each is one submission.
        n_experiments: How many experiments they run.
        payload_bytes: Bytes of the encoded experiments.
        executions: Circuits after parameter broadcasting, times shots; ``None`` where the
            backend's own default of shots plays a part.
        usage_s: Quantum seconds, as the backend's adapter estimates them, or ``None``.
        submission_s: Seconds that the pace of submissions alone takes.
        allowance: What the account has used and may use, or ``None`` where that is not known.
        service: What the service said in a dry run, or ``None`` where it was not asked.
        cost: What it is estimated to cost at the user's prices, or ``None`` if not known.
    """

    jobs: tuple[PlannedJob, ...]
    n_experiments: int
    payload_bytes: int
    executions: int | None
    usage_s: float | None
    submission_s: float
    allowance: Allowance | None = None
    service: ServiceEstimate | None = None
    cost: Cost | None = None

    @property
    def n_jobs(self) -> int:
        """How many submissions there are."""
        return len(self.jobs)


@dataclass(frozen=True, slots=True)
class Block:
    """A contiguous run of experiments and the jobs that run it, one a share of the shots.

    All jobs of a block send the same circuits, so their payload is stored once.

    Attributes:
        start: Index of the first experiment.
        stop: Index after that of the last experiment.
        jobs: The jobs, in the order of their shares; together they take all shots.
    """

    start: int
    stop: int
    jobs: tuple[PlannedJob, ...]
