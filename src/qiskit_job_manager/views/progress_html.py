"""How far a job set is, as HTML that is drawn again and again in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.views import html, phrases
from qiskit_job_manager.views.bars_html import legend, states_bar

if TYPE_CHECKING:
    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.views.html import Safe


def progress_html(title: str, progress: Progress, activity: Activity | None, pace: Pace) -> Safe:
    """Return a bar, the jobs by state, the rate and the estimated end."""
    states = phrases.shares(progress, activity)
    ended = html.text(f"{progress.n_ended:,} of {phrases.plural(progress.n_jobs, 'job')} ended")
    tail = [phrases.duration(pace.elapsed_s), phrases.rate(pace), phrases.end(pace)]
    return html.block(
        html.line(html.join([html.name(title), states_bar(states), ended], html.GAP)),
        html.line(legend(states)),
        html.line(html.faint(html.text(" \u00b7 ".join(filter(None, tail))))),
    )
