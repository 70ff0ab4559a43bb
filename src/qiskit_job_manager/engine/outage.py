"""Calls about one job that fail again and again: since when, how often, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.lifecycle import CallKind

if TYPE_CHECKING:
    from datetime import datetime

_FIRST_REPORT = 3
_FIRST_REPORT_AFTER_S = 2.0

_ACTS = {
    CallKind.FIND: "searching for the job by its tag",
    CallKind.STATUS: "asking for the status",
    CallKind.FETCH: "fetching the result",
    CallKind.UNDERSTAND: "reading the stored result",
    CallKind.CANCEL: "cancelling",
}


@dataclass(slots=True)
class Outage:
    """Failures in a row of calls about one job.

    Attributes:
        since: When the first call failed, in UTC.
        since_s: The same on the engine's clock.
        count: How many calls have failed.
        act: What failed last.
        words: Why, in the words of the backend.
        is_stored: Whether the store says so.
    """

    since: datetime
    since_s: float
    count: int = 0
    act: str = ""
    words: str = ""
    is_stored: bool = False
    _next_report: int = _FIRST_REPORT

    def note(self, kind: CallKind, words: str) -> None:
        """Count one more failure."""
        self.count += 1
        self.act = _ACTS[kind]
        self.words = words

    def is_to_be_reported(self, now_s: float) -> bool:
        """Say whether it is time to store it: at first, and whenever the number has doubled."""
        if self.count < self._next_report or now_s < self.since_s + _FIRST_REPORT_AFTER_S:
            return False
        self._next_report = 2 * self.count
        self.is_stored = True
        return True

    def __str__(self) -> str:
        return (
            f"{self.act} has failed {self.count} times since {self.since:%H:%M:%S} UTC: "
            f"{self.words}"
        )
