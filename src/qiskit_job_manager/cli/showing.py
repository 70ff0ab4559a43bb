"""``qjm show``: one job set and its jobs."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.cli.doubts import needs_user
from qiskit_job_manager.cli.json_output import print_object
from qiskit_job_manager.cli.measured import HEADER, PAGE, cells, measured
from qiskit_job_manager.cli.session import JobSetArgument, JsonOption, opened_manager
from qiskit_job_manager.cli.summaries import job_summary, summary, usage_summary
from qiskit_job_manager.cli.text import counted, escape, first_line, local_time, table

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobRecord, RemoteFigures

_HEADER = ("JOB", "EXPERIMENTS", "SHOTS", "ATTEMPTS", "ID ON THE BACKEND")
_STATE = ("STATE",)


def show(ctx: typer.Context, job_set: JobSetArgument, as_json: JsonOption = False) -> None:
    """Show a job set: what it is, how far it is, and each of its jobs.

    What the backend measured is shown where it told: quantum seconds, when a job began to run, for
    how long it ran, and in which session or batch.
    """
    with opened_manager(ctx) as manager:
        shown = manager.find(job_set)
        if as_json:
            jobs = [job_summary(*each) for each in _jobs(shown)]
            told = {"usage": usage_summary(shown), "job_list": jobs}
            print_object(summary(shown) | told)
            return
        for line in chain(_heading(ctx, shown), _table(shown)):
            typer.echo(line)


def _jobs(job_set: "ManagedJobSet") -> "Iterator[tuple[JobRecord, RemoteFigures | None]]":
    return measured(job_set, (job.record() for job in job_set.managed_jobs()))


def _heading(ctx: typer.Context, job_set: "ManagedJobSet") -> Iterator[str]:
    progress = job_set.progress()
    yield f"Job set      {job_set.job_set_id()}"
    yield f"Name         {escape(job_set.name())}"
    yield f"Backend      {escape(job_set.backend_name)}"
    yield f"Created      {local_time(job_set.created_at)}"
    if tags := job_set.tags():
        yield f"Tags         {', '.join(map(escape, tags))}"
    yield f"Experiments  {progress.n_experiments:,}"
    yield f"Jobs         {progress.n_jobs:,}: {counted(progress.jobs)}"
    yield from _usage(job_set)
    if not progress.complete:
        yield "             not all experiments have been handed over"
    yield from needs_user(ctx, job_set, progress)
    yield ""


def _usage(job_set: "ManagedJobSet") -> Iterator[str]:
    usage, most_s = job_set.usage(), job_set.record().max_usage_s
    if not usage.total_s and most_s is None:
        return
    parts = [f"{usage.measured_s:g} quantum seconds measured"]
    if usage.estimated_s:
        parts.append(f"{usage.estimated_s:g} estimated of what is not measured yet")
    if most_s is not None:
        parts.append(f"at most {most_s:g} allowed")
    yield f"Usage        {', '.join(parts)}"


def _table(job_set: "ManagedJobSet") -> Iterator[str]:
    """Return the lines of the table of jobs, with what was measured if the first page has any."""
    jobs = _jobs(job_set)
    first = list(islice(jobs, PAGE))
    told = any(figures is not None for _, figures in first)
    header = (*_HEADER, *(HEADER if told else ()), *_STATE)
    rows = (
        (*_row(job), *(cells(figures) if told else ()), _state(job))
        for job, figures in chain(first, jobs)
    )
    return table(header, rows)


def _row(job: "JobRecord") -> tuple[str, ...]:
    return (
        str(job.index),
        _experiments(job),
        "default" if job.shots is None else str(job.shots),
        str(job.attempts),
        escape(job.remote_id or "-"),
    )


def _state(job: "JobRecord") -> str:
    from qiskit_job_manager.job_set.status import detail

    return first_line(detail(job))


def _experiments(job: "JobRecord") -> str:
    share = f", share {job.share + 1} of {job.shares}" if job.shares > 1 else ""
    return f"{job.start}-{job.stop - 1}{share}"
