"""``qjm list``: the job sets of the store."""

from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.cli.doubts import needs_user
from qiskit_job_manager.cli.filters import (
    BackendOption,
    Filter,
    NamePatternOption,
    SinceOption,
    StateOption,
    TagOption,
)
from qiskit_job_manager.cli.json_output import print_array
from qiskit_job_manager.cli.session import JsonOption, opened_manager
from qiskit_job_manager.cli.summaries import summary
from qiskit_job_manager.cli.text import counted, escape, local_time, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.job_set import ManagedJobSet

ID_SHOWN = 8
"""Characters of an id that tell a few thousand job sets apart."""


def list_job_sets(
    ctx: typer.Context,
    *,
    states: StateOption = None,
    tags: TagOption = None,
    backend: BackendOption = None,
    since: SinceOption = None,
    name: NamePatternOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the job sets, the newest first; with options, only those that meet all of them."""
    wanted = Filter(tuple(states or ()), tuple(tags or ()), backend, since, name)
    with opened_manager(ctx) as manager:
        found = [each for each in manager.job_sets() if wanted.passes(each)]
        if as_json:
            print_array(map(summary, found))
        elif found:
            _print_table(ctx, found)
        elif wanted.is_empty:
            typer.echo("There are no job sets yet; qjm run makes one.")
        else:
            typer.echo("No job set is like that; qjm list alone shows all.")


_HEADER = ("SET", "NAME", "BACKEND", "CREATED", "EXPERIMENTS", "JOBS", "STATE OF THE JOBS")


def _print_table(ctx: typer.Context, job_sets: "Iterable[ManagedJobSet]") -> None:
    doubts: list[str] = []
    for line in table(_HEADER, (_row(ctx, each, doubts) for each in job_sets)):
        typer.echo(line)
    for line in doubts:
        typer.echo(line, err=True)


def _row(ctx: typer.Context, job_set: "ManagedJobSet", doubts: list[str]) -> tuple[str, ...]:
    """Return the row of a job set, and add to ``doubts`` what is to be told after the table."""
    progress = job_set.progress()
    doubts += needs_user(ctx, job_set, progress)
    return (
        job_set.job_set_id()[:ID_SHOWN],
        escape(job_set.name()),
        escape(job_set.backend_name),
        local_time(job_set.created_at),
        str(progress.n_experiments),
        str(progress.n_jobs),
        counted(progress.jobs) + ("" if progress.complete else ", not all handed over"),
    )
