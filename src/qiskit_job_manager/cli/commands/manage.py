"""``qjm delete``, ``tag`` and ``rename``: what users change about job sets themselves.

``qjm adopt``: go on with a store that was copied or moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.confirmation import YesOption, confirm
from qiskit_job_manager.cli.json_summaries import summary
from qiskit_job_manager.cli.options import (
    JobSetArgument,
    JsonOption,
    command_for,
    opened_manager,
    some_job_sets,
)
from qiskit_job_manager.cli.output import cut, escape, plural, print_array, print_object
from qiskit_job_manager.errors import JobManagerInvalidStateError, JobManagerUnknownJobSet

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model import JobSetRecord


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

    All of them must have ended; if one has not, none is removed. A large one takes a while, in
    which others can write. If that is cut off, the set is half deleted, and nothing of it can be
    read any more: to delete it again removes the rest.
    """
    with opened_manager(ctx) as manager:
        whole, left = _chosen(manager, job_sets)
        _refuse_unfinished(whole)
        if whole:
            confirm(
                f"{plural(len(whole), 'job set')} with all results: {_named(whole)}. What is "
                "deleted cannot be brought back.",
                "Delete?",
                yes=yes,
            )
        told = {each.job_set_id(): summary(each) for each in whole}
        told |= {each.job_set_id: _rest_of(each) for each in left}
        _delete(ctx, manager, list(told))
    if as_json:
        print_array(told.values())
    else:
        typer.echo(f"{plural(len(told), 'job set')} deleted.")


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


def _chosen(
    manager: JobManager, references: list[str]
) -> tuple[list[ManagedJobSet], list[JobSetRecord]]:
    """Return the job sets that are meant, each once: those that are whole, and the half deleted.

    Raises:
        JobManagerUnknownJobSet: There is none of that name.
    """
    whole: dict[str, ManagedJobSet] = {}
    left: dict[str, JobSetRecord] = {}
    for reference in references:
        try:
            found = manager.find(reference)
            whole[found.job_set_id()] = found
        except JobManagerUnknownJobSet:
            rest = manager.half_deleted(reference)
            if not rest:
                raise
            left |= {each.job_set_id: each for each in rest}
    return list(whole.values()), list(left.values())


def _delete(ctx: typer.Context, manager: JobManager, job_set_ids: list[str]) -> None:
    waiting = list(job_set_ids)
    try:
        while waiting:
            manager.delete_job_set(waiting[0])
            waiting.pop(0)
    except KeyboardInterrupt:
        command = command_for(ctx, "delete", *waiting)
        typer.echo(f"Interrupted. What is left is deleted by: {command}", err=True)
        raise typer.Exit(exit_codes.INTERRUPTED) from None


def _rest_of(record: JobSetRecord) -> dict[str, Any]:
    return {"job_set_id": record.job_set_id, "name": record.name, "half_deleted": True}


def _refuse_unfinished(job_sets: list[ManagedJobSet]) -> None:
    """See that all have ended.

    Raises:
        JobManagerInvalidStateError: One has not; the message names it.
    """
    for each in job_sets:
        progress = each.progress()
        if progress.complete and not progress.ended:
            raise JobManagerInvalidStateError(
                f"Job set {each.name()!r} has not ended, and nothing was deleted: cancel it first, "
                f"with qjm cancel {each.job_set_id()}, or leave it out."
            )


def _named(job_sets: list[ManagedJobSet]) -> str:
    names = [cut(each.name(), _NAME_SHOWN) for each in job_sets[:_NAMES_SHOWN]]
    more = len(job_sets) - len(names)
    return ", ".join([*names, f"{more:,} more"] if more else names)


def adopt(ctx: typer.Context, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Take a store that was copied or moved for the original from now on."""
    with opened_manager(ctx) as manager:
        confirm(
            "if anything goes on with the store that this one was copied from, its unfinished jobs "
            "run twice, and are paid for twice.",
            f"Is this, {manager.store_url}, the only one in use?",
            yes=yes,
        )
        manager.adopt_store()
        if as_json:
            print_object({"adopted": manager.store_url})
