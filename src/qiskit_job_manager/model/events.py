"""The events that listeners of a manager receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.jobs import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job, and is in the store.

    Attributes:
        job_set_id: The job set.
        name: Name of the job set, as it was when this process began to drive it.
        job_index: The job.
        attempt: Number of the attempt, from 1, or ``None`` before the first.
        event: What happened, such as ``"accepted"``.
        before: State before.
        after: State after.
        cause: Why, in words, or ``None``.
        at: When, in UTC, by the clock of this process.
        missed: How many events were left out just before this one, as the listener was too slow.
    """

    job_set_id: str
    name: str
    job_index: int
    attempt: int | None
    event: str
    before: JobState
    after: JobState
    cause: str | None
    at: datetime
    missed: int = 0
