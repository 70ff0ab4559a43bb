"""Shows progress while a call waits: plain lines, one output of a notebook, or a bar.

Bars are in `terminal_bar`, as they need Rich. A task of many equal steps, such as transpiling, has
a bar of its own, or one line.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.displays.rate_meter import Meter
from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import shortened
from qiskit_job_manager.views.html import progress_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.ports import Clock

_NAME = 60
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


# -- what shows it ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that there is to show at one moment.

    Attributes:
        progress: Jobs by state.
        activity: What the backend last said of its jobs.
        pace: How fast the jobs end.
    """

    progress: Progress
    activity: Activity
    pace: Pace


class Display(Protocol):
    """Shows snapshots during one wait; closed after it."""

    every_s: float
    """Seconds between two drawings at least."""

    def draw(self, snapshot: Snapshot) -> None:
        """Show a snapshot, in place of the last one where that is possible."""

    def close(self) -> None:
        """End; the last snapshot stays where it is."""


class Lines:
    """Writes plain lines on standard error, for logs and pipes.

    Args:
        title: Name of the job set.
    """

    every_s = 5.0

    def __init__(self, title: str) -> None:
        self._title = shortened(title, _NAME)

    def draw(self, snapshot: Snapshot) -> None:
        """Write one line."""
        words = phrases.line(snapshot.progress, snapshot.activity, snapshot.pace)
        # The stream may be closed, or its reader gone: no reason to stop waiting.
        with suppress(OSError, ValueError, AttributeError):
            shown = phrases.shown_in(words, sys.stderr.encoding)
            sys.stderr.write(f"{self._title}: {shown}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """End; the lines stay."""


def in_notebook() -> bool:
    """Return whether this runs in a kernel whose front end shows HTML."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


class Notebook:
    """Draws in one output of the cell that waits, again and again in place.

    The output is plain HTML and no widget: a saved notebook shows it when it is opened again.

    Args:
        title: Name of the job set.
    """

    every_s = 0.5

    def __init__(self, title: str) -> None:
        from IPython.display import DisplayHandle

        self._title = title
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]
        self._is_shown = False

    def draw(self, snapshot: Snapshot) -> None:
        """Draw in place of the last snapshot."""
        picture = _Picture(self._title, snapshot)
        if self._is_shown:
            self._handle.update(picture)
        else:
            self._handle.display(picture)
            self._is_shown = True

    def close(self) -> None:
        """End; the last snapshot stays in the notebook."""


class _Picture:
    """A snapshot in the two forms that a front end may ask for."""

    def __init__(self, title: str, snapshot: Snapshot) -> None:
        self._title = title
        self._shown = snapshot.progress, snapshot.activity, snapshot.pace

    def __repr__(self) -> str:
        return f"{shortened(self._title, _NAME)}: {phrases.line(*self._shown)}"

    def _repr_html_(self) -> str:
        return progress_html(self._title, *self._shown)


# -- a task of equal steps -------------------------------------------------------------------------

_STEPS_EVERY_S = 0.2


@contextmanager
def shown_steps(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how many steps are done while the ``with`` block lasts, if there are any.

    On a terminal and in a notebook it is a bar; elsewhere one line at the end.

    Args:
        title: What is done.
        total: How many steps there are, or ``None`` if that is not known.

    Yields:
        A function that takes the number of steps that are done.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), auto_refresh=False)
    task = bar.add_task(escape(title), total=total, start=False, visible=False)
    shown_s = float("-inf")

    def show(done: int) -> None:
        nonlocal shown_s
        if done == 1:
            bar.start()
            bar.start_task(task)
        bar.update(task, completed=done, visible=True)
        if bar.get_time() >= shown_s + _STEPS_EVERY_S:
            shown_s = bar.get_time()
            bar.refresh()

    try:
        yield show
    finally:
        bar.stop()
