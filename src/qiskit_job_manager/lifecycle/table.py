"""The table of a job's transitions.

    planned ──intended──> submitting ──accepted──> active ──ended──> collecting ──understood──> done
       ^  ^                │  │  │                   │ │                │ │ │
       │  └───deferred─────┘  │  └─refused─> failed  │ └─stopped─> cancelled
       │                  unanswered                 └─vanished─> lost <─gone─┘ │ └─broke─> failed
       │                      v                                                 │
       └─absent, resubmitted─ in doubt ──found──> active                        │
       │                         └<─out of reach─ active, collecting            │
       └─halved─ submitting                                                     │
       └─────────────────────────────── retried ────────────────────────────────┘

Rules:
    1. An attempt begins with `intended`, which stores its tag before anything is sent.
    2. Only `absent` and `died` (the attempt is known not to exist any more), `retried` (it ran and
       failed, and the policy allows another), and a request of the user (`resubmitted`, `revived`)
       lead back to planned after an attempt was sent. No passing of time does. (`deferred` and
       `halved` are definite noes: nothing was accepted.)
    3. A result is `stored` raw before it is `understood`.
    4. What the table does not name cannot happen; asking for it changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

from qiskit_job_manager.model import JobState as S


class Event(StrEnum):
    """What can happen to a job."""

    INTENDED = "intended"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    FOUND = "found"
    ABSENT = "absent"
    REPEATED = "repeated"
    ENDED = "ended"
    HALVED = "halved"
    OUT_OF_REACH = "out of reach"
    STOPPED = "stopped"
    VANISHED = "vanished"
    DIED = "died"
    STORED = "stored"
    UNDERSTOOD = "understood"
    BROKE = "broke"
    RETRIED = "retried"
    GONE = "gone"
    DROPPED = "dropped"
    REVIVED = "revived"
    RESUBMITTED = "resubmitted"
    ABANDONED = "abandoned"
    REOPENED = "reopened"


CANCEL_SENT = "cancel sent"
"""What is recorded of a job that goes on after the backend was asked to cancel it."""

TRANSITIONS: dict[tuple[S, Event], S] = {
    (S.PLANNED, Event.INTENDED): S.SUBMITTING,
    (S.PLANNED, Event.DROPPED): S.CANCELLED,
    (S.SUBMITTING, Event.ACCEPTED): S.ACTIVE,
    (S.SUBMITTING, Event.DEFERRED): S.PLANNED,
    (S.SUBMITTING, Event.REFUSED): S.FAILED,
    (S.SUBMITTING, Event.HALVED): S.PLANNED,
    (S.SUBMITTING, Event.UNANSWERED): S.IN_DOUBT,
    (S.IN_DOUBT, Event.FOUND): S.ACTIVE,
    (S.IN_DOUBT, Event.ABSENT): S.PLANNED,
    (S.IN_DOUBT, Event.REPEATED): S.SUBMITTING,
    (S.IN_DOUBT, Event.RESUBMITTED): S.PLANNED,
    (S.IN_DOUBT, Event.ABANDONED): S.CANCELLED,
    (S.ACTIVE, Event.ENDED): S.COLLECTING,
    (S.ACTIVE, Event.STOPPED): S.CANCELLED,
    (S.ACTIVE, Event.VANISHED): S.LOST,
    (S.ACTIVE, Event.OUT_OF_REACH): S.IN_DOUBT,
    (S.ACTIVE, Event.DIED): S.PLANNED,
    (S.COLLECTING, Event.STORED): S.COLLECTING,
    (S.COLLECTING, Event.UNDERSTOOD): S.DONE,
    (S.COLLECTING, Event.BROKE): S.FAILED,
    (S.COLLECTING, Event.RETRIED): S.PLANNED,
    (S.COLLECTING, Event.GONE): S.LOST,
    (S.COLLECTING, Event.DIED): S.PLANNED,
    (S.COLLECTING, Event.OUT_OF_REACH): S.IN_DOUBT,
    (S.FAILED, Event.REVIVED): S.PLANNED,
    (S.LOST, Event.REVIVED): S.PLANNED,
    (S.CANCELLED, Event.REVIVED): S.PLANNED,
    (S.FAILED, Event.REOPENED): S.ACTIVE,
    (S.LOST, Event.REOPENED): S.ACTIVE,
}


def next_state(state: S, event: Event) -> S | None:
    """Return the state after an event, or ``None`` if it cannot happen in this state."""
    return TRANSITIONS.get((state, event))
