"""The live view of ``qjm watch``: shows snapshots in place on a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from qiskit_job_manager.cli.watch_snapshot import heading, jobs
from qiskit_job_manager.displays.terminal_bar import state_bar
from qiskit_job_manager.views import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from qiskit_job_manager.cli.watch_snapshot import Snapshot

_HEADING_LINES = 10
_FEWEST_JOBS = 3
_WIDEST_BAR = 60


@contextmanager
def live_screen(go_on: str) -> Iterator[Screen]:
    """Show snapshots on the terminal while the ``with`` block lasts; the last one stays.

    Args:
        go_on: The command that drives the job set.
    """
    console = Console(highlight=False)
    # Only `Screen.draw` draws: rich's own refresh thread is off.
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield Screen(live, go_on)


class Screen:
    """Shows one snapshot at a time on a terminal.

    Args:
        live: Draws in place.
        go_on: The command that drives the job set.
    """

    every_s = 0.25

    def __init__(self, live: Live, go_on: str) -> None:
        self._live = live
        self._go_on = go_on

    @property
    def n_jobs(self) -> int:
        """Number of jobs that fit below the heading."""
        return max(self._live.console.height - _HEADING_LINES, _FEWEST_JOBS)

    def draw(self, snapshot: Snapshot) -> None:
        """Replace the last snapshot by a new one."""
        title, *figures = heading(snapshot, self._go_on)
        rows = jobs(snapshot.jobs, snapshot.silent)
        parts: list[RenderableType] = [self._text(title, "bold"), self._bar(snapshot)]
        parts += [self._text(line) for line in figures]
        if rows:
            parts += [Text(), self._row(rows[0], "dim"), *map(self._row, rows[1:])]
        self._live.update(Group(*parts), refresh=True)

    def _bar(self, snapshot: Snapshot) -> RenderableType:
        console = self._live.console
        states = phrases.shares(snapshot.progress, snapshot.activity)
        return state_bar(states, min(console.width, _WIDEST_BAR), console.encoding)

    def _text(self, line: str, style: str = "") -> Text:
        return Text(self._shown(line), style=style, overflow="fold")

    def _row(self, line: str, style: str = "") -> Text:
        return Text(self._shown(line), style=style, no_wrap=True, overflow="crop")

    def _shown(self, line: str) -> str:
        # Escape here what the terminal cannot show: escapes take more columns, and rich must know
        # them before it breaks lines.
        encoding = self._live.console.encoding
        line = phrases.shown_in(line, encoding)
        return line.encode(encoding, "backslashreplace").decode(encoding)
