"""How far a job set is, as HTML that is drawn again and again in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.views import html, words
from qiskit_job_manager.views.bars import legend, states_bar

if TYPE_CHECKING:
    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.views.html import Safe


def progress_html(title: str, progress: Progress, activity: Activity | None, pace: Pace) -> Safe:
    """Return a bar, the jobs by state, the rate and the estimated end."""
    states = words.shares(progress, activity)
    ended = html.text(f"{progress.n_ended:,} of {words.plural(progress.n_jobs, 'job')} ended")
    tail = [words.duration(pace.elapsed_s), words.rate(pace), words.end(pace)]
    return html.block(
        html.line(html.join([html.name(title), states_bar(states), ended], html.GAP)),
        html.line(legend(states)),
        html.line(html.faint(html.text(" \u00b7 ".join(filter(None, tail))))),
    )
