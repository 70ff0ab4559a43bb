"""Prints text and JSON, and asks for confirmation.

Text of others is escaped; JSON is pure ASCII. Arrays are printed item by item, so memory does not
grow with them.
"""

import json
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager import ways
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import escape
from qiskit_job_manager.views.phrases import local, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


__all__ = [
    "cut",
    "escape",
    "escape_lines",
    "first_line",
    "local_time",
    "plural",
]


def escape_lines(text: str) -> str:
    """Escape a text, but keep its line breaks."""
    return "\n".join(escape(line) for line in text.splitlines())


def first_line(text: str | None) -> str:
    """Return the first line of a text, escaped; an empty text for ``None``."""
    lines = ways.as_commands(text or "").strip().splitlines()
    return escape(lines[0]) if lines else ""


def cut(text: str, limit: int) -> str:
    """Return a text, escaped and cut to at most this many characters."""
    shown = escape(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def shown_here(text: str) -> str:
    """Return a line of facts as standard output can show it."""
    return phrases.shown_in(text, sys.stdout.encoding)


def local_time(moment: "datetime") -> str:
    """Return a time of day of the user's own time zone, to the second."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S}"


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


_JOINT = "\0"
# A command that is printed can be copied, so it stays on one line.
_COMMAND = re.compile(r"\bqjm(?: [^\s,;`]+)+")


def say(text: str, *, err: bool = False, indent: int = 0) -> None:
    """Print a text; on a terminal its lines end between words, and commands stay whole.

    What the user can do is named as commands, also where the text comes from the Python side.

    Args:
        text: One or more lines, escaped.
        err: Whether to print to standard error.
        indent: Blanks before each line after the first of a long one.
    """
    text = ways.as_commands(text)
    stream = sys.stderr if err else sys.stdout
    if stream.isatty():
        columns = shutil.get_terminal_size().columns
        text = "\n".join(_wrapped(line, columns, indent) for line in text.split("\n"))
    typer.echo(text, err=err)


def _wrapped(line: str, columns: int, indent: int) -> str:
    if len(line) <= columns:
        return line
    indent = min(indent, columns // 2)
    whole = _COMMAND.sub(lambda command: command[0].replace(" ", _JOINT), line)
    wrapper = textwrap.TextWrapper(
        width=columns,
        subsequent_indent=" " * indent,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(wrapper.wrap(whole)).replace(_JOINT, " ")


YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask. Needed without a terminal.")]


def confirm(warning: str, question: str, *, yes: bool) -> None:
    """Print a warning, and return if the user agrees.

    Raises:
        typer.BadParameter: There is no terminal, and ``--yes`` was not given.
        typer.Abort: The user said no.
    """
    say(f"Warning: {warning}", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "There is no terminal to ask on; give --yes to go on without a question."
        )
    typer.confirm(question, abort=True, err=True)
