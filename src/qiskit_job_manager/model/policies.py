"""What may be tried again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a job that was accepted, ran and failed may be sent again.

    Each attempt may cost money, so the default is one. Calls that were definitely refused for now,
    and reads that failed, cost nothing: they are repeated without limit, at growing intervals.

    Attributes:
        max_attempts: Attempts of one job in all that a backend accepts, the first included; at
            least 1.
        first_wait_s: Seconds before the first repetition of anything.
        longest_wait_s: Ceiling of the growing intervals, in seconds.
    """

    max_attempts: int = 1
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
