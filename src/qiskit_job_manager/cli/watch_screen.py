"""The live view of ``qjm watch``, redrawn in place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from qiskit_job_manager.cli import watch_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from qiskit_job_manager.cli.watch_reading import Look

_HEADING_LINES = 10
_FEWEST_JOBS = 3
_WIDEST_BAR = 60


@contextmanager
def live_screen(go_on: str) -> Iterator[Screen]:
    """Show looks on the terminal while the ``with`` block lasts; the last one stays.

    Args:
        go_on: The command that drives the job set.
    """
    console = Console(highlight=False)
    # Drawn when there is a look: no thread of its own draws beside it.
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield Screen(live, go_on)


class Screen:
    """A terminal that shows one look at a time.

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
        """Jobs that there is room for below the heading."""
        return max(self._live.console.height - _HEADING_LINES, _FEWEST_JOBS)

    def draw(self, look: Look) -> None:
        """Show a look instead of the last one."""
        title, *figures = watch_view.heading(look, self._go_on)
        rows = watch_view.jobs(look.jobs)
        parts: list[RenderableType] = [self._text(title, "bold"), self._bar(look)]
        parts += [self._text(line) for line in figures]
        if rows:
            parts += [Text(), self._row(rows[0], "dim"), *map(self._row, rows[1:])]
        self._live.update(Group(*parts), refresh=True)

    def _bar(self, look: Look) -> RenderableType:
        progress = look.progress
        figures = f" {progress.n_ended:,}/{progress.n_jobs:,}"
        width = min(self._live.console.width - len(figures) - 1, _WIDEST_BAR)
        if width < len(figures):
            return self._text(figures.strip())
        done, left = ("#", "-") if self._is_ascii else ("\u2501", "\u2500")
        filled = width * progress.n_ended // max(progress.n_jobs, 1)
        return Text.assemble((done * filled, "green"), (left * (width - filled), "dim"), figures)

    def _text(self, line: str, style: str = "") -> Text:
        return Text(self._shown(line), style=style, overflow="fold")

    def _row(self, line: str, style: str = "") -> Text:
        return Text(self._shown(line), style=style, no_wrap=True, overflow="crop")

    @property
    def _is_ascii(self) -> bool:
        return not self._live.console.encoding.lower().startswith("utf")

    def _shown(self, line: str) -> str:
        # What the terminal cannot show takes more columns once it is escaped, which must be known
        # before the lines are broken: otherwise they are drawn over one another.
        encoding = self._live.console.encoding
        return line.encode(encoding, "backslashreplace").decode(encoding)
