"""A bar on a terminal, divided among the states of jobs, with and without colours.

Each state has its own character, so that a bar of cancelled jobs does not look like one of jobs
that are done where nothing has a colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.colours import colour
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

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


# -- the bar itself --------------------------------------------------------------------------------

_NOT_BEGUN = frozenset({"planned", "interrupted"})
_MARKS = {"done": "\u2501", "failed": "x", "lost": "x", "cancelled": "/", "in doubt": "?"}
_ASCII_MARKS = {**_MARKS, "done": "#"}
_UNDER_WAY, _LEFT = "\u254d", "\u2500"
_ASCII_UNDER_WAY, _ASCII_LEFT = "+", "-"


def state_bar(states: Sequence[tuple[str, int]], width: int, encoding: str) -> Text:
    """Return a bar of so many characters.

    Args:
        states: How many jobs are in each state, in the order of the bar.
        width: Its characters.
        encoding: Encoding of the output; without UTF-8 the bar is ASCII.
    """
    is_ascii = not encoding.lower().startswith("utf")
    bar = Text(no_wrap=True, overflow="crop")
    for label, cells in cells_of(states, width):
        bar.append(_mark(label, is_ascii=is_ascii) * cells, style=colour(label))
    bar.append(_mark("planned", is_ascii=is_ascii) * (width - len(bar)), style="dim")
    return bar


def cells_of(states: Sequence[tuple[str, int]], width: int) -> list[tuple[str, int]]:
    """Divide the characters of a bar among states; one that has jobs is seen where there is room.

    The characters go in proportion, and those that are left over to the largest remainders.
    """
    whole = sum(count for _, count in states)
    if not whole:
        return []
    least = 1 if len(states) <= width else 0
    exact = [width * count / whole for _, count in states]
    cells = [max(int(share), least) for share in exact]
    by_remainder = sorted(range(len(cells)), key=lambda at: cells[at] - exact[at])
    while (left := width - sum(cells)) > 0:
        for at in by_remainder[:left]:
            cells[at] += 1
    while sum(cells) > width:
        cells[cells.index(max(cells))] -= 1
    return [(label, number) for (label, _), number in zip(states, cells, strict=True)]


def _mark(label: str, *, is_ascii: bool) -> str:
    marks = _ASCII_MARKS if is_ascii else _MARKS
    if label in marks:
        return marks[label]
    if label in _NOT_BEGUN:
        return _ASCII_LEFT if is_ascii else _LEFT
    return _ASCII_UNDER_WAY if is_ascii else _UNDER_WAY
