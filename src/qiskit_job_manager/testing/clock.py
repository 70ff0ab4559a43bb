"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """A `Clock` that only a test moves. Safe to use from any thread.

    Args:
        start: The time of day at the beginning; aware.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start = start.astimezone(UTC)
        self._passed_s = 0.0
        self._suspended_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds that have passed since the beginning."""
        with self._lock:
            return self._passed_s

    def since_boot(self) -> float:
        """Return the seconds that have passed since the beginning, in suspension or not."""
        with self._lock:
            return self._passed_s + self._suspended_s

    def suspend(self, seconds: float) -> None:
        """Let time pass as it does while a machine is suspended: `monotonic` stands still."""
        with self._lock:
            self._suspended_s += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: The seconds are negative; no monotonic clock goes back.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock cannot be moved by {seconds!r} seconds; give 0 or more")
        with self._lock:
            self._passed_s += seconds
