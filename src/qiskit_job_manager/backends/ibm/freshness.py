"""What jobs were last known to do, so that the service is not asked more often than is of use.

The engine asks about a job some moments after it was accepted, and each job that is sent has it ask
again. Jobs of this service take minutes, and are sent at a pace of its own: to list them at each of
these occasions would take more requests than all the rest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from qiskit_job_manager.model import RemoteStatus

SHORTEST_S = 2.0
"""For how long an answer is fresh at first: no job of the service is over sooner."""

LONGEST_S = 12.0
"""For how long later on: jobs are listed no more often than the service takes new ones."""

IDLE_S = 60.0
"""After how long without a question it begins as at first."""


class Freshness:
    """Knows what jobs that have not ended were last heard to do. Safe to use from any thread.

    What was heard is fresh for some seconds, twice as many each time that the service is asked, up
    to a bound.

    Args:
        seconds: The time, from any zero.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._heard: dict[str, tuple[RemoteStatus, float]] = {}
        self._fresh_s = 0.0
        self._asked_s = float("-inf")

    def note(self, remote_id: str, status: RemoteStatus) -> None:
        """Take note of what a job does now."""
        self._heard[remote_id] = (status, self._seconds())

    def drop(self, remote_id: str) -> None:
        """Forget a job: it has ended, or something was done that may change what it does."""
        self._heard.pop(remote_id, None)

    def told(self, remote_ids: Iterable[str]) -> Mapping[str, RemoteStatus] | None:
        """Return what jobs were heard to do, if that is fresh for each; else the service is asked.

        Returns:
            ``None``: The service is to be asked.
        """
        now_s = self._seconds()
        if now_s >= self._asked_s + IDLE_S:
            self._fresh_s = SHORTEST_S
        found = {each: self._heard.get(each) for each in remote_ids}
        fresh = {
            each: known[0]
            for each, known in found.items()
            if known is not None and known[1] + self._fresh_s > now_s
        }
        if len(fresh) == len(found):
            return fresh
        self._asked_s = now_s
        self._fresh_s = min(2 * self._fresh_s, LONGEST_S)
        return None
