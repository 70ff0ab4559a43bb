"""How a job set is split: which experiments each job runs, share by share."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.pictures import canvas
from qiskit_job_manager.views.phrases import plural, state_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.pictures.canvas import Rectangle

_HEIGHT = 0.8
_MOST_LABELLED = 40


def draw_split(
    record: JobSetRecord, jobs: Sequence[JobRecord], silent: str, ax: Axes | None
) -> Any:
    """Draw a line for each job, in the colour of its state, and return the figure.

    Args:
        record: The job set.
        jobs: All of its jobs, in order.
        silent: As for `phrases.state_word`.
        ax: Axes to draw on, or ``None`` for a new figure.
    """
    ax = canvas.axes(len(jobs), ax)
    from matplotlib.ticker import MaxNLocator

    boxes: dict[str, list[Rectangle]] = defaultdict(list)
    for row, job in enumerate(jobs):
        boxes[state_word(job, silent)].append((job.start - 0.5, job.stop - 0.5, row, _HEIGHT))
    canvas.fill(ax, boxes)
    if len(jobs) <= _MOST_LABELLED:
        _label(ax, jobs, record.n_experiments)
    ax.set_xlim(-0.5, max(record.n_experiments, 1) - 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("experiment")
    facts = f"{plural(record.n_experiments, 'experiment')} in {plural(len(jobs), 'job')}"
    canvas.title(ax, f"{record.name} ({facts})")
    return canvas.finish(ax)


def _label(ax: Axes, jobs: Sequence[JobRecord], n_experiments: int) -> None:
    """Write beside each job how many shots it runs, and which share of them these are."""
    for row, job in enumerate(jobs):
        share = f"share {job.share + 1} of {job.shares}" if job.shares > 1 else ""
        shots = "" if job.shots is None else plural(job.shots, "shot")
        words = ", ".join(filter(None, [shots, share]))
        if job.start + job.stop <= n_experiments:
            ax.text(job.stop - 0.5, row, f" {words}", ha="left", va="center", fontsize="small")
        else:
            ax.text(job.start - 0.5, row, f"{words} ", ha="right", va="center", fontsize="small")
