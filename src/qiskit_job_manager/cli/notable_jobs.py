"""Which jobs of a set to show where there are too many to show all.

First those that need attention, then what goes on, then what has just been and what comes next. No
kind crowds out another: each gets a row in turn, as long as it has jobs and there are rows.
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.job_set import Progress
    from qiskit_job_manager.model import JobRecord
    from qiskit_job_manager.ports import Store

_ENDED = (JobState.DONE, JobState.CANCELLED)
_KINDS = (
    (JobState.FAILED, JobState.LOST),
    (JobState.IN_DOUBT,),
    (JobState.ACTIVE, JobState.COLLECTING, JobState.SUBMITTING),
    _ENDED,
    (JobState.PLANNED,),
)


def notable_jobs(store: Store, job_set_key: int, progress: Progress, limit: int) -> list[JobRecord]:
    """Return up to so many jobs, those that matter most first; all in order if there are no more.

    What it costs depends on the limit, and not on the jobs that there are.
    """
    if progress.n_jobs <= limit:
        return store.jobs(job_set_key, limit=limit)
    sizes = [sum(progress.jobs.get(state, 0) for state in kind) for kind in _KINDS]
    chosen: list[JobRecord] = []
    for kind, rows in zip(_KINDS, _dealt(sizes, limit), strict=True):
        # Jobs are sent in order, so that those that ended last stand at the end.
        look = store.last_jobs if kind is _ENDED else store.jobs
        chosen += look(job_set_key, states=kind, limit=rows) if rows else []
    return chosen


def _dealt(sizes: Sequence[int], rows: int) -> list[int]:
    """Deal rows out, one in turn to each that has use for it, and return how many each has."""
    dealt = [0] * len(sizes)
    left = min(rows, sum(sizes))
    for place in cycle(range(len(sizes))):
        if not left:
            break
        if dealt[place] < sizes[place]:
            dealt[place] += 1
            left -= 1
    return dealt
