"""The one place that asks for the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime

# Linux's CLOCK_MONOTONIC stands still while the machine is suspended; macOS's goes on.
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def since_boot(self) -> float:
        """Return seconds that only grow, and go on while the machine is suspended."""
        return time.clock_gettime(_SINCE_BOOT)
