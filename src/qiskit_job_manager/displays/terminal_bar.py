"""A bar on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from qiskit_job_manager.displays.state_bar import state_bar
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from qiskit_job_manager.displays.display import Snapshot

_NAME = 24
_WIDEST_BAR = 60
_NARROWEST_BAR = 8


class Terminal:
    """Draws in place on standard error: a bar, how many circuits are done, and the jobs by state.

    Args:
        title: Name of the job set.
    """

    every_s = 0.25

    def __init__(self, title: str) -> None:
        self._console = Console(stderr=True)
        self._title = shortened(title, _NAME)
        # The waiting thread draws: no other thread does so beside it.
        self._live = Live(console=self._console, auto_refresh=False)
        self._live.start()

    def draw(self, snapshot: Snapshot) -> None:
        """Draw instead of the last snapshot."""
        states = phrases.shares(snapshot.progress, snapshot.activity)
        facts = [
            phrases.counted(states),
            phrases.rate(snapshot.pace),
            phrases.end(snapshot.pace),
            phrases.elapsed(snapshot.pace),
        ]
        parts: list[RenderableType] = [
            *self._bar(states),
            self._text(phrases.how_far(snapshot.progress, snapshot.pace)),
            self._text(phrases.BETWEEN.join(filter(None, facts)), style="dim"),
        ]
        if trouble := phrases.trouble(snapshot.activity):
            parts.append(self._text(trouble, style="yellow"))
        self._live.update(Group(*parts), refresh=True)

    def close(self) -> None:
        """End; the last snapshot stays on the terminal."""
        self._live.stop()

    def _bar(self, states: list[tuple[str, int]]) -> list[RenderableType]:
        """Return the title and the bar: on one line where there is room."""
        title, columns = self._text(self._title), self._console.width
        room = columns - title.cell_len - 1
        if room < _NARROWEST_BAR:
            return [title, state_bar(states, columns, self._console.encoding)]
        bar = state_bar(states, min(room, _WIDEST_BAR), self._console.encoding)
        return [Text.assemble(title, " ", bar, no_wrap=True, overflow="crop")]

    def _text(self, line: str, style: str = "") -> Text:
        # What the terminal cannot show is escaped here: Rich must know how many columns it takes.
        encoding = self._console.encoding
        shown = phrases.shown_in(line, encoding)
        return Text(shown.encode(encoding, "backslashreplace").decode(encoding), style=style)
