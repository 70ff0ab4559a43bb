"""Jobs, their states, their attempts and their events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.payloads import RemoteFigures


class JobState(StrEnum):
    """The states of a job; ``lifecycle`` holds the only table of their transitions."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    IN_DOUBT = "in doubt"
    ACTIVE = "active"
    COLLECTING = "collecting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_waiting(self) -> bool:
        """Whether no attempt is under way, and the next one is still to be sent."""
        return self in _WAITING

    @property
    def is_running(self) -> bool:
        """Whether an attempt is on its way to the backend, is there, or is being read."""
        return self in _RUNNING

    @property
    def needs_user(self) -> bool:
        """Whether the user may have to decide, as the backend cannot always be asked."""
        return self in _DOUBTFUL

    @property
    def is_under_way(self) -> bool:
        """Whether an attempt was sent, or may have been, and has not ended."""
        return self in _RUNNING or self in _DOUBTFUL

    @property
    def may_arrive(self) -> bool:
        """Whether the backend may have an attempt whose id is not known."""
        return self in _MAY_ARRIVE

    @property
    def is_accepted(self) -> bool:
        """Whether the backend is known to have accepted the attempt that is under way."""
        return self in _ACCEPTED

    @property
    def is_pending(self) -> bool:
        """Whether it counts against the jobs that a backend takes at once.

        A job in doubt does not: it may wait for the user, and must not hold up the others.
        """
        return self in _PENDING

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen unless the user asks for it."""
        return self in _FINAL

    @property
    def has_failed(self) -> bool:
        """Whether it ended without the result, although nobody cancelled it."""
        return self in _FAILED


# The groups, in one place: a new state is put into those that it belongs to.
_WAITING = frozenset({JobState.PLANNED})
_RUNNING = frozenset({JobState.SUBMITTING, JobState.ACTIVE, JobState.COLLECTING})
_DOUBTFUL = frozenset({JobState.IN_DOUBT})
_MAY_ARRIVE = frozenset({JobState.SUBMITTING, JobState.IN_DOUBT})
_ACCEPTED = frozenset({JobState.ACTIVE, JobState.COLLECTING})
_PENDING = frozenset({JobState.SUBMITTING, JobState.ACTIVE})
_FINAL = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.LOST})
_FAILED = frozenset({JobState.FAILED, JobState.LOST})


class RemoteState(StrEnum):
    """What a backend says of a job that it accepted."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"
    GONE = "gone"
    OUT_OF_REACH = "out of reach"

    @property
    def is_under_way(self) -> bool:
        """Whether the backend has it, and its end is still to come."""
        return self in (RemoteState.QUEUED, RemoteState.RUNNING)


@dataclass(frozen=True, slots=True)
class RemoteStatus:
    """The last known status of an attempt on its backend.

    Attributes:
        state: What the backend says.
        queue_position: Place in the backend's queue, from 1, or ``None`` if not known.
        message: The backend's own message, for errors, or ``None``.
    """

    state: RemoteState
    queue_position: int | None = None
    message: str | None = None


REUSED_TAG = "reused-"
"""How the tag of an attempt begins that was never sent, as its result was taken over."""


WITHDRAWN = "withdrawn before it was sent, so that another backend runs its experiments"
"""The error of a job that was withdrawn; see `JobRecord.is_withdrawn`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One job as the store keeps it.

    Attributes:
        key: The store's own number of the job; unique in the store.
        index: Position in the job set, from 0.
        start: Index of its first experiment.
        stop: Index after that of its last experiment.
        shots: Shots of each experiment in this job; ``None``: the backend's default.
        share: Which share of the shots, from 0.
        shares: How many shares; 1 when the shots were not split.
        state: Its state.
        attempts: Attempts made so far.
        tag: Tag of the latest attempt, or ``None`` before the first.
        remote_id: Id that the backend gave the latest attempt, or ``None``.
        status: Last known status on the backend, or ``None``.
        error: Why it failed, was cancelled or was lost, in the words of the backend where there
            are any; for a job that is not final, the latest trouble.
        failed_offsets: Offsets within the job of the experiments that failed inside a result.
        has_result: Whether a raw result of the latest attempt is stored; of a job that has ended,
            of any attempt.
        cancel_requested: Whether the user asked for it to be cancelled.
        circuits: Circuits of its experiments after parameter broadcasting.
        estimate_s: Quantum seconds that it is estimated to use, or ``None``.
    """

    key: int
    index: int
    start: int
    stop: int
    shots: int | None
    share: int
    shares: int
    state: JobState
    attempts: int
    tag: str | None
    remote_id: str | None
    status: RemoteStatus | None
    error: str | None
    failed_offsets: tuple[int, ...]
    has_result: bool
    cancel_requested: bool
    circuits: int
    estimate_s: float | None

    @property
    def is_reused(self) -> bool:
        """Whether it was never sent, as its result was taken over from another job set."""
        return self.tag is not None and self.tag.startswith(REUSED_TAG)

    @property
    def may_be_withdrawn(self) -> bool:
        """Whether another backend may run its experiments: no attempt was ever accepted."""
        return self.state is JobState.PLANNED and self.remote_id is None and self.shares == 1

    @property
    def is_withdrawn(self) -> bool:
        """Whether it is never sent, as another backend runs its experiments."""
        return self.state is JobState.CANCELLED and self.error == WITHDRAWN


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try of a job.

    Attributes:
        number: From 1.
        tag: Our own unique mark, stored before the attempt was sent.
        remote_id: The backend's id, or ``None`` when it never gave one.
        intended_at: When the intent to submit was stored.
        accepted_at: When the backend's id was stored, or ``None``.
        ended_at: When the attempt ended, or ``None``.
        error: Why it ended without a result, or ``None``.
        figures: What the backend measured of it, or ``None``.
    """

    number: int
    tag: str
    remote_id: str | None
    intended_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    error: str | None
    figures: RemoteFigures | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One thing that happened to a job, as the store keeps it.

    Attributes:
        at: When, in UTC, by the clock of the process that wrote it.
        job_index: Index of the job, or ``None`` for an event of the whole set.
        attempt: Number of the attempt, or ``None``.
        event: What happened, such as ``"accepted"``.
        before: State before, or ``None``.
        after: State after, or ``None``.
        cause: Why, in words, or ``None``.
    """

    at: datetime
    job_index: int | None
    attempt: int | None
    event: str
    before: JobState | None
    after: JobState | None
    cause: str | None


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
