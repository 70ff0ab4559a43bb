"""A bar that is divided among the states of jobs, for terminals with and without colours.

Each state has its own character, so that a bar of cancelled jobs does not look like one of jobs
that are done where nothing has a colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from qiskit_job_manager.views.colours import colour

if TYPE_CHECKING:
    from collections.abc import Sequence

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
