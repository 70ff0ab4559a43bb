"""What may happen to a job, and what to do next; the only place that names a next state."""

from qiskit_job_manager.lifecycle.decisions import (
    Budget,
    Call,
    CallKind,
    Decision,
    Situation,
    Take,
    after_failed_run,
    decide,
    growing_wait_s,
    poll_interval_s,
    proves_absence,
)
from qiskit_job_manager.lifecycle.table import CANCEL_SENT, TRANSITIONS, Event, next_state

__all__ = [
    "CANCEL_SENT",
    "TRANSITIONS",
    "Budget",
    "Call",
    "CallKind",
    "Decision",
    "Event",
    "Situation",
    "Take",
    "after_failed_run",
    "decide",
    "growing_wait_s",
    "next_state",
    "poll_interval_s",
    "proves_absence",
]
