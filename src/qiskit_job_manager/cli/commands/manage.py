"""``qjm delete``, ``tag``, ``note``, ``rename``, ``adopt``: changes of job sets and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.options import (
    JobSetArgument,
    JsonOption,
    command_for,
    job_set_argument,
    opened_manager,
)
from qiskit_job_manager.cli.output import (
    YesOption,
    confirm,
    cut,
    escape,
    escape_lines,
    plural,
    print_array,
    print_object,
    say,
)
from qiskit_job_manager.errors import JobManagerInvalidStateError, JobManagerUnknownJobSet
from qiskit_job_manager.job_set.json_values import summary
from qiskit_job_manager.model.job_sets import LONGEST_NOTE

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model import JobSetRecord


JobSetsArgument = Annotated[
    list[str],
    job_set_argument("Ids of job sets, unique starts of ids, or names."),
]
RemoteOption = Annotated[
    bool,
    typer.Option(
        "--remote",
        help="Delete the jobs on the service, too. Where the backend cannot, nothing is deleted.",
    ),
]
AddOption = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="TAG", help="A tag to add. Repeat the option for more tags."),
]
RemoveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--remove", metavar="TAG", help="A tag to remove. Repeat the option for more tags."
    ),
]
ReplaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--replace",
        metavar="TAG",
        help="A tag that replaces all present tags. Repeat the option for more tags.",
    ),
]
NewNameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The new name, unique in the store.")
]

NoteArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TEXT",
        help=f"The new note, of up to {LONGEST_NOTE:,} characters; an empty one ('') removes it. "
        "Default: print the present one.",
    ),
]

_NAMES_SHOWN = 5
_NAME_SHOWN = 60


def delete(
    ctx: typer.Context,
    job_sets: JobSetsArgument,
    remote: RemoteOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove job sets and their results from the store for good.

    All of them must have ended; otherwise none is removed. A large job set takes a while; others
    can write meanwhile. If the deletion is interrupted, the job set is half deleted and cannot be
    read any more. Delete it again to remove the rest.
    """
    with opened_manager(ctx) as manager:
        whole, left = _chosen(manager, job_sets)
        _refuse_unfinished(whole)
        if whole:
            confirm(
                f"{plural(len(whole), 'job set')} with all results"
                f"{', also on the service' if remote else ''}: {_named(whole)}. They cannot be "
                "restored.",
                "Delete?",
                yes=yes,
            )
        deleted = {each.job_set_id(): summary(each) for each in whole}
        deleted |= {each.job_set_id: _rest_of(each) for each in left}
        _delete(ctx, manager, list(deleted), remote=remote)
    if as_json:
        print_array(deleted.values())
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
    """Change the tags of a job set: replace, then add, then remove; print the new tags."""
    if add is None and remove is None and replace is None:
        raise typer.BadParameter("No change is given: use --add, --remove or --replace.")
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        chosen.update_tags(replace, add, remove)
        if as_json:
            print_object(summary(chosen))
            return
        for each in chosen.tags():
            typer.echo(escape(each))


def note(
    ctx: typer.Context,
    job_set: JobSetArgument,
    text: NoteArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Print the note of a job set, or replace it: a free text of your own about the set.

    qjm show, the dashboard, reports and exports have it too.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        found = chosen.note if text is None else chosen.update_note(text)
        if as_json:
            print_object(summary(chosen))
        elif found is None:
            say(f"{escape(chosen.name())} has no note.", err=True)
        else:
            typer.echo(escape_lines(found))


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
    """Return the named job sets, each once: the whole ones and the half deleted ones.

    Raises:
        JobManagerUnknownJobSet: No job set has this name.
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


def _delete(
    ctx: typer.Context, manager: JobManager, job_set_ids: list[str], *, remote: bool
) -> None:
    waiting = list(job_set_ids)
    try:
        while waiting:
            manager.delete_job_set(waiting[0], remote=remote)
            waiting.pop(0)
    except KeyboardInterrupt:
        command = command_for(ctx, "delete", *(["--remote"] if remote else []), *waiting)
        say(f"Interrupted. To delete the rest: {command}", err=True)
        raise typer.Exit(errors.INTERRUPTED) from None


def _rest_of(record: JobSetRecord) -> dict[str, Any]:
    return {"job_set_id": record.job_set_id, "name": record.name, "half_deleted": True}


def _refuse_unfinished(job_sets: list[ManagedJobSet]) -> None:
    """Check that all job sets have ended.

    Raises:
        JobManagerInvalidStateError: One has not ended; the message has its name.
    """
    for each in job_sets:
        progress = each.progress()
        if progress.complete and not progress.ended:
            raise JobManagerInvalidStateError(
                f"Job set {each.name()!r} has not ended, so nothing was deleted. Cancel it first "
                f"(qjm cancel {each.job_set_id()}), or leave it out."
            )


def _named(job_sets: list[ManagedJobSet]) -> str:
    names = [cut(each.name(), _NAME_SHOWN) for each in job_sets[:_NAMES_SHOWN]]
    more = len(job_sets) - len(names)
    return ", ".join([*names, f"{more:,} more"] if more else names)


def adopt(ctx: typer.Context, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """State that a store that was copied or moved is the original from now on."""
    with opened_manager(ctx) as manager:
        confirm(
            "if another process still uses the store that this one was copied from, unfinished "
            "jobs run twice and are paid for twice.",
            f"Is this, {manager.store_url}, the only one in use?",
            yes=yes,
        )
        manager.adopt_store()
        if as_json:
            print_object({"adopted": manager.store_url})
