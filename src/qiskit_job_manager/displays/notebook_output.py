"""One output in a notebook, drawn again in place.

It is plain HTML and no widget, so that a notebook that was saved shows it when it is reopened.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.views.escape import shortened
from qiskit_job_manager.views.phrases import line
from qiskit_job_manager.views.progress_html import progress_html

if TYPE_CHECKING:
    from qiskit_job_manager.displays.display import Reading

_NAME = 60


def in_notebook() -> bool:
    """Whether this runs in a kernel whose front end shows HTML."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


class Notebook:
    """Draws in one output of the cell that waits.

    Args:
        title: Name of the job set.
    """

    every_s = 0.5

    def __init__(self, title: str) -> None:
        from IPython.display import DisplayHandle

        self._title = title
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]
        self._is_shown = False

    def draw(self, reading: Reading) -> None:
        """Draw instead of the last reading."""
        picture = _Picture(self._title, reading)
        if self._is_shown:
            self._handle.update(picture)
        else:
            self._handle.display(picture)
            self._is_shown = True

    def close(self) -> None:
        """Leave the last reading in the notebook."""


class _Picture:
    """A reading in the two forms that a front end may ask for."""

    def __init__(self, title: str, reading: Reading) -> None:
        self._title = title
        self._reading = reading

    def __repr__(self) -> str:
        it = self._reading
        return f"{shortened(self._title, _NAME)}: {line(it.progress, it.activity, it.pace)}"

    def _repr_html_(self) -> str:
        it = self._reading
        return progress_html(self._title, it.progress, it.activity, it.pace)
