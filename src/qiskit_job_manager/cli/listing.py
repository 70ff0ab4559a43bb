"""``qjm list``: the job sets of the store."""

from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.cli.json_output import print_array
from qiskit_job_manager.cli.session import JsonOption, opened_manager
from qiskit_job_manager.cli.summaries import summary
from qiskit_job_manager.cli.text import counted, escape, local_time, table

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet

ID_SHOWN = 8
"""Characters of an id that tell a few thousand job sets apart."""


def list_job_sets(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the job sets, the newest first."""
    with opened_manager(ctx) as manager:
        job_sets = manager.job_sets()
        if as_json:
            print_array(map(summary, job_sets))
        elif not job_sets:
            typer.echo("There are no job sets yet; qjm run makes one.")
        else:
            for line in table(_HEADER, map(_row, job_sets)):
                typer.echo(line)


_HEADER = ("SET", "NAME", "BACKEND", "CREATED", "EXPERIMENTS", "JOBS", "STATE OF THE JOBS")


def _row(job_set: "ManagedJobSet") -> tuple[str, ...]:
    progress = job_set.progress()
    return (
        job_set.job_set_id()[:ID_SHOWN],
        escape(job_set.name()),
        escape(job_set.backend_name),
        local_time(job_set.created_at),
        str(progress.n_experiments),
        str(progress.n_jobs),
        counted(progress.jobs),
    )
