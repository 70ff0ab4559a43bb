"""A bar on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from qiskit_job_manager.displays.display import Reading

_NAME = 24
_WIDEST_BAR = 40


class Terminal:
    """Draws a bar in place with what is in which state below it, on standard error.

    Args:
        title: Name of the job set.
    """

    every_s = 0.25

    def __init__(self, title: str) -> None:
        self._title = Text(shortened(title, _NAME))
        # Drawn when there is a reading, by who waits: no thread of its own draws beside it.
        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._live.start()

    def draw(self, reading: Reading) -> None:
        """Draw instead of the last reading."""
        self._live.update(Group(self._bar(reading), _states(reading)), refresh=True)

    def close(self) -> None:
        """Leave the last reading on the terminal."""
        self._live.stop()

    def _bar(self, reading: Reading) -> Table:
        progress, pace = reading.progress, reading.pace
        bar = ProgressBar(max(progress.n_jobs, 1), progress.n_ended, width=_WIDEST_BAR)
        figures = f"{progress.n_ended:,}/{progress.n_jobs:,}"
        row = Table.grid(padding=(0, 1))
        row.add_row(self._title, bar, Text(figures), Text(phrases.duration(pace.elapsed_s)))
        return row


def _states(reading: Reading) -> Text:
    parts = [
        phrases.counted(phrases.shares(reading.progress, reading.activity)),
        phrases.rate(reading.pace),
        phrases.end(reading.pace),
    ]
    return Text(", ".join(filter(None, parts)), style="dim")
