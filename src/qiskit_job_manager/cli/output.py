"""Prints text, tables and JSON, and asks for confirmation.

Text of others is escaped; JSON is pure ASCII. Tables and arrays are printed page by page, so memory
does not grow with them.
"""

import itertools
import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.model import JobState
from qiskit_job_manager.views.escape import escape
from qiskit_job_manager.views.phrases import local, plural

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
    """Escape a text, but keep its line breaks."""
    return "\n".join(escape(line) for line in text.splitlines())


def first_line(text: str | None) -> str:
    """Return the first line of a text, escaped; an empty text for ``None``."""
    lines = (text or "").strip().splitlines()
    return escape(lines[0]) if lines else ""


def cut(text: str, limit: int) -> str:
    """Return a text, escaped and cut to at most this many characters."""
    shown = escape(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def counted(states: "Mapping[JobState, int]") -> str:
    """Return counts as text, such as ``3 active, 20 done``; states without jobs are left out."""
    return ", ".join(f"{states[state]:,} {state}" for state in JobState if states.get(state))


def local_time(moment: "datetime") -> str:
    """Return a time of day of the user's own time zone, to the second."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S}"


def table(header: "Sequence[str]", rows: "Iterable[Sequence[str]]") -> "Iterator[str]":
    """Yield the lines of an aligned table.

    The widths come from one page of rows; a later page may have other widths. Memory therefore does
    not grow with the table. Cells are cut to 48 characters, except in the last column.
    """
    remaining = iter(rows)
    first = True
    while (page := list(itertools.islice(remaining, _PAGE))) or first:
        yield from _page(header, page, with_header=first)
        first = False


def _page(
    header: "Sequence[str]", rows: "Sequence[Sequence[str]]", *, with_header: bool
) -> "Iterator[str]":
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


def print_object(value: "Mapping[str, Any]") -> None:
    """Print one JSON object, indented."""
    typer.echo(json.dumps(value, indent=2))


def print_object_with(
    value: "Mapping[str, Any]", name: str, items: "Iterable[Mapping[str, Any]]"
) -> None:
    """Print one JSON object whose last entry is an array; each item is printed when it is known.

    Args:
        value: All other entries; at least one.
        name: Name of the array.
        items: The items of the array.
    """
    head = json.dumps(value, indent=2).removesuffix("\n}")
    typer.echo(f"{head},\n  {json.dumps(name)}: [", nl=False)
    separator = "\n    "
    for item in items:
        typer.echo(separator + json.dumps(item), nl=False)
        separator = ",\n    "
    typer.echo("]\n}" if separator == "\n    " else "\n  ]\n}")


def print_array(values: "Iterable[Mapping[str, Any]]") -> None:
    """Print a JSON array, one object for each line, each when it is known."""
    separator = "[\n"
    for value in values:
        typer.echo(separator + json.dumps(value), nl=False)
        separator = ",\n"
    typer.echo("[]" if separator == "[\n" else "\n]")


YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask. Needed without a terminal.")]


def confirm(warning: str, question: str, *, yes: bool) -> None:
    """Print a warning, and return if the user agrees.

    Raises:
        typer.BadParameter: There is no terminal, and ``--yes`` was not given.
        typer.Abort: The user said no.
    """
    typer.echo(f"Warning: {warning}", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "There is no terminal to ask on; give --yes to go on without a question."
        )
    typer.confirm(question, abort=True, err=True)
