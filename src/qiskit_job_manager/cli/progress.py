"""Watching a job set: a live bar on a terminal, plain lines elsewhere, both on standard error."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.displays import shown_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.job_set import ManagedJobSet, Progress


class _Enough(Exception):  # noqa: N818  no error: it ends the waiting early
    """What was waited for is so, though the job set has not ended."""


def watch(
    job_set: ManagedJobSet,
    timeout_s: float | None,
    enough: Callable[[Progress], bool] | None = None,
) -> None:
    """Wait for a job set and show how it goes, until it ended, is enough, or the time is up."""
    display = shown_progress(job_set.name(), SystemClock(), job_set.activity)
    with suppress(_Enough), display as show:

        def look(progress: Progress) -> None:
            show(progress)
            if enough is not None and enough(progress):
                raise _Enough

        job_set.wait(timeout_s, progress=look)
