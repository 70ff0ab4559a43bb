"""Shows progress while a call waits: chooses the display, and how often it draws."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from qiskit_job_manager.displays.display import (
    Display,
    Lines,
    Notebook,
    Snapshot,
    in_notebook,
)
from qiskit_job_manager.displays.rate_meter import Meter
from qiskit_job_manager.errors import JobManagerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.ports import Clock

_DUMB = {None, "", "dumb"}


@contextmanager
def shown_progress(
    title: str, clock: Clock, activity: Callable[[Progress], Activity], begun_at: datetime
) -> Iterator[Callable[[Progress], None]]:
    """Show progress while the ``with`` block lasts; the last progress is always shown.

    Args:
        title: Name of the job set.
        clock: Gives the time.
        activity: Reads what the backend last said; called for each drawing.
        begun_at: When the job set was handed over.

    Yields:
        A function that takes the present progress; it may be called as often as you like.
    """
    drawing = _Drawing(_display(title), clock, activity, begun_at)
    try:
        yield drawing.show
    finally:
        drawing.end()


class _Drawing:
    """Draws progress on a display, and holds back what comes too soon after the last drawing."""

    def __init__(
        self,
        display: Display,
        clock: Clock,
        activity: Callable[[Progress], Activity],
        begun_at: datetime,
    ) -> None:
        self._display = display
        self._clock = clock
        self._activity = activity
        self._meter = Meter(clock, begun_at)
        self._due_s = float("-inf")
        self._held_back: tuple[Progress, Pace] | None = None

    def show(self, progress: Progress) -> None:
        """Draw the progress, if it is time for that."""
        self._held_back = progress, self._meter.pace(progress)
        if self._clock.monotonic() >= self._due_s:
            self._due_s = self._clock.monotonic() + self._display.every_s
            self._draw()

    def end(self) -> None:
        """Draw what was held back, and close the display."""
        with suppress(JobManagerError):  # the waiting call raises it, too
            self._draw()
        self._display.close()

    def _draw(self) -> None:
        if self._held_back is not None:
            progress, pace = self._held_back
            self._held_back = None
            self._display.draw(Snapshot(progress, self._activity(progress), pace))


def _display(title: str) -> Display:
    if in_notebook():
        return Notebook(title)
    if _is_live_terminal():
        from qiskit_job_manager.displays.terminal_bar import Terminal  # Rich, where it is needed

        return Terminal(title)
    return Lines(title)


def _is_live_terminal() -> bool:
    stream = sys.stderr
    if stream is None or stream.closed or os.environ.get("TERM") in _DUMB:
        return False
    return stream.isatty()
