"""The figures that backends measured of jobs, as cells of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.cli.output import cut, local_time
from qiskit_job_manager.cli.tables import Column
from qiskit_job_manager.views.phrases import duration

if TYPE_CHECKING:
    from qiskit_job_manager.model import RemoteFigures

COLUMNS = (
    Column("USAGE", dropped=6),
    Column("BEGAN", dropped=4),
    Column("RAN", dropped=4),
    Column("SESSION", least=8, dropped=1),
)

_SESSION = 40


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


def _ran(figures: RemoteFigures) -> str:
    if figures.started_at is None or figures.ended_at is None:
        return "-"
    return duration((figures.ended_at - figures.started_at).total_seconds())
