"""Builds the steps that are written: one job, one event, and the facts that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.lifecycle import Event, next_state
from qiskit_job_manager.model import Advance, JobRecord

if TYPE_CHECKING:
    from datetime import datetime


def step(job: JobRecord, event: Event, at: datetime, **facts: Any) -> Advance | None:
    """Return the step of a job under an event, or ``None`` if it cannot happen to it now."""
    after = next_state(job.state, event)
    if after is None:
        return None
    return Advance(
        job_key=job.key, expected=job.state, after=after, event=event.value, at=at, **facts
    )


def fact(job: JobRecord, event: str, at: datetime, **facts: Any) -> Advance:
    """Return a step that records facts and leaves the job in its state."""
    return Advance(
        job_key=job.key, expected=job.state, after=job.state, event=event, at=at, **facts
    )
