"""How a job set is split into jobs, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.views.escape import shortened
from qiskit_job_manager.views.phrases import experiments, plural, state_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.model import JobRecord, JobSetRecord

_BAR = 32
_NAME = 60


class TextDrawing:
    """A drawing made of characters; the interpreter and notebooks show it as it is.

    Args:
        text: The drawing.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text


def split_text(
    record: JobSetRecord, first: Sequence[JobRecord], last: Sequence[JobRecord], silent: str
) -> TextDrawing:
    """Draw which experiments each job runs.

    Args:
        record: The job set.
        first: Its first jobs.
        last: Its last jobs; the jobs between are only counted.
        silent: As for `phrases.state_word`.
    """
    title = (
        f"{shortened(record.name, _NAME)}: {plural(record.n_experiments, 'experiment')} in "
        f"{plural(record.n_jobs, 'job')} on {shortened(record.backend_name, _NAME)}"
    )
    left = record.n_jobs - len(first) - len(last)
    rows = [_row(job, record.n_experiments, silent) for job in [*first, *last]]
    lines = _aligned([("job", "experiments", "shots", "state", ""), *rows])
    if left > 0:
        lines.insert(1 + len(first), f"  ... {plural(left, 'more job')} ...")
    return TextDrawing("\n".join([title, *lines]))


def _row(job: JobRecord, n_experiments: int, silent: str) -> tuple[str, str, str, str, str]:
    shots = "default" if job.shots is None else f"{job.shots:,}"
    bar = _bar(job, n_experiments)
    return str(job.index), experiments(job), shots, state_word(job, silent), bar


def _bar(job: JobRecord, n_experiments: int) -> str:
    """Return where the job's experiments lie among all, never narrower than one character."""
    begin = job.start * _BAR // n_experiments
    stop = max(-(-job.stop * _BAR // n_experiments), begin + 1)
    return "." * begin + "#" * (stop - begin) + "." * (_BAR - stop)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [f"  {'  '.join(map(str.ljust, row, widths)).rstrip()}" for row in rows]
