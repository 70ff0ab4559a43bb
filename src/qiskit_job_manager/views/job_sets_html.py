"""Job sets as HTML: many in a table, one with its jobs, or the progress of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.model.jobs import JobState, RemoteState
from qiskit_job_manager.views import html, phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.views.html import Safe

_TAGS_SHOWN = 5


def job_sets_html(
    store_url: str, job_sets: Sequence[tuple[JobSetRecord, Progress]], *, more: bool
) -> Safe:
    """Return the newest job sets of a store, a line each.

    Args:
        store_url: Where the store is, without password.
        job_sets: Those to show, with how far they are.
        more: Whether there are others.
    """
    rows = [
        [
            html.name(record.name, 40),
            html.name(phrases.short_id(record.job_set_id)),
            html.text(record.backend_name, 30),
            html.text(f"{record.n_experiments:,}"),
            html.states_bar(states := phrases.shares(progress), "8em"),
            html.legend(states),
            html.unbroken(html.text(f"{phrases.local(record.created_at):%Y-%m-%d %H:%M}")),
        ]
        for record, progress in job_sets
    ]
    header = ("name", "id", "backend", "experiments", "", "jobs", "created")
    title = html.join([html.text("JobManager"), html.name(store_url, 100)], html.DOT)
    parts = [html.line(title)]
    parts += [html.table(header, rows)] if rows else [html.line(html.text("no job sets yet"))]
    if more:
        hint = "older job sets are not shown; job_sets() returns all"
        parts.append(html.line(html.faint(html.text(hint))))
    return html.block(*parts)


def job_set_html(
    record: JobSetRecord,
    progress: Progress,
    activity: Activity | None,
    jobs: Sequence[tuple[JobRecord, str]],
) -> Safe:
    """Return one job set: what it is, how far it is, and some of its jobs.

    Args:
        record: The job set.
        progress: How far it is.
        activity: What its backend last said, if that is known.
        jobs: Those to show, each with its state in words.
    """
    states = phrases.shares(progress, activity)
    bar = html.join([html.states_bar(states), html.legend(states)], html.GAP)
    parts = [_title(record), html.line(bar), _jobs_table(jobs)]
    left = progress.n_jobs - len(jobs)
    notes = [f"and {phrases.plural(left, 'more job')}"] if left > 0 else []
    if progress.needs_user:
        notes.append(
            f"{phrases.plural(progress.needs_user, 'job')} in doubt: the backend may or may not "
            "have accepted them; resubmit() sends them again, abandon() gives them up"
        )
    parts += [html.line(html.faint(html.text(note, 200))) for note in notes]
    return html.block(*parts)


def progress_html(title: str, progress: Progress, activity: Activity | None, pace: Pace) -> Safe:
    """Return a bar, the jobs by state, the rate and the estimated end."""
    states = phrases.shares(progress, activity)
    ended = html.text(f"{progress.n_ended:,} of {phrases.plural(progress.n_jobs, 'job')} ended")
    tail = [phrases.duration(pace.elapsed_s), phrases.rate(pace), phrases.end(pace)]
    return html.block(
        html.line(html.join([html.name(title), html.states_bar(states), ended], html.GAP)),
        html.line(html.legend(states)),
        html.line(html.faint(html.text(" \u00b7 ".join(filter(None, tail))))),
    )


def _title(record: JobSetRecord) -> Safe:
    so_far = "" if record.complete else " so far"
    experiments = f"{phrases.plural(record.n_experiments, 'experiment')}{so_far}"
    facts = [
        html.name(record.name),
        html.name(record.job_set_id),
        html.text(f"{experiments} on {record.backend_name}"),
        *(html.name(tag, 20) for tag in record.tags[:_TAGS_SHOWN]),
    ]
    return html.line(html.join(facts, html.DOT))


def _jobs_table(jobs: Sequence[tuple[JobRecord, str]]) -> Safe:
    rows = [
        [
            html.text(f"{job.index:,}"),
            html.text(phrases.experiments(job)),
            html.text("" if job.shots is None else f"{job.shots:,}"),
            html.state(_label(job), detail),
            html.name(job.remote_id or "", 40),
        ]
        for job, detail in jobs
    ]
    return html.table(("job", "experiments", "shots", "state", "job id"), rows)


def _label(job: JobRecord) -> str:
    """Return the job's state, or what the backend says of an active job."""
    if job.state is JobState.ACTIVE and job.status is not None:
        remote = job.status.state
        known = remote in (RemoteState.QUEUED, RemoteState.RUNNING)
        return str(remote if known else job.state)
    return str(job.state)
