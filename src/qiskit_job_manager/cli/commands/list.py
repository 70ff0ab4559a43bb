"""``qjm list``: the job sets of the store."""

from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.filters import (
    BackendOption,
    Filter,
    NamePatternOption,
    SinceOption,
    StateOption,
    TagOption,
)
from qiskit_job_manager.cli.json_summaries import summary
from qiskit_job_manager.cli.needs_user import needs_user
from qiskit_job_manager.cli.options import JsonOption, command_for, opened_manager
from qiskit_job_manager.cli.output import counted, escape, local_time, print_array, table
from qiskit_job_manager.cli.paging import AllOption, at_most, bound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.job_set import ManagedJobSet

ID_SHOWN = 8
"""Characters of an id that tell a few thousand job sets apart."""

_SHOWN = 50
_NONE_YET = "There are no job sets yet; qjm run makes one."
_NONE_SUCH = "No job set is like that; qjm list alone shows all."

LimitOption = Annotated[
    int | None, at_most("--limit", f"How many to list. Default: {_SHOWN}; with --json, all.")
]


def list_job_sets(  # noqa: PLR0913  one parameter an option
    ctx: typer.Context,
    *,
    states: StateOption = None,
    tags: TagOption = None,
    backend: BackendOption = None,
    since: SinceOption = None,
    name: NamePatternOption = None,
    limit: LimitOption = None,
    all_sets: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the job sets, the newest first; with options, only those that meet all of them.

    Of many only the newest are shown; with --json all are, unless --limit says how many.
    """
    wanted = Filter(tuple(states or ()), tuple(tags or ()), backend, since, name)
    most = bound("--limit", limit, all_of_them=all_sets, default=None if as_json else _SHOWN)
    with opened_manager(ctx) as manager:
        found = filter(wanted.passes, manager.iter_job_sets())
        if as_json:
            print_array(map(summary, islice(found, most)))
            return
        _print_table(ctx, islice(found, most), _NONE_YET if wanted.is_empty else _NONE_SUCH)
        if most is not None and next(found, None) is not None:
            typer.echo("There are older ones; --all or --limit NUMBER shows them.", err=True)
        for left in manager.half_deleted():
            command = command_for(ctx, "delete", left.job_set_id)
            typer.echo(f"{escape(left.name)} is half deleted; to finish: {command}", err=True)


_HEADER = ("SET", "NAME", "BACKEND", "CREATED", "EXPERIMENTS", "JOBS", "STATE OF THE JOBS")


def _print_table(ctx: typer.Context, job_sets: "Iterable[ManagedJobSet]", if_none: str) -> None:
    doubts: list[str] = []
    rows = (_row(ctx, each, doubts) for each in job_sets)
    first = next(rows, None)
    if first is None:
        typer.echo(if_none)
        return
    for line in table(_HEADER, chain([first], rows)):
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
