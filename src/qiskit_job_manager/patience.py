"""How long a call waits for a store that cannot be reached or that another process holds.

A store that is away for seconds (a restart of the database, a backup that holds the file) must not
end what waits for hours. So each call of a store tries again while the caller has patience: by
default for less than the time of a lease, within `patient` as long as the caller says.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_S = 20.0
"""Seconds that a call waits if nothing else is said."""

_until_s: ContextVar[float | None] = ContextVar("until_s", default=None)


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Let the calls of this thread wait for a store until so many seconds from now.

    Within another `patient` the earlier end counts.

    Args:
        seconds: 0 does not wait; infinity waits for ever.

    Example:
        >>> with patient(0.5):
        ...     remaining_s() <= 0.5
        True
    """
    outer = _until_s.get()
    inner = time.monotonic() + seconds
    before = _until_s.set(inner if outer is None else min(inner, outer))
    try:
        yield
    finally:
        _until_s.reset(before)


def remaining_s() -> float:
    """Return for how many seconds a call that begins now may wait, never negative."""
    until_s = _until_s.get()
    return DEFAULT_S if until_s is None else max(0.0, until_s - time.monotonic())


class Patience:
    """The patience of one call: gives pauses that grow, until it is at its end."""

    def __init__(self) -> None:
        self._until_s = time.monotonic() + remaining_s()
        self._pause_s = 0.02

    @property
    def left_s(self) -> float:
        """Seconds that are left, never negative."""
        return max(0.0, self._until_s - time.monotonic())

    def pause(self) -> bool:
        """Pause before the next try; return ``False``, at once, when no time is left for one."""
        left_s = self.left_s
        if not left_s:
            return False
        time.sleep(min(self._pause_s, left_s))
        self._pause_s = min(self._pause_s * 2, 0.5)
        return True
