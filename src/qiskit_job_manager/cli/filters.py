"""Filters for job sets: by state, tag, backend, name and age."""

# No `from __future__ import annotations` where Typer reads annotations: they are values there.
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.clock import SystemClock

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import Progress
    from qiskit_job_manager.model import JobSetRecord


class State(StrEnum):
    """A state of jobs, or of the job set as a whole."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    IN_DOUBT = "in-doubt"
    ACTIVE = "active"
    COLLECTING = "collecting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    ENDED = "ended"
    UNFINISHED = "unfinished"


_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|h|d|w)")


def parse_since(text: str) -> datetime:
    """Return the moment that an ISO date or an age such as ``2d`` means.

    Raises:
        typer.BadParameter: It is neither.
    """
    if match := _DURATION.fullmatch(text.strip()):
        try:
            return SystemClock().now() - timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
        except OverflowError as error:
            raise typer.BadParameter(f"{text!r} is longer ago than dates can say.") from error
    try:
        # Without a time zone the user means local time.
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise typer.BadParameter(
            f"{text!r} is neither an ISO date such as 2026-03-01 or 2026-03-01T14:30 nor an age "
            "such as 90s, 30min, 3h, 2d or 1w."
        ) from error


StateOption = Annotated[
    list[State] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only job sets with jobs in this state: planned, submitting, in-doubt, active, "
        "collecting, done, failed, cancelled, lost; or job sets that are ended or unfinished. "
        "Repeated: any of these states.",
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="Only job sets with this tag. Repeated: with all of these tags.",
    ),
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="PATTERN",
        help="Only job sets on such a backend: aer*, fake:*, ibm_fez.",
    ),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        parser=parse_since,
        help="Only job sets made since an ISO date, or not older than 90s, 30min, 3h, 2d, 1w.",
    ),
]
NamePatternOption = Annotated[
    str | None,
    typer.Option("--name", metavar="PATTERN", help="Only job sets with such a name: rb-*."),
]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on job sets; ``None`` or empty means any.

    Attributes:
        states: States; the job set must have one of them.
        tags: Tags; the job set must have all of them.
        backend: Pattern for the name of the backend or for its URI.
        since: The earliest moment of creation.
        name: Pattern for the name.
    """

    states: tuple[State, ...] = ()
    tags: tuple[str, ...] = ()
    backend: str | None = None
    since: datetime | None = None
    name: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every job set passes."""
        return self == Filter()

    def passes(self, record: "JobSetRecord", progress: "Progress") -> bool:
        """Return whether a job set passes."""
        return self._fits(record) and (not self.states or self._is_in_state(progress))

    def _fits(self, record: "JobSetRecord") -> bool:
        backends = (record.backend_name, record.backend_uri or "")
        return (
            set(self.tags) <= set(record.tags)
            and (self.since is None or record.created_at >= self.since)
            and (self.name is None or fnmatchcase(record.name, self.name))
            and (self.backend is None or any(fnmatchcase(b, self.backend) for b in backends))
        )

    def _is_in_state(self, progress: "Progress") -> bool:
        has = {str(state).replace(" ", "-") for state, count in progress.jobs.items() if count}
        has.add(State.ENDED if progress.ended else State.UNFINISHED)
        return not has.isdisjoint(self.states)
