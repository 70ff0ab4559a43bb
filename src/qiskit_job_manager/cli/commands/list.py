"""``qjm list``: lists the job sets of the store."""

from itertools import chain, islice, starmap
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
from qiskit_job_manager.cli.json_summaries import summary_of
from qiskit_job_manager.cli.needs_user import needs_user
from qiskit_job_manager.cli.options import JsonOption, command_for, opened_manager
from qiskit_job_manager.cli.output import counted, escape, local_time, print_array, table
from qiskit_job_manager.cli.paging import AllOption, at_most, bound
from qiskit_job_manager.views.phrases import short_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.job_set import Progress
    from qiskit_job_manager.model import JobSetRecord

_SHOWN = 50
_NONE_YET = "There are no job sets yet; qjm run creates one."
_NONE_SUCH = "No job set passes these filters; qjm list without options shows all."

LimitOption = Annotated[
    int | None,
    at_most("--limit", f"How many job sets to list. Default: {_SHOWN}; with --json, all."),
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
    """List the job sets, newest first. With several filters, a job set must pass all of them.

    Only the newest are shown if there are many. With --json all are shown, unless --limit is given.
    """
    wanted = Filter(tuple(states or ()), tuple(tags or ()), backend, since, name)
    most = bound("--limit", limit, all_of_them=all_sets, default=None if as_json else _SHOWN)
    with opened_manager(ctx) as manager:
        found = (each for each in manager.overview() if wanted.passes(*each))
        if as_json:
            print_array(starmap(summary_of, islice(found, most)))
            return
        _print_table(ctx, islice(found, most), _NONE_YET if wanted.is_empty else _NONE_SUCH)
        if most is not None and next(found, None) is not None:
            typer.echo("There are older job sets; --all or --limit NUMBER shows them.", err=True)
        for record in manager.half_deleted():
            command = command_for(ctx, "delete", record.job_set_id)
            typer.echo(f"{escape(record.name)} is half deleted. To finish: {command}", err=True)


_HEADER = ("SET", "NAME", "BACKEND", "CREATED", "EXPERIMENTS", "JOBS", "STATE OF THE JOBS")


def _print_table(
    ctx: typer.Context, job_sets: "Iterable[tuple[JobSetRecord, Progress]]", if_none: str
) -> None:
    notes: list[str] = []
    rows = (_row(ctx, *each, notes) for each in job_sets)
    first = next(rows, None)
    if first is None:
        typer.echo(if_none)
        return
    for line in table(_HEADER, chain([first], rows)):
        typer.echo(line)
    for line in notes:
        typer.echo(line, err=True)


def _row(
    ctx: typer.Context, record: "JobSetRecord", progress: "Progress", notes: list[str]
) -> tuple[str, ...]:
    """Return the row of a job set, and add lines to ``notes`` that are printed after the table."""
    notes += needs_user(ctx, record, progress)
    return (
        short_id(record.job_set_id),
        escape(record.name),
        escape(record.backend_name),
        local_time(record.created_at),
        str(progress.n_experiments),
        str(progress.n_jobs),
        counted(progress.jobs) + ("" if progress.complete else ", not all handed over"),
    )
