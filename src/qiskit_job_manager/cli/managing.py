"""``qjm delete``, ``tag`` and ``rename``: what users change about job sets themselves."""

from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.confirming import YesOption, confirm
from qiskit_job_manager.cli.json_output import print_array, print_object
from qiskit_job_manager.cli.session import (
    JobSetArgument,
    JsonOption,
    opened_manager,
    some_job_sets,
)
from qiskit_job_manager.cli.summaries import summary
from qiskit_job_manager.cli.text import cut, escape, plural
from qiskit_job_manager.errors import JobManagerInvalidStateError

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager

JobSetsArgument = Annotated[
    list[str],
    some_job_sets("Ids of job sets, unique beginnings of them, or their names."),
]
AddOption = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="TAG", help="A tag to add; may be given repeatedly."),
]
RemoveOption = Annotated[
    list[str] | None,
    typer.Option("--remove", metavar="TAG", help="A tag to remove; may be given repeatedly."),
]
ReplaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--replace",
        metavar="TAG",
        help="A tag to have instead of all there are; may be given repeatedly.",
    ),
]
NewNameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The new name, unique in the store.")
]

_NAMES_SHOWN = 5
_NAME_SHOWN = 60


def delete(
    ctx: typer.Context,
    job_sets: JobSetsArgument,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove job sets and their results from the store, for good.

    All of them must have ended; if one has not, none is removed.
    """
    with opened_manager(ctx) as manager:
        chosen = _all_ended(manager, job_sets)
        confirm(
            f"{plural(len(chosen), 'job set')} with all results: {_named(chosen)}. What is "
            "deleted cannot be brought back.",
            "Delete?",
            yes=yes,
        )
        deleted = [summary(each) for each in chosen]
        for each in chosen:
            each.delete()
    if as_json:
        print_array(deleted)
    else:
        typer.echo(f"{plural(len(deleted), 'job set')} deleted.")


def tag(  # one parameter an option
    ctx: typer.Context,
    job_set: JobSetArgument,
    add: AddOption = None,
    remove: RemoveOption = None,
    replace: ReplaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the tags of a job set: replace, then add, then remove; print those it has then."""
    if add is None and remove is None and replace is None:
        raise typer.BadParameter("Nothing is asked for: give --add, --remove or --replace.")
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        chosen.update_tags(replace, add, remove)
        if as_json:
            print_object(summary(chosen))
            return
        for each in chosen.tags():
            typer.echo(escape(each))


def rename(
    ctx: typer.Context, job_set: JobSetArgument, name: NewNameArgument, as_json: JsonOption = False
) -> None:
    """Give a job set another name."""
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        before = chosen.name()
        chosen.update_name(name)
        if as_json:
            print_object(summary(chosen))
        else:
            typer.echo(f"{escape(before)} is now called {escape(chosen.name())}.")


def _all_ended(manager: "JobManager", references: list[str]) -> "list[ManagedJobSet]":
    """Return the job sets that are meant, each once.

    Raises:
        JobManagerUnknownJobSet: There is none of that name.
        JobManagerInvalidStateError: One has not ended; the message names it.
    """
    chosen = {found.job_set_id(): found for found in map(manager.find, references)}
    for each in chosen.values():
        progress = each.progress()
        if progress.complete and not progress.ended:
            raise JobManagerInvalidStateError(
                f"Job set {each.name()!r} has not ended, and nothing was deleted: cancel it first, "
                f"with qjm cancel {each.job_set_id()}, or leave it out."
            )
    return list(chosen.values())


def _named(job_sets: "list[ManagedJobSet]") -> str:
    names = [cut(each.name(), _NAME_SHOWN) for each in job_sets[:_NAMES_SHOWN]]
    more = len(job_sets) - len(names)
    return ", ".join([*names, f"{more:,} more"] if more else names)
