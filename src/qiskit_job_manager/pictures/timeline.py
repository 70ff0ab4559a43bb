"""The timeline of a job set: what each attempt of each job spent its time on."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.pictures import canvas
from qiskit_job_manager.pictures.spans import spans_of
from qiskit_job_manager.views.colours import colour

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from matplotlib.axes import Axes

    from qiskit_job_manager.model import AttemptRecord
    from qiskit_job_manager.pictures.canvas import Rectangle

_HEIGHT = 0.7
_ORDER = ("submitting", "queued", "running", "active", "collecting")


def draw_timeline(
    name: str, attempts: Sequence[Sequence[AttemptRecord]], now: datetime, ax: Axes | None
) -> Any:
    """Draw a line for each job, and return the figure.

    Args:
        name: Name of the job set.
        attempts: The attempts of each job, in order.
        now: Until when what has not ended goes on.
        ax: Axes to draw on, or ``None`` for a new figure.
    """
    ax = canvas.axes(len(attempts), ax)
    from matplotlib.dates import date2num

    def place(moment: datetime) -> float:
        return float(date2num(moment))  # type: ignore[no-untyped-call]

    boxes: dict[str, list[Rectangle]] = defaultdict(list)
    failures: list[tuple[float, int]] = []
    for row, tries in enumerate(attempts):
        for attempt in tries:
            for span in spans_of(attempt, now):
                boxes[span.label].append((place(span.begin), place(span.end), row, _HEIGHT))
            if attempt.error is not None and attempt.ended_at is not None:
                failures.append((place(attempt.ended_at), row))
    canvas.fill(ax, {label: boxes[label] for label in _ORDER if label in boxes})
    _mark(ax, failures)
    _scale(ax, boxes)
    canvas.title(ax, name)
    return canvas.finish(ax)


def _mark(ax: Axes, failures: Sequence[tuple[float, int]]) -> None:
    """Mark the attempts that ended without a result."""
    if failures:
        x, y = zip(*failures, strict=True)
        ax.scatter(x, y, marker="x", color=colour("failed"), s=24, zorder=3)


def _scale(ax: Axes, boxes: dict[str, list[Rectangle]]) -> None:
    """Label the axis with the time of day of the user's own time zone."""
    from datetime import datetime

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    here = datetime.now().astimezone().tzinfo
    locator = AutoDateLocator(tz=here)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=here))  # type: ignore[no-untyped-call]
    edges = [edge for each in boxes.values() for box in each for edge in box[:2]]
    if edges:
        room = (max(edges) - min(edges)) * 0.01
        ax.set_xlim(min(edges) - room, max(edges) + room)
