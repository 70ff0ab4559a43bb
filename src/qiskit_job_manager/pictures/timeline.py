"""The timeline of a job set: when each attempt of each job was sent, queued, run and collected."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.pictures import canvas
from qiskit_job_manager.views.colours import colour
from qiskit_job_manager.views.phrases import INTERRUPTED, QUEUED, RUNNING, UNDIVIDED, local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from matplotlib.axes import Axes

    from qiskit_job_manager.model import AttemptRecord
    from qiskit_job_manager.pictures.canvas import Rectangle

_HEIGHT = 0.7
_UNITS = (("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0), ("days", 86400.0))
_ORDER = ("submitting", QUEUED, UNDIVIDED, RUNNING, INTERRUPTED, "collecting")


def draw_timeline(
    name: str,
    attempts: Sequence[Sequence[AttemptRecord]],
    now: datetime,
    ax: Axes | None,
    undivided: Callable[[AttemptRecord], str] = lambda _: UNDIVIDED,
) -> Any:
    """Draw a line for each job, and return the figure.

    Args:
        name: Name of the job set.
        attempts: The attempts of each job, in order.
        now: Until when what has not ended goes on.
        ax: Axes to draw on, or ``None`` for a new figure.
        undivided: What to call the time on the backend of an attempt, if the backend does not say
            when the attempt began to run.
    """
    ax = canvas.axes(len(attempts), ax)
    spans = [
        [span for each in tries for span in spans_of(each, now, undivided(each))]
        for tries in attempts
    ]
    begin = min((span.begin for row in spans for span in row), default=now)
    end = max((span.end for row in spans for span in row), default=now)
    axis = _Axis.of(begin, end)
    boxes: dict[str, list[Rectangle]] = defaultdict(list)
    for y, row in enumerate(spans):
        for span in row:
            boxes[span.label].append((axis.place(span.begin), axis.place(span.end), y, _HEIGHT))
    canvas.fill(ax, {label: boxes[label] for label in _ORDER if label in boxes})
    _mark(ax, [(axis.place(at), y) for at, y in _failures(attempts)])
    whole = axis.place(end) or 1.0
    ax.set_xlim(-0.01 * whole, 1.01 * whole)
    ax.set_xlabel(axis.label)
    canvas.title(ax, name)
    return canvas.finish(ax)


@dataclass(frozen=True, slots=True)
class _Axis:
    """The axis of time: units since the first moment."""

    begin: datetime
    unit: str
    unit_s: float

    @classmethod
    def of(cls, begin: datetime, end: datetime) -> _Axis:
        """Choose the largest unit of which the whole has at least two."""
        whole_s = (end - begin).total_seconds()
        fitting = [each for each in _UNITS if whole_s >= 2 * each[1]]
        return cls(begin, *(fitting[-1] if fitting else _UNITS[0]))

    def place(self, moment: datetime) -> float:
        return (moment - self.begin).total_seconds() / self.unit_s

    @property
    def label(self) -> str:
        return f"{self.unit} since {local(self.begin):%Y-%m-%d %H:%M:%S}"


def _failures(attempts: Sequence[Sequence[AttemptRecord]]) -> Iterator[tuple[datetime, int]]:
    """Yield when attempts ended without a result, and the row of their job."""
    for row, tries in enumerate(attempts):
        for attempt in tries:
            if attempt.error is not None and attempt.ended_at is not None:
                yield attempt.ended_at, row


def _mark(ax: Axes, places: Sequence[tuple[float, int]]) -> None:
    if places:
        x, y = zip(*places, strict=True)
        ax.scatter(x, y, marker="x", color=colour("failed"), s=24, zorder=3)


@dataclass(frozen=True, slots=True)
class Span:
    """A phase of an attempt.

    Attributes:
        label: The phase: ``submitting``, ``queued``, ``running`` or ``collecting``; or what
            `spans_of` was given, if the backend does not say when the job began to run.
        begin: Since when.
        end: Until when.
    """

    label: str
    begin: datetime
    end: datetime


def spans_of(attempt: AttemptRecord, now: datetime, undivided: str = UNDIVIDED) -> Iterator[Span]:
    """Yield the phases of one attempt, in order, without gaps.

    Args:
        attempt: The attempt.
        now: Until when it goes on if it has not ended.
        undivided: What to call its time on the backend, if the backend does not divide it.
    """
    marks = [("submitting", attempt.intended_at)]
    if attempt.accepted_at is not None:
        marks += _on_backend(attempt, attempt.accepted_at, undivided)
    ends = [at for _, at in marks[1:]] + [attempt.ended_at or now]
    latest = attempt.intended_at
    for (label, _), end in zip(marks, ends, strict=True):
        # Times come from two clocks, ours and the backend's: a later phase never begins earlier.
        until = min(max(end, latest), max(ends[-1], latest))
        if until > latest:
            yield Span(label, latest, until)
            latest = until


def _on_backend(
    attempt: AttemptRecord, accepted: datetime, undivided: str
) -> list[tuple[str, datetime]]:
    figures = attempt.figures
    if figures is None or figures.started_at is None:
        return [(undivided, accepted)]
    marks = [(QUEUED, accepted), (RUNNING, figures.started_at)]
    return marks if figures.ended_at is None else [*marks, ("collecting", figures.ended_at)]
