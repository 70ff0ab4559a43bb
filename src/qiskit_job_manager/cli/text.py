"""Text for terminals: escaped, aligned, and never more of it in memory than a page."""

from __future__ import annotations

import itertools
import unicodedata
from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState
from qiskit_job_manager.views.text import escape
from qiskit_job_manager.views.words import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

__all__ = [
    "counted",
    "cut",
    "escape",
    "escape_lines",
    "first_line",
    "local_time",
    "plural",
    "table",
]

_PAGE = 500
_WIDEST_CELL = 48


def escape_lines(text: str) -> str:
    """Escape a message, but keep its line breaks."""
    return "\n".join(escape(line) for line in text.splitlines())


def first_line(text: str | None) -> str:
    """Return the first line of a message, escaped; an empty text for ``None``."""
    lines = (text or "").strip().splitlines()
    return escape(lines[0]) if lines else ""


def cut(text: str, limit: int) -> str:
    """Return text escaped, and cut where it is longer than so many characters."""
    shown = escape(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def counted(states: Mapping[JobState, int]) -> str:
    """Return such as ``3 active, 20 done``, leaving out what does not occur."""
    return ", ".join(f"{states[state]:,} {state}" for state in JobState if states.get(state))


def local_time(moment: datetime) -> str:
    """Return a time of day of the user's own time zone, to the second."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of an aligned table.

    The widths are those of a page of rows; a later page with wider cells moves its columns. So a
    table of a million rows needs no more memory than one of a thousand. The last column is never
    padded and never cut; in the others, what is beyond 48 characters is.
    """
    remaining = iter(rows)
    first = True
    while (page := list(itertools.islice(remaining, _PAGE))) or first:
        yield from _page(header, page, with_header=first)
        first = False


def _page(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, with_header: bool
) -> Iterator[str]:
    cells = [list(header), *([*map(_shorten, row[:-1]), row[-1]] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    for row in cells if with_header else cells[1:]:
        yield "  ".join(map(_pad, row, widths)).rstrip()


def _shorten(cell: str) -> str:
    return cell if len(cell) <= _WIDEST_CELL else cell[: _WIDEST_CELL - 3] + "..."


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    if cell.isascii():
        return len(cell)
    return sum(_columns_of(character) for character in cell)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
