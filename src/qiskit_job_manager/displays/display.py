"""Where progress is shown: plain lines, or one output of a notebook; `terminal_bar` has bars."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import shortened
from qiskit_job_manager.views.html import progress_html

if TYPE_CHECKING:
    from qiskit_job_manager.model.progress import Activity, Pace, Progress

_NAME = 60


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
