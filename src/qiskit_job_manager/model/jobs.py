"""Jobs, their states, their attempts and their story."""

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
    def is_final(self) -> bool:
        """Whether nothing more will happen unless the user asks for it."""
        return self in _FINAL


_FINAL = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.LOST})


class RemoteState(StrEnum):
    """What a backend says of a job that it accepted."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"
    GONE = "gone"
    OUT_OF_REACH = "out of reach"


@dataclass(frozen=True, slots=True)
class RemoteStatus:
    """The last known status of an attempt on its backend.

    Attributes:
        state: What the backend says.
        queue_position: Place in the backend's queue, from 1, or ``None`` if not told.
        message: The backend's own words, for errors, or ``None``.
    """

    state: RemoteState
    queue_position: int | None = None
    message: str | None = None


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
        error: Why it failed, was cancelled or was lost, in the backend's words where there are
            any; for a job that is not final, the latest trouble.
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


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try of a job.

    Attributes:
        number: From 1.
        tag: Our own unique mark, stored before the attempt was sent.
        remote_id: The backend's id, or ``None`` when it never told one.
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
    """One line of a job's story.

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
