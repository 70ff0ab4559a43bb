"""What a backend accepts in one job and at one time."""

from __future__ import annotations

from dataclasses import dataclass, fields


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
