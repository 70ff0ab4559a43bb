"""One deadline for a whole call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Clock


class Deadline:
    """When a call is to end, whatever it is made of.

    Args:
        timeout: Seconds; ``None`` means never, ``0`` means at once.
        clock: Asked for the time.

    Raises:
        InvalidArgumentError: The timeout is negative or not a number.
    """

    def __init__(self, timeout: float | None, clock: Clock) -> None:
        if timeout is not None and (not isinstance(timeout, (int, float)) or not timeout >= 0):
            msg = f"timeout is {timeout!r}; it is a number of seconds, 0 or more, or None"
            raise InvalidArgumentError(msg)
        self._timeout = timeout
        self._clock = clock
        self._until_s = float("inf") if timeout is None else clock.monotonic() + timeout

    @property
    def remaining_s(self) -> float:
        """Seconds that remain, never negative."""
        return max(self._until_s - self._clock.monotonic(), 0.0)

    def left(self) -> float | None:
        """Return the timeout for the rest of the call; ``None`` where there is none."""
        return None if self._timeout is None else self.remaining_s
