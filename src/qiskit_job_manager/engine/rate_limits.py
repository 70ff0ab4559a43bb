"""What the job sets of one account share: the jobs that are pending, and the pace of sending."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_job_manager.model import Limits

MOST_PENDING = 1000
"""Where neither the backend nor the user states a limit."""

MOST_ABANDONED = 32
LEARNT_FOR_S = 600.0
"""For how long a limit counts that was learnt: it may have been met because of others' jobs."""

_MINUTE_S = 60.0


class RateLimits:
    """One account of a backend, as one engine uses it; limits count over all its job sets.

    A job set with many waiting jobs cannot starve one with few: while several wait, each may have
    its share of the places, and no more.

    Attributes:
        abandoned: Calls that were given up at their deadline and have not returned. Each still has
            a thread.
    """

    def __init__(self) -> None:
        self._sent_s: deque[float] = deque()
        self._pending: dict[int, int] = {}
        self._accepted: dict[int, int] = {}
        self._accepted_before = 0
        self._learnt: int | None = None
        self._learnt_until_s = 0.0
        self._waiting: set[int] = set()
        self._paused_until_s = 0.0
        self._needs_login = False
        self.abandoned = 0

    @property
    def room_for_calls(self) -> int:
        """How many more calls may begin, so that calls that never return stay few."""
        return max(MOST_ABANDONED - self.abandoned, 0)

    @property
    def trouble(self) -> str | None:
        """What holds up all job sets of the account, or ``None``."""
        if self.room_for_calls:
            return None
        return (
            f"{self.abandoned} calls to the backend have not returned within their deadlines, so "
            "no more are made until one does; starting the program again goes on at once"
        )

    def report(self, job_set_key: int, *, pending: int, planned: int, accepted: int) -> None:
        """Take note of how far the jobs of a set are.

        Args:
            job_set_key: The job set.
            pending: Jobs that the backend has or is asked to take.
            planned: Jobs that wait to be sent.
            accepted: Those among the pending ones that the backend is known to have.
        """
        self._pending[job_set_key] = pending
        self._accepted_before = sum(self._accepted.values())
        self._accepted[job_set_key] = accepted
        if self._learnt is not None:
            self._learnt = max(self._learnt, sum(self._accepted.values()))
        (self._waiting.add if planned else self._waiting.discard)(job_set_key)

    def leave(self, job_set_key: int) -> None:
        """Forget a job set that this process does not drive any more."""
        self._pending.pop(job_set_key, None)
        self._accepted.pop(job_set_key, None)
        self._waiting.discard(job_set_key)

    def note_submission(self, job_set_key: int, now_s: float) -> None:
        """Count one submission towards the pace, and towards what is pending until `report`."""
        self._sent_s.append(now_s)
        self._pending[job_set_key] = self._pending.get(job_set_key, 0) + 1

    def learn_pending(self, now_s: float) -> None:
        """Take note that the backend refuses more jobs than it has now.

        At least one counts as possible, or none would ever be tried where others fill the account.
        """
        seen = max(self._accepted_before, sum(self._accepted.values()), 1)
        self._learnt, self._learnt_until_s = seen, now_s + LEARNT_FOR_S

    def pause(self, until_s: float) -> None:
        """Send nothing before this time."""
        self._paused_until_s = max(self._paused_until_s, until_s)

    def note_login(self, *, needed: bool) -> bool:
        """Take note of whether a login is needed, and say whether that is news."""
        news = needed != self._needs_login
        self._needs_login = needed
        return news

    def allowed(self, job_set_key: int, limits: Limits, now_s: float) -> int:
        """Return how many jobs of a set may be sent now."""
        if now_s < self._paused_until_s:
            return 0
        most = limits.pending_jobs or MOST_PENDING
        if (learnt := self._learnt_pending(now_s)) is not None:
            most = min(most, learnt)
        sharers = len(self._waiting | {job_set_key})
        places = min(
            most - sum(self._pending.values()),
            -(-most // sharers) - self._pending.get(job_set_key, 0),
        )
        if limits.submissions_per_minute is None:
            return places
        left = limits.submissions_per_minute - self._sent_within_a_minute(now_s)
        return min(places, -(-left // sharers))

    def next_change_s(self, limits: Limits, now_s: float) -> float:
        """Return when more may be allowed by the passing of time alone."""
        times = [self._paused_until_s] if self._paused_until_s > now_s else []
        if self._learnt is not None and self._learnt_until_s > now_s:
            times.append(self._learnt_until_s)
        per_minute = limits.submissions_per_minute
        if per_minute is not None and self._sent_within_a_minute(now_s) >= per_minute:
            times.append(self._sent_s[0] + _MINUTE_S)
        return min(times, default=float("inf"))

    def _learnt_pending(self, now_s: float) -> int | None:
        if now_s >= self._learnt_until_s:
            self._learnt = None
        return self._learnt

    def _sent_within_a_minute(self, now_s: float) -> int:
        while self._sent_s and self._sent_s[0] + _MINUTE_S <= now_s:
            self._sent_s.popleft()
        return len(self._sent_s)
