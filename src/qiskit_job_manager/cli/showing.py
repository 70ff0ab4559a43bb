"""``qjm show``: one job set and its jobs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.cli.doubts import needs_user
from qiskit_job_manager.cli.json_output import print_object
from qiskit_job_manager.cli.session import JobSetArgument, JsonOption, opened_manager
from qiskit_job_manager.cli.summaries import job_summary, summary
from qiskit_job_manager.cli.text import counted, escape, first_line, local_time, table

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobRecord

_HEADER = ("JOB", "EXPERIMENTS", "SHOTS", "ATTEMPTS", "ID ON THE BACKEND", "STATE")


def show(ctx: typer.Context, job_set: JobSetArgument, as_json: JsonOption = False) -> None:
    """Show a job set: what it is, how far it is, and each of its jobs."""
    with opened_manager(ctx) as manager:
        shown = manager.find(job_set)
        jobs = (job.record() for job in shown.managed_jobs())
        if as_json:
            print_object({**summary(shown), "job_list": [job_summary(job) for job in jobs]})
            return
        for line in _heading(ctx, shown):
            typer.echo(line)
        for line in table(_HEADER, map(_row, jobs)):
            typer.echo(line)


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
    if not progress.complete:
        yield "             not all experiments have been handed over"
    yield from needs_user(ctx, job_set, progress.needs_user)
    yield ""


def _row(job: "JobRecord") -> tuple[str, ...]:
    from qiskit_job_manager.job_set.status import detail

    return (
        str(job.index),
        _experiments(job),
        "default" if job.shots is None else str(job.shots),
        str(job.attempts),
        escape(job.remote_id or "-"),
        first_line(detail(job)),
    )


def _experiments(job: "JobRecord") -> str:
    share = f", share {job.share + 1} of {job.shares}" if job.shares > 1 else ""
    return f"{job.start}-{job.stop - 1}{share}"
