"""Bars made of nothing but boxes, so that they show wherever HTML does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.views.colours import ACCENT, FAINT, colour
from qiskit_job_manager.views.html import GAP, Safe, join, state, text

if TYPE_CHECKING:
    from collections.abc import Sequence


_OUTCOME_LIMIT = 24


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
    """Return how many are in which state, each beside its colour."""
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
