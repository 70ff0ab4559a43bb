"""Histograms for terminals."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from qiskit_job_manager.cli.text import escape, first_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.cli.outcomes import Outcome

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
