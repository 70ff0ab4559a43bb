"""What a face looks for in a store: conditions on job sets and on jobs, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.jobs import JobState


class ActiveAs(StrEnum):
    """As what an active job is shown."""

    RUNNING = "running"
    QUEUED = "queued"
    INTERRUPTED = "interrupted"


class JobSetOrder(StrEnum):
    """The order of a list of job sets."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    BACKEND = "backend"
    LARGEST = "largest"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSetFilter:
    """Conditions on job sets; a job set must meet all. ``None`` and empty mean any.

    Attributes:
        states: It has jobs in one of these states.
        active_as: Or it has active jobs that are shown so.
        ended: Whether all its jobs have ended. A job in doubt that only the user can decide about
            counts as ended.
        may_need_user: Only those that may need the user: with jobs in doubt that only the user can
            decide about, not handed over to the end, or with a limit of usage and waiting jobs.
        tags: It has all of these tags.
        backend: Text in the name or the URI of its backend.
        name: Text in its name. In both texts capitals do not matter; ``*`` and ``?`` are wildcards
            for the whole text.
        since: It was created then or later.
        until: It was created before.
    """

    states: tuple[JobState, ...] = ()
    active_as: tuple[ActiveAs, ...] = ()
    ended: bool | None = None
    may_need_user: bool = False
    tags: tuple[str, ...] = ()
    backend: str | None = None
    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Conditions on the jobs of a job set; ``None`` and empty mean any.

    Attributes:
        states: It is in one of these states.
        active_as: Or it is active and shown so.
        error: Text in its error. Capitals matter.
    """

    states: tuple[JobState, ...] = ()
    active_as: tuple[ActiveAs, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many jobs of a job set have the same state and the same error.

    Attributes:
        state: Their state.
        error: Their error.
        jobs: How many there are.
    """

    state: JobState
    error: str
    jobs: int


@dataclass(frozen=True, slots=True)
class RecentTotals:
    """What happened lately, by the newest jobs of a store.

    Attributes:
        failed: Attempts that ended without a result.
        measured_s: Quantum seconds that backends measured.
    """

    failed: int
    measured_s: float
