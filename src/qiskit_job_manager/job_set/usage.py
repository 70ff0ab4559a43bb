"""Which jobs wait because more would be used than was allowed."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord, Totals
    from qiskit_job_manager.ports import Store

_MAY_CHANGE_IT = (JobState.SUBMITTING, JobState.IN_DOUBT, JobState.ACTIVE, JobState.COLLECTING)


def checked_usage(max_usage_s: object) -> float | None:
    """Return a limit of usage in quantum seconds.

    Raises:
        InvalidArgumentError: It is not a number greater than 0, or ``None``.
    """
    if max_usage_s is None:
        return None
    number = isinstance(max_usage_s, Real) and not isinstance(max_usage_s, bool)
    if not number or not 0 < float(max_usage_s) < float("inf"):  # type: ignore[arg-type]  # a Real
        msg = f"max_usage_s is {max_usage_s!r}; it is a number of quantum seconds above 0, or None"
        raise InvalidArgumentError(msg)
    return float(max_usage_s)  # type: ignore[arg-type]  # a Real


def held_jobs(store: Store, record: JobSetRecord, totals: Totals) -> int:
    """Return how many jobs are not sent, as the next one would go beyond the limit of usage.

    While a job is under way this cannot be told: it may use less than was estimated.

    Args:
        store: Where the job set is.
        record: The job set.
        totals: Its jobs by state, as they were just read.
    """
    planned = totals.jobs.get(JobState.PLANNED, 0)
    under_way = any(totals.jobs.get(state) for state in _MAY_CHANGE_IT)
    if record.max_usage_s is None or not planned or under_way:
        return 0
    following = store.jobs(record.key, states=(JobState.PLANNED,), limit=1)
    needed_s = sum(job.estimate_s or 0.0 for job in following)
    if store.usage(record.key).total_s + needed_s <= record.max_usage_s:
        return 0
    # A job that was sent between the two looks is in the usage, but not among those under way.
    return planned if store.totals(record.key).jobs == totals.jobs else 0
