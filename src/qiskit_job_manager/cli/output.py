"""Text for terminals: escaped, aligned, and never more of it in memory than a page.

JSON for scripts; pure ASCII, so that no terminal can be addressed through it.

Histograms for terminals.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import typer

from qiskit_job_manager.model import JobState
from qiskit_job_manager.views.escape import escape
from qiskit_job_manager.views.phrases import local, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from qiskit_job_manager.cli.commands.results import Outcome


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
    return f"{local(moment):%Y-%m-%d %H:%M:%S}"


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


def print_object(value: Mapping[str, Any]) -> None:
    """Print one JSON object, for people as well."""
    typer.echo(json.dumps(value, indent=2))


def print_object_with(
    value: Mapping[str, Any], name: str, items: Iterable[Mapping[str, Any]]
) -> None:
    """Print one JSON object whose last entry is an array, an item a line as soon as it is known.

    Args:
        value: All other entries; at least one.
        name: Name of the array.
        items: What it holds.
    """
    head = json.dumps(value, indent=2).removesuffix("\n}")
    typer.echo(f"{head},\n  {json.dumps(name)}: [", nl=False)
    separator = "\n    "
    for item in items:
        typer.echo(separator + json.dumps(item), nl=False)
        separator = ",\n    "
    typer.echo("]\n}" if separator == "\n    " else "\n  ]\n}")


def print_array(values: Iterable[Mapping[str, Any]]) -> None:
    """Print a JSON array with one object a line, each as soon as it is known."""
    separator = "[\n"
    for value in values:
        typer.echo(separator + json.dumps(value), nl=False)
        separator = ",\n"
    typer.echo("[]" if separator == "[\n" else "\n]")


_BARS_SHOWN = 20
_NARROWEST_BAR = 10
_WIDEST_BAR = 60
_FULL, _EIGHTHS = "\u2588", "\u258f\u258e\u258d\u258c\u258b\u258a\u2589"


def histogram(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of a histogram, the most frequent outcomes first."""
    yield f"{escape(outcome.name)} (index {outcome.index}, {_caption(outcome)})"
    shown = outcome.most_frequent(_BARS_SHOWN)
    if shown:
        yield from _bars(shown, outcome.shots)
    left = len(outcome.counts or {}) - len(shown)
    if left:
        yield f"  and {plural(left, 'more outcome')}"
    yield ""


def _caption(outcome: Outcome) -> str:
    if outcome.counts is None:
        return f"{outcome.state}: {first_line(outcome.reason)}"
    return plural(outcome.shots, "shot")


def _bars(counts: list[tuple[str, int]], shots: int) -> Iterator[str]:
    width = max(len(outcome) for outcome, _ in counts)
    digits = len(f"{counts[0][1]:,}")
    room = shutil.get_terminal_size().columns - width - digits - len("    100.0 %  ")
    room = max(_NARROWEST_BAR, min(room, _WIDEST_BAR))
    for outcome, count in counts:
        bar = _bar(count / counts[0][1] * room)
        share = 100 * count / shots
        yield f"  {outcome:>{width}}  {count:>{digits},} {share:5.1f} %  {bar}"


def _bar(length: float) -> str:
    if "utf" not in (sys.stdout.encoding or "").lower():
        return "#" * round(length)
    eighths = round(length * 8)
    return _FULL * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")
