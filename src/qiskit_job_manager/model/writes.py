"""What the engine writes, and what users ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.jobs import JobState, RemoteStatus
    from qiskit_job_manager.model.payloads import Blob, RawResult


@dataclass(frozen=True, slots=True)
class Token:
    """The lease of one job set, valid until another driver claims it.

    Attributes:
        job_set_key: The store's number of the job set.
        owner: Identity of the driver; fresh for each start of a process.
        fence: Grows with every claim; a write that holds an older one is refused.
        took_over: Whether the lease of another driver had run out, which may still live.
    """

    job_set_key: int
    owner: str
    fence: int
    took_over: bool = False


@dataclass(frozen=True, slots=True)
class Halves:
    """A job that was too large, as two: it keeps the first half, and a new job takes the second.

    Attributes:
        middle: Index of the first experiment of the second half.
        first: Encoded experiments of the first half.
        second: Encoded experiments of the second half.
    """

    middle: int
    first: Blob
    second: Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """One step of one job; ``None`` leaves a field as it is.

    Attributes:
        job_key: The job.
        expected: State that the job must be in for the step to land.
        after: State after the step; the same one when only facts are recorded.
        event: What happened, for the job's events.
        at: When, in UTC.
        cause: Why, in words.
        new_tag: Tag of the attempt that begins with this step.
        remote_id: Id that the backend gave.
        status: Status on the backend.
        error: What to show as the job's error; ``""`` clears it.
        result: Raw result to keep.
        failed_offsets: Offsets of the experiments that failed inside the result.
        ends_attempt: Whether the latest attempt ends with this step.
        cancel_requested: Sets or clears the user's wish to cancel.
        halves: The two jobs to make of this one.
    """

    job_key: int
    expected: JobState
    after: JobState
    event: str
    at: datetime
    cause: str | None = None
    new_tag: str | None = None
    remote_id: str | None = None
    status: RemoteStatus | None = None
    error: str | None = None
    result: RawResult | None = None
    failed_offsets: tuple[int, ...] | None = None
    ends_attempt: bool = False
    cancel_requested: bool | None = None
    halves: Halves | None = None

    @property
    def is_in_story(self) -> bool:
        """Whether it is an event: the state or the attempt changes, or a result came in."""
        return self.after != self.expected or self.new_tag is not None or self.result is not None


class RequestKind(StrEnum):
    """What the driver of a job set still has to do; users ask for all but the last three.

    `EXTENDED` is stored with experiments that are added to a complete job set, so that its driver
    looks for their jobs; its job index is that of the first of them.

    `WITHDRAW` cancels jobs that were never sent, so that another backend can run their experiments.

    The engine stores `DUPLICATE_SEARCH` with the first submission to a backend whose client may
    submit a job twice: the driver searches for duplicates before the set counts as finished. It
    stores `USAGE_POLL` with the first submission to a backend that may report usage late: the
    driver asks again after the results were fetched.
    """

    CANCEL = "cancel"
    RETRY = "retry"
    RETRY_FAILED = "retry failed"
    RETRY_LOST = "retry lost"
    RETRY_CANCELLED = "retry cancelled"
    RESUBMIT = "resubmit"
    ABANDON = "abandon"
    REFRESH = "refresh"
    WITHDRAW = "withdraw"
    EXTENDED = "extended"
    DUPLICATE_SEARCH = "sweep"
    USAGE_POLL = "measure"

    @property
    def is_users(self) -> bool:
        """Whether a user asks for it."""
        return self is not RequestKind.EXTENDED and not self.lasts

    @property
    def lasts(self) -> bool:
        """Whether the driver keeps it until the jobs have ended."""
        return self in (RequestKind.DUPLICATE_SEARCH, RequestKind.USAGE_POLL)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a user, kept in the store until the driver has handled it.

    Attributes:
        key: The store's number of the request.
        kind: What is asked.
        job_index: The job it is about, or ``None`` for the whole set.
    """

    key: int
    kind: RequestKind
    job_index: int | None
