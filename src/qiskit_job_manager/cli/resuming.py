"""``qjm resume``: go on with job sets where they stopped."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.guard import complain
from qiskit_job_manager.cli.json_output import print_array
from qiskit_job_manager.cli.outcome import code_of, report, tell_of_doubts
from qiskit_job_manager.cli.progress import watch
from qiskit_job_manager.cli.session import (
    JsonOption,
    TimeoutOption,
    command_for,
    opened_manager,
    some_job_sets,
)
from qiskit_job_manager.cli.summaries import summary
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import JobManagerError, JobManagerInvalidStateError
from qiskit_job_manager.job_set.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager

JobSetsArgument = Annotated[
    list[str] | None,
    some_job_sets(
        "Ids of job sets, unique beginnings of them, or their names. Default: all that are "
        "unfinished.",
        show_default=False,
    ),
]

_WORST_FIRST = (
    exit_codes.ERROR,
    exit_codes.TIMED_OUT,
    exit_codes.SOME_WITHOUT_RESULT,
    exit_codes.ALL_DONE,
)


def resume(
    ctx: typer.Context,
    job_sets: JobSetsArgument = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with job sets, all at once, until each has ended or needs you.

    One that cannot go on here is told on standard error, with the reason, and holds up no other.
    The exit code is then 1; otherwise 4 if the time passed before all had ended, 3 if some
    experiments are without result, or 0.
    """
    with opened_manager(ctx) as manager:
        chosen = _set_going(manager, job_sets)
        if not chosen and not as_json:
            typer.echo("No job set has anything left to do.")
        try:
            codes = _see_through(ctx, chosen, timeout, as_json=as_json)
        except KeyboardInterrupt:
            _say_how_to_go_on(ctx, job_sets, "Interrupted")
            raise typer.Exit(exit_codes.INTERRUPTED) from None
        if exit_codes.TIMED_OUT in codes:
            _say_how_to_go_on(ctx, job_sets, "The time-out passed")
        if as_json:
            print_array(map(summary, chosen))
    raise typer.Exit(min(codes, key=_WORST_FIRST.index, default=exit_codes.ALL_DONE))


def _say_how_to_go_on(ctx: typer.Context, references: list[str] | None, why: str) -> None:
    command = command_for(ctx, "resume", *(references or []))
    typer.echo(f"{why}. Everything is kept; go on with: {command}", err=True)


def _set_going(manager: "JobManager", references: list[str] | None) -> "list[ManagedJobSet]":
    if not references:
        return manager.resume()
    chosen = {found.job_set_id(): found for found in map(manager.find, references)}
    for job_set in chosen.values():
        with suppress(JobManagerInvalidStateError):  # its trouble is told
            job_set.drive()
    return list(chosen.values())


def _see_through(
    ctx: typer.Context, chosen: "Iterable[ManagedJobSet]", timeout_s: float | None, *, as_json: bool
) -> list[int]:
    """Tell first what cannot go on, then follow the others; return the exit code of each."""
    deadline = Deadline(timeout_s, SystemClock())
    codes, going = [], []
    for job_set in chosen:
        if trouble := job_set.trouble():
            complain(trouble)
            codes.append(exit_codes.ERROR)
        else:
            going.append(job_set)
    for job_set in going:
        codes.append(_follow(ctx, job_set, deadline.left(), as_json=as_json))
    return codes


def _follow(
    ctx: typer.Context, job_set: "ManagedJobSet", left_s: float | None, *, as_json: bool
) -> int:
    try:
        watch(job_set, left_s)
        progress = job_set.progress()
    except JobManagerError as error:  # one set's trouble must not hide how the others went
        complain(error.message)
        return exit_codes.ERROR
    if as_json:
        tell_of_doubts(ctx, job_set, progress)
    else:
        report(ctx, job_set, progress, as_json=False)
    return code_of(progress)
