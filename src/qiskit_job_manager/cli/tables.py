"""Tables that fit the terminal; piped output has every cell whole.

On a terminal that is too narrow, the widest cells are shortened first, down to the least width of
their column. Then columns are dropped, in the order that they state. No row takes a second line.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PAGE = 500
_GAP = "  "
# A longer cell of piped output sticks out of its column, which keeps the others in line.
_WIDEST_COLUMN = 48


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        least: Characters that its cells are shortened to at most; 0: they are never shortened.
        dropped: When the column is dropped on a narrow terminal: 1 is the first; 0: never.
    """

    title: str
    least: int = 0
    dropped: int = 0


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], *, width: int | None = None
) -> Iterator[str]:
    """Yield the lines of an aligned table.

    The widths come from one page of rows; a later page may have other widths. Memory therefore does
    not grow with the table.

    Args:
        columns: The columns.
        rows: One cell for each column.
        width: Characters of a line at most; ``None``: those of the terminal, and any number where
            standard output is none.
    """
    room = width or terminal_width()
    remaining = iter(rows)
    first = True
    while (page := list(itertools.islice(remaining, _PAGE))) or first:
        yield from _page(columns, page, room, with_header=first)
        first = False


def terminal_width() -> int | None:
    """Return the characters of a line of the terminal, or ``None`` where output is piped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def shortened_to(text: str, width: int) -> str:
    """Return a text cut to this many columns of a terminal, with an ellipsis if it was cut."""
    if columns_of(text) <= width:
        return text
    mark = ellipsis()
    room, kept = width - len(mark), ""
    for character in text:
        room -= _columns_of(character)
        if room < 0:
            break
        kept += character
    return (kept.rstrip() + mark)[:width]


def ellipsis() -> str:
    """Return what stands for text that was cut off, as far as the output can show it."""
    return "\u2026" if "utf" in (sys.stdout.encoding or "").lower() else "..."


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _page(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int | None, *, with_header: bool
) -> Iterator[str]:
    cells = [[column.title for column in columns], *rows]
    widths = [max(map(columns_of, each)) for each in zip(*cells, strict=True)]
    if room is None:
        widths = [min(width, _WIDEST_COLUMN) for width in widths]
    else:
        widths = _fitted(columns, widths, room)
    for row in cells if with_header else cells[1:]:
        shown = [(cell, width) for cell, width in zip(row, widths, strict=True) if width]
        if room is not None:
            shown = [(shortened_to(cell, width), width) for cell, width in shown]
        yield _GAP.join(cell + " " * (width - columns_of(cell)) for cell, width in shown).rstrip()


def _fitted(columns: Sequence[Column], widths: Sequence[int], room: int) -> list[int]:
    """Return the widths of the columns on a line with this room; 0 drops one."""
    kept = list(range(len(columns)))
    while True:
        fitted = _shrunk(columns, widths, kept, room)
        droppable = [at for at in kept if columns[at].dropped]
        if _total(fitted[at] for at in kept) <= room or not droppable:
            break
        kept.remove(min(droppable, key=lambda at: columns[at].dropped))
    while _total(fitted[at] for at in kept) > room and max(fitted) > 1:
        fitted[fitted.index(max(fitted))] -= 1  # not even the least widths fit
    return fitted


def _shrunk(
    columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int], room: int
) -> list[int]:
    fitted = [width if at in kept else 0 for at, width in enumerate(widths)]
    while _total(fitted[at] for at in kept) > room:
        can = [at for at in kept if columns[at].least and fitted[at] > columns[at].least]
        if not can:
            break
        fitted[max(can, key=lambda at: fitted[at])] -= 1
    return fitted


def _total(widths: Iterable[int]) -> int:
    shown = list(widths)
    return sum(shown) + len(_GAP) * (len(shown) - 1)
