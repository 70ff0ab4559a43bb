"""A bar on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from qiskit_job_manager.displays.display import Snapshot

_NAME = 24
_WIDEST_BAR = 40


class Terminal:
    """Draws a bar in place on standard error, and the number of jobs in each state below it.

    Args:
        title: Name of the job set.
    """

    every_s = 0.25

    def __init__(self, title: str) -> None:
        self._title = Text(shortened(title, _NAME))
        # The waiting thread draws: no other thread does so beside it.
        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._live.start()

    def draw(self, snapshot: Snapshot) -> None:
        """Draw instead of the last snapshot."""
        parts: list[RenderableType] = [self._bar(snapshot), _states(snapshot)]
        if trouble := phrases.trouble(snapshot.activity):
            parts.append(Text(trouble, style="yellow"))
        self._live.update(Group(*parts), refresh=True)

    def close(self) -> None:
        """End; the last snapshot stays on the terminal."""
        self._live.stop()

    def _bar(self, snapshot: Snapshot) -> Table:
        progress, pace = snapshot.progress, snapshot.pace
        bar = ProgressBar(max(progress.n_jobs, 1), progress.n_ended, width=_WIDEST_BAR)
        figures = f"{progress.n_ended:,}/{progress.n_jobs:,}"
        row = Table.grid(padding=(0, 1))
        row.add_row(self._title, bar, Text(figures), Text(phrases.duration(pace.elapsed_s)))
        return row


def _states(snapshot: Snapshot) -> Text:
    parts = [
        phrases.counted(phrases.shares(snapshot.progress, snapshot.activity)),
        phrases.rate(snapshot.pace),
        phrases.end(snapshot.pace),
    ]
    return Text(", ".join(filter(None, parts)), style="dim")
