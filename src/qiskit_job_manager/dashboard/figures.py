"""Bars, timelines, histograms and plots as SVG, drawn on the server; colours come from the style.

Sizes stand in attributes, as the pages allow no inline style.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from qiskit_job_manager.pictures.timeline import Span

_WIDTH = 1000
_ROW, _LABEL = 18, 60
_AXIS = 24
_PLOT_HEIGHT, _MARGIN = 320, 50
_LABEL_LENGTH = 28

_SHARE = Markup(
    '<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="10"><title>{:,} {}</title></rect>'
)
_PHASE = Markup(
    '<rect class="{}" x="{:.2f}" y="{}" width="{:.2f}" height="{}"><title>{} for {}</title></rect>'
)
_TICK = Markup('<text class="tick" x="{:.2f}" y="{:.2f}" text-anchor="{}">{}</text>')
_AXIS_NAME = Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>')
_OUTCOME = Markup(
    '<text class="bits" x="{}" y="{}" text-anchor="end">{}</text>'
    '<rect class="bar-fill" x="{}" y="{}" width="{:.2f}" height="{}"/>'
    '<text class="tick" x="{:.2f}" y="{}">{:,} ({:.1f} %)</text>'
)
_ERROR = Markup('<line class="error" x1="{0:.2f}" x2="{0:.2f}" y1="{1:.2f}" y2="{2:.2f}"/>')
_POINT = Markup(
    '<circle class="point" cx="{:.2f}" cy="{:.2f}" r="3"><title>{:g}: {:.6g}</title></circle>'
)
_GRID_LINE = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.2f}" y2="{:.2f}"/>')


def css_class(label: str) -> str:
    """Return the class of a state, such as ``s-in-doubt``."""
    return "s-" + label.replace(" ", "-")


def states_bar(states: Sequence[tuple[str, int]]) -> Markup:
    """Return one bar divided among states, which its name counts."""
    whole = sum(count for _, count in states) or 1
    parts, at = [], 0.0
    for label, count in states:
        width = _WIDTH * count / whole
        parts.append(_SHARE.format(css_class(label), at, width, count, label))
        at += width
    name = phrases.counted(states) or "no jobs yet"
    return _svg(f"0 0 {_WIDTH} 10", name, parts, kind="bar", stretch=True)


def favicon(count: int) -> str:
    """Return the picture of the tab: a bar, and how many things need the user."""
    badge = ""
    if count:
        text = str(count) if count < 100 else "99+"
        badge = (
            '<circle cx="21" cy="11" r="11" fill="#d64545"/><text x="21" y="16" fill="#fff" '
            f'font-family="sans-serif" font-size="13" text-anchor="middle">{text}</text>'
        )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        '<rect x="1" y="18" width="18" height="10" rx="2" fill="#2e9e5b"/>'
        f'<rect x="19" y="18" width="12" height="10" rx="2" fill="#3b82c4"/>{badge}</svg>'
    )


# -- the timeline ---------------------------------------------------------------------------------


def timeline(rows: Sequence[tuple[str, Sequence[Span]]]) -> Markup:
    """Return a line for each job with the phases of its attempts, on one axis of time.

    Args:
        rows: The name of each line and its phases.
    """
    spans = [span for _, row in rows for span in row]
    if not spans:
        return Markup("")
    begin, end = min(s.begin for s in spans), max(s.end for s in spans)
    whole_s = max((end - begin).total_seconds(), 1e-3)
    parts: list[Markup] = []
    for number, (name, row) in enumerate(rows):
        y = number * _ROW
        parts.append(_TICK.format(_LABEL - 6, y + 13, "end", name))
        parts += (_phase(span, begin, whole_s, y) for span in row)
    parts += _time_axis(begin, end, len(rows) * _ROW)
    height = len(rows) * _ROW + _AXIS
    name = f"Timeline of {phrases.plural(len(rows), 'job')} over {phrases.duration(whole_s)}"
    return _svg(f"0 0 {_WIDTH} {height}", name, parts, kind="timeline")


def _phase(span: Span, begin: datetime, whole_s: float, y: int) -> Markup:
    room = _WIDTH - _LABEL
    x = _LABEL + room * (span.begin - begin).total_seconds() / whole_s
    seconds = (span.end - span.begin).total_seconds()
    width = max(room * seconds / whole_s, 1.0)
    words = (span.label, phrases.duration(seconds))
    return _PHASE.format(css_class(span.label), x, y + 3, width, _ROW - 6, *words)


def _time_axis(begin: datetime, end: datetime, y: int) -> Iterator[Markup]:
    same_day = phrases.local(begin).date() == phrases.local(end).date()
    form = "%H:%M:%S" if same_day else "%m-%d %H:%M"
    yield _TICK.format(_LABEL, y + 16, "start", f"{phrases.local(begin):{form}}")
    yield _TICK.format(_WIDTH, y + 16, "end", f"{phrases.local(end):{form}}")


# -- histograms -----------------------------------------------------------------------------------


def histogram(outcomes: Sequence[tuple[str, int]], shots: int) -> Markup:
    """Return a line for each outcome: its bits, a bar, and how often it was seen.

    Args:
        outcomes: The outcomes to show, each with its count.
        shots: All shots; the figures are shares of them.
    """
    most = max((count for _, count in outcomes), default=1) or 1
    label = 12 + 8 * min(max((len(bits) for bits, _ in outcomes), default=1), _LABEL_LENGTH)
    room = _WIDTH - label - 150
    parts: list[Markup] = []
    for number, (bits, count) in enumerate(outcomes):
        y = number * _ROW
        width = room * count / most
        text = (label - 8, y + 13, shortened(bits, _LABEL_LENGTH))
        share = 100 * count / shots if shots else 0.0
        box = (label, y + 3, width, _ROW - 6)
        parts.append(_OUTCOME.format(*text, *box, label + width + 8, y + 13, count, share))
    name = f"Histogram of {phrases.plural(len(outcomes), 'outcome')}"
    height = max(len(outcomes), 1) * _ROW
    return _svg(f"0 0 {_WIDTH} {height}", name, parts, kind="histogram")


# -- the plot of a sweep --------------------------------------------------------------------------


def scatter(
    points: Sequence[tuple[float, float, float | None]], x_name: str, y_name: str
) -> Markup:
    """Return a plot of points with their errors, and a table-like name for those who cannot see it.

    Args:
        points: For each x, y and the standard deviation of y, or ``None``.
        x_name: What x is.
        y_name: What y is.
    """
    if not points:
        return Markup("")
    x_axis = _Axis([x for x, _, _ in points], _MARGIN + 10, _WIDTH - 10)
    around = [y + sign * (s or 0.0) for _, y, s in points for sign in (-1, 1)]
    y_axis = _Axis(around, _PLOT_HEIGHT - _MARGIN, 10)
    parts = [*_grid(x_axis, y_axis), *_names(x_name, y_name)]
    for x, y, std in points:
        if std:
            ends = (y_axis.place(y - std), y_axis.place(y + std))
            parts.append(_ERROR.format(x_axis.place(x), *ends))
        parts.append(_POINT.format(x_axis.place(x), y_axis.place(y), x, y))
    name = f"{y_name} over {x_name}, {phrases.plural(len(points), 'point')}"
    return _svg(f"0 0 {_WIDTH} {_PLOT_HEIGHT}", name, parts, kind="plot")


class _Axis:
    """One axis: from the smallest value to the largest, with round ticks."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        low, high = min(values), max(values)
        if low == high:
            low, high = low - 0.5, high + 0.5
        self._low, self._span = low, high - low
        self._begin, self._length = begin, end - begin

    def place(self, value: float) -> float:
        """Return where a value is drawn."""
        return self._begin + self._length * (value - self._low) / self._span

    def ticks(self) -> Iterator[float]:
        """Yield about five round values."""
        rough = self._span / 5
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
        value = math.ceil(self._low / step) * step
        while value <= self._low + self._span * 1.0001:
            yield value
            value += step


def _grid(x_axis: _Axis, y_axis: _Axis) -> Iterator[Markup]:
    bottom, left = _PLOT_HEIGHT - _MARGIN, _MARGIN + 10
    for value in y_axis.ticks():
        y = y_axis.place(value)
        yield _GRID_LINE.format(left, _WIDTH - 10, y, y)
        yield _TICK.format(left - 6, y + 4, "end", f"{value:.4g}")
    for value in x_axis.ticks():
        yield _TICK.format(x_axis.place(value), bottom + 18, "middle", f"{value:.6g}")


def _names(x_name: str, y_name: str) -> Iterator[Markup]:
    y = _PLOT_HEIGHT - 8
    yield _AXIS_NAME.format(_WIDTH - 10, y, "end", shortened(x_name, 60))
    yield _AXIS_NAME.format(0, y, "start", shortened(y_name, 60))


def _svg(
    box: str, name: str, parts: Iterable[Markup], *, kind: str, stretch: bool = False
) -> Markup:
    ratio = Markup(' preserveAspectRatio="none"') if stretch else Markup("")
    head = Markup('<svg class="{}" viewBox="{}" role="img" aria-label="{}"{}>')
    return head.format(kind, box, name, ratio) + Markup("").join(parts) + Markup("</svg>")
