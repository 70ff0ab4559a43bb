"""Which job sets are meant: by state, tag, backend, name and age."""

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
    from qiskit_job_manager.job_set import ManagedJobSet, Progress


class State(StrEnum):
    """What a job set can be asked for: a state that some of its jobs are in, or its own."""

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
    """Return the moment that a user means by an ISO date or by how long ago it is.

    Raises:
        typer.BadParameter: It is neither.
    """
    if match := _DURATION.fullmatch(text.strip()):
        try:
            return SystemClock().now() - timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
        except OverflowError as error:
            raise typer.BadParameter(f"{text!r} is longer ago than there were dates.") from error
    try:
        # A moment without time zone is meant as the user's clock shows it.
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise typer.BadParameter(
            f"{text!r} is no ISO date such as 2026-03-01 or 2026-03-01T14:30, and no duration "
            "such as 90s, 30min, 3h, 2d or 1w."
        ) from error


StateOption = Annotated[
    list[State] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only sets that have jobs in this state: planned, submitting, in-doubt, active, "
        "collecting, done, failed, cancelled, lost; or that are ended or unfinished as a whole. "
        "Repeated: any of them.",
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only sets with this tag. Repeated: all of them."),
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend", metavar="PATTERN", help="Only sets on such a backend: aer*, fake:*, ibm_fez."
    ),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        parser=parse_since,
        help="Only sets made since an ISO date, or for so long: 90s, 30min, 3h, 2d, 1w.",
    ),
]
NamePatternOption = Annotated[
    str | None, typer.Option("--name", metavar="PATTERN", help="Only sets named so: rb-*.")
]


@dataclass(frozen=True, slots=True)
class Filter:
    """What job sets are to be like; what is ``None`` or empty does not matter.

    Attributes:
        states: States of which one must occur.
        tags: Tags that all must be there.
        backend: Pattern for the backend's name, or for the name it is opened by.
        since: The moment before which none was made.
        name: Pattern for the name.
    """

    states: tuple[State, ...] = ()
    tags: tuple[str, ...] = ()
    backend: str | None = None
    since: datetime | None = None
    name: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether all job sets pass."""
        return self == Filter()

    def passes(self, job_set: "ManagedJobSet") -> bool:
        """Say whether a job set is meant; jobs are counted only if all else fits."""
        return self._fits(job_set) and (not self.states or self._is_so(job_set.progress()))

    def _fits(self, job_set: "ManagedJobSet") -> bool:
        record = job_set.record()
        backends = (record.backend_name, record.backend_uri or "")
        return (
            set(self.tags) <= set(record.tags)
            and (self.since is None or record.created_at >= self.since)
            and (self.name is None or fnmatchcase(record.name, self.name))
            and (self.backend is None or any(fnmatchcase(b, self.backend) for b in backends))
        )

    def _is_so(self, progress: "Progress") -> bool:
        has = {str(state).replace(" ", "-") for state, count in progress.jobs.items() if count}
        has.add(State.ENDED if progress.ended else State.UNFINISHED)
        return not has.isdisjoint(self.states)
