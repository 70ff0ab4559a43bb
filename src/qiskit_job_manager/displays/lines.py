"""Plain lines on standard error, for logs and pipes."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from qiskit_job_manager.views.escape import shortened
from qiskit_job_manager.views.phrases import line

if TYPE_CHECKING:
    from qiskit_job_manager.displays.display import Reading

_NAME = 60


class Lines:
    """Writes a line every few seconds.

    Args:
        title: Name of the job set.
    """

    every_s = 5.0

    def __init__(self, title: str) -> None:
        self._title = shortened(title, _NAME)

    def draw(self, reading: Reading) -> None:
        """Write one line."""
        words = line(reading.progress, reading.activity, reading.pace)
        # Nobody reads it any more, or nobody can: no reason to stop waiting.
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"{self._title}: {words}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Leave the lines as they are."""
