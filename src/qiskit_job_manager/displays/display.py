"""What is shown at one moment, and what shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qiskit_job_manager.model.progress import Activity, Pace, Progress


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that there is to show at one moment.

    Attributes:
        progress: Jobs by state.
        activity: What the backend last said of those that it has.
        pace: How fast it goes.
    """

    progress: Progress
    activity: Activity
    pace: Pace


class Display(Protocol):
    """Where readings are shown; made for one wait and closed after it."""

    every_s: float
    """Seconds between two drawings at least."""

    def draw(self, reading: Reading) -> None:
        """Show a reading, instead of the last one where that is possible."""

    def close(self) -> None:
        """Leave the last reading where it is."""
