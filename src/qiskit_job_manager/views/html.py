"""Pieces of HTML that hold nothing but what was meant: no script, no style sheet, no link.

Styles stand in the elements themselves, as several viewers of notebooks drop style sheets.
"""

from __future__ import annotations

from html import escape as _escape_html
from typing import TYPE_CHECKING, NewType

from qiskit_job_manager.views.colours import FAINT, colour
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Safe = NewType("Safe", str)
"""HTML in which everything of others' making is escaped."""

GAP = Safe("&ensp;")
DOT = Safe(" &middot; ")
_NOTHING = Safe("")
_CELL = f"text-align:left;padding:2px 10px 2px 0;border-bottom:1px solid {FAINT}"
_ROUND = "display:inline-block;width:.65em;height:.65em;border-radius:50%;margin-right:.35em"
_LONGEST_TITLE = 400


def text(value: str, limit: int = 80) -> Safe:
    """Return a text as HTML, escaped and cut."""
    return Safe(_escape_html(shortened(value, limit), quote=True))


def name(value: str, limit: int = 60) -> Safe:
    """Return a name or an id as HTML; a name that is cut is whole in the tool tip.

    Notebooks typeset what looks like a formula, but not inside of ``code``.
    """
    title = f' title="{text(value, _LONGEST_TITLE)}"' if len(value) > limit else ""
    style = "background:none;color:inherit;padding:0"
    return Safe(f'<code style="{style}"{title}>{text(value, limit)}</code>')


def join(parts: Iterable[Safe], between: Safe = _NOTHING) -> Safe:
    """Return pieces one after the other."""
    return Safe(between.join(parts))


def state(label: str, words: str | None = None) -> Safe:
    """Return a state with its colour beside it; the word says the same without colours."""
    dot = f'<span style="{_ROUND};background:{colour(label)}"></span>'
    return unbroken(Safe(f"{dot}{text(words or label)}"))


def unbroken(content: Safe) -> Safe:
    """Return something that is not divided between lines."""
    return Safe(f'<span style="white-space:nowrap">{content}</span>')


def faint(content: Safe) -> Safe:
    """Return something that matters less."""
    return Safe(f'<span style="opacity:.7">{content}</span>')


def line(content: Safe) -> Safe:
    """Return a line of its own."""
    return Safe(f'<div style="margin:2px 0">{content}</div>')


def table(header: Sequence[str], rows: Iterable[Sequence[Safe]]) -> Safe:
    """Return a table; its columns are as wide as they need be."""
    head = "".join(f'<th style="{_CELL};opacity:.7">{text(cell)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    style = "border-collapse:collapse;margin:4px 0;border:0;color:inherit;font-size:inherit"
    return Safe(
        f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def block(*parts: Safe) -> Safe:
    """Return pieces as one whole in the colours of the page."""
    return Safe(f'<div style="color:inherit;line-height:1.5">{"".join(parts)}</div>')


def _cell(content: Safe) -> str:
    return f'<td style="{_CELL};background:none">{content}</td>'
