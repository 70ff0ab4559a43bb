"""Which job of a cloud begins and ends when, worked out as soon as it comes in.

All times are seconds on whatever clock the caller goes by, and are handed in: the times of what
comes in never go back. Nothing here waits, or asks for the time.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

MINUTE_S = 60.0


class TooManyJobsError(Exception):
    """The cloud takes no more jobs now; it does not say when it will.

    Attributes:
        status_code: What a service that speaks HTTP answers.
    """

    status_code = 429


@dataclass(slots=True)
class Place:
    """When a job begins and ends; both change when one before it is cancelled.

    Attributes:
        begins_s: When it begins to run.
        ends_s: When it has run, or was cancelled.
        cancelled: Whether it was.
    """

    begins_s: float
    ends_s: float
    cancelled: bool = False


class Schedule:
    """Machines that run jobs of the same length, first come, first served.

    Args:
        service_s: Seconds that a job takes.
        at_once: Jobs that run at once.
        pending: Jobs that may be pending, queued and running together.
        per_minute: Jobs that are taken in any 60 seconds; ``None``: any number.
    """

    def __init__(
        self, service_s: float, *, at_once: int, pending: int, per_minute: int | None = None
    ) -> None:
        self._service_s = service_s
        self._most_pending = pending
        self._per_minute = per_minute
        self._machines_s = [float("-inf")] * at_once
        self._pending: deque[Place] = deque()  # in the order in which they came, and will end
        self._taken_s: deque[float] = deque()

    def submit(self, at_s: float) -> Place:
        """Take a job.

        Raises:
            TooManyJobsError: Too many are pending, or came within a minute.
        """
        self._forget(at_s)
        if len(self._pending) >= self._most_pending:
            raise TooManyJobsError(f"too many jobs: {len(self._pending)} are pending")
        if self._per_minute is not None and len(self._taken_s) >= self._per_minute:
            raise TooManyJobsError(f"too many jobs: {len(self._taken_s)} within a minute")
        if self._per_minute is not None:
            self._taken_s.append(at_s)
        place = Place(at_s, at_s)
        self._pending.append(place)
        self._give_machine(place, at_s)
        return place

    def cancel(self, place: Place, at_s: float) -> bool:
        """End a job now, and say whether it was still pending; those behind it move up."""
        self._forget(at_s)
        if place.ends_s <= at_s:
            return False
        place.cancelled, place.ends_s = True, at_s
        place.begins_s = min(place.begins_s, at_s)
        self._forget(at_s)
        self._pending = deque(each for each in self._pending if each is not place)
        running = [each.ends_s for each in self._pending if each.begins_s <= at_s]
        self._machines_s = running + [at_s] * (len(self._machines_s) - len(running))
        heapq.heapify(self._machines_s)
        for each in self._pending:
            if each.begins_s > at_s:
                self._give_machine(each, at_s)
        return True

    def _give_machine(self, place: Place, at_s: float) -> None:
        place.begins_s = max(at_s, heapq.heappop(self._machines_s))
        place.ends_s = place.begins_s + self._service_s
        heapq.heappush(self._machines_s, place.ends_s)

    def _forget(self, at_s: float) -> None:
        while self._pending and self._pending[0].ends_s <= at_s:
            self._pending.popleft()
        while self._taken_s and self._taken_s[0] + MINUTE_S <= at_s:
            self._taken_s.popleft()
