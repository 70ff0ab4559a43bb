"""Moments as users write them: an ISO date, or how long ago."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from qiskit_job_manager.errors import InvalidArgumentError

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|h|d|w)")


def check_order(since: datetime | None, until: datetime | None) -> None:
    """Check that something can lie between two moments.

    Raises:
        InvalidArgumentError: The first one is not before the second one.
    """
    if since is not None and until is not None and since >= until:
        msg = (
            f"since is {since:%Y-%m-%d %H:%M:%S} and until is {until:%Y-%m-%d %H:%M:%S}: nothing "
            "is between them; since must be the earlier one"
        )
        raise InvalidArgumentError(msg)


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment that an ISO date or an age such as ``2d`` means.

    Raises:
        InvalidArgumentError: It is neither.
    """
    if match := _DURATION.fullmatch(text.strip()):
        try:
            return now - timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
        except OverflowError as error:
            msg = f"{text!r} is longer ago than dates can say."
            raise InvalidArgumentError(msg) from error
    try:
        # Without a time zone the user means local time.
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        msg = (
            f"{text!r} is neither an ISO date such as 2026-03-01 or 2026-03-01T14:30 nor an age "
            "such as 90s, 30min, 3h, 2d or 1w."
        )
        raise InvalidArgumentError(msg) from error
