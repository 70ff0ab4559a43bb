"""The figures that backends measured of jobs, read page by page."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.cli.output import cut, local_time
from qiskit_job_manager.cli.tables import Column
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views.phrases import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobRecord, RemoteFigures

PAGE = 500
COLUMNS = (
    Column("USAGE", dropped=6),
    Column("BEGAN", dropped=4),
    Column("RAN", dropped=4),
    Column("SESSION", least=8, dropped=1),
)

_SESSION = 40


def measured(
    job_set: ManagedJobSet, jobs: Iterable[JobRecord]
) -> Iterator[tuple[JobRecord, RemoteFigures | None]]:
    """Yield each job with the figures of its latest attempt, or with ``None``."""
    source, remaining = source_of(job_set), iter(jobs)
    while page := list(islice(remaining, PAGE)):
        tags = [job.tag for job in page if job.tag is not None]
        found = dict(source.store.attempts_tagged(source.record.key, tags))
        for job in page:
            attempt = found.get(job.index)
            yield job, None if attempt is None else attempt.figures


def cells(figures: RemoteFigures | None) -> tuple[str, ...]:
    """Return the cells for `COLUMNS`; a dash means not known."""
    if figures is None:
        return ("-",) * len(COLUMNS)
    return (
        "-" if figures.usage_s is None else f"{figures.usage_s:g} s",
        "-" if figures.started_at is None else local_time(figures.started_at),
        _ran(figures),
        "-" if figures.session_id is None else cut(figures.session_id, _SESSION),
    )


def as_json(figures: RemoteFigures | None) -> dict[str, Any] | None:
    """Return the figures as JSON values."""
    if figures is None:
        return None
    moments = {
        "created_at": figures.created_at,
        "started_at": figures.started_at,
        "ended_at": figures.ended_at,
    }
    return {
        "usage_s": figures.usage_s,
        "session_id": figures.session_id,
        **{name: at and at.isoformat() for name, at in moments.items()},
    }


def _ran(figures: RemoteFigures) -> str:
    if figures.started_at is None or figures.ended_at is None:
        return "-"
    return duration((figures.ended_at - figures.started_at).total_seconds())
