"""Which of several backends gets the next experiments: the one that will have run them first.

A backend has room while few of its jobs have not ended, so that most experiments are placed late,
when it is known how fast each backend is. Near the end a slow backend gets nothing that would end
after all the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much one backend has to do.

    Attributes:
        member: Which backend it is.
        n_jobs: Jobs that have not ended.
        most_jobs: Jobs that it may have at once.
        n_left: Experiments that have not ended.
        size: Experiments that it would get next.
        rate: Experiments a second that it has run, or ``None`` while none has ended.
        most_rate: Experiments a second that it cannot have exceeded, where none has ended.
    """

    member: int
    n_jobs: int
    most_jobs: int
    n_left: int
    size: int
    rate: float | None = None
    most_rate: float = float("inf")


def next_backend(loads: Sequence[Load], n_to_place: int) -> int | None:
    """Return which backend gets the next experiments; ``None``: none for now.

    Args:
        loads: The backends that can run them.
        n_to_place: Experiments that are not placed, these included.

    Example:
        >>> slow = Load(member=0, n_jobs=0, most_jobs=4, n_left=0, size=10, rate=1.0)
        >>> fast = Load(member=1, n_jobs=4, most_jobs=4, n_left=40, size=10, rate=100.0)
        >>> next_backend([slow, fast], 1_000_000), next_backend([slow, fast], 10)
        (0, None)
    """
    rates = _rates(loads)
    ends_s = [(e.n_left + e.size) / rate for e, rate in zip(loads, rates, strict=True)]
    all_end_s = (sum(each.n_left for each in loads) + n_to_place) / sum(rates) if loads else 0.0
    latest_s = max(all_end_s, min(ends_s, default=0.0))
    fitting = (
        (end_s, each.n_left, number)
        for number, (each, end_s) in enumerate(zip(loads, ends_s, strict=True))
        if each.n_jobs < each.most_jobs and end_s <= latest_s
    )
    best = min(fitting, default=None)
    return None if best is None else loads[best[2]].member


def soonest(loads: Sequence[Load]) -> int | None:
    """Return which backend will have run first what it has and gets, whether or not it has room."""
    return next_backend([replace(each, n_jobs=0, most_jobs=1) for each in loads], 1)


def _rates(loads: Sequence[Load]) -> list[float]:
    """Return how fast each is; one of which nothing has ended may be as fast as the fastest."""
    fastest = max((each.rate for each in loads if each.rate), default=None)
    if fastest is None:
        return [1.0] * len(loads)
    return [each.rate or min(each.most_rate, fastest) for each in loads]
