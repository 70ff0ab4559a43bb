"""Watching a job set: a live bar on a terminal, plain lines elsewhere, both on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.displays import shown_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.job_set import ManagedJobSet, Progress

_LOOK_EVERY_S = 0.5


def watch(
    job_set: ManagedJobSet,
    timeout_s: float | None,
    enough: Callable[[Progress], bool] | None = None,
) -> None:
    """Wait for a job set and show how it goes, until it ended, is enough, or the time is up."""
    clock = SystemClock()
    until_s = clock.monotonic() + (float("inf") if timeout_s is None else timeout_s)
    with shown_progress(job_set.name(), clock, job_set.activity) as show:
        is_over = False
        left_s = float("inf")
        while not is_over and left_s > 0:
            now = job_set.progress()
            # Also where nothing has changed: that the time goes on says that all is well.
            show(now)
            if enough is not None and enough(now):
                return
            left_s = max(until_s - clock.monotonic(), 0.0)
            is_over = job_set.wait(min(left_s, _LOOK_EVERY_S))
        show(job_set.progress())
