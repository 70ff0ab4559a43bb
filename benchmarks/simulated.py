"""A cloud in this process: it keeps its clients waiting as a real one would, and computes nothing.

Every call takes the latency, half of it each way, which the caller sleeps. What comes of a call is
worked out when it is made, for the time at which it would arrive: as all calls take equally long,
they arrive in the order in which they were made. So the cloud is as quick as one elsewhere would
be, however busy Python is here. Its own work is a few microseconds a call.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from schedule import Place, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_Answer = TypeVar("_Answer")


class UnknownJobError(Exception):
    """The cloud has no such job.

    Attributes:
        status_code: What a service that speaks HTTP answers.
    """

    status_code = 404


class JobState(StrEnum):
    """What the cloud says of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How quick a cloud is, and how much it takes.

    Attributes:
        latency_s: Seconds that a call takes, L.
        service_s: Seconds that a job takes, S.
        at_once: Jobs that run at once, K.
        pending: Jobs that may be pending, queued and running together, P.
        per_minute: Submissions that are taken in any 60 seconds, R; ``None``: any number.
    """

    latency_s: float
    service_s: float
    at_once: int = 4
    pending: int = 100
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    place: Place
    result: Any


class SimulatedCloud:
    """The service, without a face; its methods may be called from any thread.

    Args:
        pace: How quick it is.

    Attributes:
        pace: How quick it is.
        calls: Calls by kind, refused ones among them.
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.calls: Counter[str] = Counter()
        self._schedule = Schedule(
            pace.service_s,
            at_once=pace.at_once,
            pending=pace.pending,
            per_minute=pace.per_minute,
        )
        self._jobs: dict[str, _Job] = {}
        self._tagged: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        self._moved_up = threading.Condition(self._lock)

    def submit(self, result: Any, tag: str = "") -> str:
        """Send a job, and return its id.

        Args:
            result: What it will give.
            tag: By which it can be found.

        Raises:
            TooManyJobsError: It was refused.
        """

        def take(at_s: float) -> str:
            place = self._schedule.submit(at_s)
            job_id = f"job-{len(self._jobs)}"
            self._jobs[job_id] = _Job(place, result)
            self._tagged.setdefault(tag, []).append(job_id)
            return job_id

        return self._call("submit", take)

    def find(self, tag: str) -> list[str]:
        """Return the ids of the jobs with a tag, oldest first."""
        return self._call("find", lambda _: list(self._tagged.get(tag, ())))

    def states(self, job_ids: Sequence[str]) -> Mapping[str, JobState]:
        """Return the states of jobs, in one call; those that are not known are left out."""

        def look(at_s: float) -> dict[str, JobState]:
            known = ((job_id, self._jobs.get(job_id)) for job_id in job_ids)
            return {job_id: _state(job.place, at_s) for job_id, job in known if job is not None}

        return self._call("status", look)

    def result(self, job_id: str, within_s: float = float("inf")) -> tuple[JobState, Any]:
        """Wait for the end of a job, in one call, and return its state and what it gave.

        Args:
            job_id: The job.
            within_s: Seconds after which the cloud answers that the job still goes on.

        Raises:
            UnknownJobError: There is none.
        """
        with self._lock:
            self.calls["result"] += 1
            job = self._jobs.get(job_id)
            arrives_s = self._arrival_s()
            while job is not None:
                answers_s = min(max(job.place.ends_s, arrives_s), arrives_s + within_s)
                left_s = answers_s + self.pace.latency_s / 2 - time.monotonic()
                if left_s <= 0:
                    return _state(job.place, answers_s), job.result
                self._moved_up.wait(left_s)
        _sleep_until(arrives_s + self.pace.latency_s / 2)
        raise UnknownJobError(f"there is no job {job_id}")

    def cancel(self, job_id: str) -> bool:
        """Cancel a job, and say whether it was still pending."""

        def stop(at_s: float) -> bool:
            job = self._jobs.get(job_id)
            stopped = job is not None and self._schedule.cancel(job.place, at_s)
            self._moved_up.notify_all()
            return stopped

        return self._call("cancel", stop)

    def _call(self, kind: str, act: Callable[[float], _Answer]) -> _Answer:
        """Act as of the time when the call arrives, and sleep until its answer is back."""
        with self._lock:
            self.calls[kind] += 1
            arrives_s = self._arrival_s()
            try:
                answer, error = act(arrives_s), None
            except Exception as refused:  # noqa: BLE001  # it is raised when its time has come
                answer, error = None, refused
        _sleep_until(arrives_s + self.pace.latency_s / 2)
        if error is not None:
            raise error
        return answer  # type: ignore[return-value]  # there is one, where there is no error

    def _arrival_s(self) -> float:
        # Asked for under the lock, so that what comes in never goes back in time.
        return time.monotonic() + self.pace.latency_s / 2


def _state(place: Place, at_s: float) -> JobState:
    if place.cancelled and place.ends_s <= at_s:
        return JobState.CANCELLED
    if place.ends_s <= at_s:
        return JobState.DONE
    return JobState.RUNNING if place.begins_s <= at_s else JobState.QUEUED


def _sleep_until(then_s: float) -> None:
    left_s = then_s - time.monotonic()
    if left_s > 0:
        time.sleep(left_s)
