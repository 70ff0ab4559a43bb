"""Pieces of HTML: texts, tables and bars, without script, style sheet or link.

Styles stand in the elements themselves, as several viewers of notebooks drop style sheets. Bars are
made of boxes only, so that they show wherever HTML does.
"""

from __future__ import annotations

from html import escape as _escape_html
from typing import TYPE_CHECKING, NewType

from qiskit_job_manager.views.colours import ACCENT, FAINT, colour
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Safe = NewType("Safe", str)
"""HTML in which every text of users, files and backends is escaped."""

GAP = Safe("&ensp;")
DOT = Safe(" &middot; ")
_NOTHING = Safe("")
_CELL = f"text-align:left;padding:2px 10px 2px 0;border-bottom:1px solid {FAINT}"
_ROUND = "display:inline-block;width:.65em;height:.65em;border-radius:50%;margin-right:.35em"
_LONGEST_TITLE = 400
_OUTCOME_LIMIT = 24


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
    """Return a state with its colour beside it; it can be read without colours, too."""
    dot = f'<span style="{_ROUND};background:{colour(label)}"></span>'
    return unbroken(Safe(f"{dot}{text(words or label)}"))


def unbroken(content: Safe) -> Safe:
    """Return HTML that is not divided between lines."""
    return Safe(f'<span style="white-space:nowrap">{content}</span>')


def faint(content: Safe) -> Safe:
    """Return HTML in a fainter colour."""
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
    """Return pieces as one block in the colours of the page."""
    return Safe(f'<div style="color:inherit;line-height:1.5">{"".join(parts)}</div>')


def _cell(content: Safe) -> str:
    return f'<td style="{_CELL};background:none">{content}</td>'


def states_bar(states: Sequence[tuple[str, int]], width: str = "16em") -> Safe:
    """Return one bar divided among states, in proportion."""
    whole = sum(count for _, count in states) or 1
    parts = "".join(
        f'<span title="{text(label)}: {count:,}" style="display:inline-block;height:100%;'
        f'width:{100 * count / whole:.3f}%;background:{colour(label)}"></span>'
        for label, count in states
    )
    style = (
        f"display:inline-block;width:{width};height:.7em;background:{FAINT};border-radius:3px;"
        "overflow:hidden;white-space:nowrap;font-size:inherit;line-height:0;vertical-align:middle"
    )
    return Safe(f'<span style="{style}">{parts}</span>')


def legend(states: Sequence[tuple[str, int]]) -> Safe:
    """Return how many jobs are in each state, each with its colour."""
    return join((state(label, f"{count:,} {label}") for label, count in states), GAP)


def counts_chart(counts: Sequence[tuple[str, int]], shots: int) -> Safe:
    """Return a small bar chart of outcomes, a line each.

    Args:
        counts: Outcomes and how often each was seen, those to be shown.
        shots: All shots; the bars are shares of them.
    """
    rows = [
        f'<div style="display:flex;align-items:center;gap:.5em;line-height:1.3">'
        f'<code style="background:none;color:inherit;padding:0">{text(outcome, _OUTCOME_LIMIT)}'
        f'</code><span style="flex:none;width:8em;height:.6em;background:{FAINT};'
        f'border-radius:2px;overflow:hidden;line-height:0"><span style="display:inline-block;'
        f'height:100%;width:{_share(count, shots):.2f}%;background:{ACCENT}"></span></span>'
        f"<span>{count:,}</span></div>"
        for outcome, count in counts
    ]
    return Safe("".join(rows))


def _share(count: float, shots: int) -> float:
    return min(max(100 * count / shots, 0.0), 100.0) if shots else 0.0
