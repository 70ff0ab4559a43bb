"""Seeing a job set through to its end, and telling of it in a line and an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.json_output import print_object
from qiskit_job_manager.cli.progress import watch
from qiskit_job_manager.cli.session import command_for
from qiskit_job_manager.cli.summaries import summary
from qiskit_job_manager.cli.text import counted, escape, plural
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.job_set import ManagedJobSet, Progress

_NOT_HANDED_OVER = (JobState.PLANNED, JobState.SUBMITTING)


def finish(
    ctx: typer.Context, job_set: ManagedJobSet, timeout_s: float | None, *, as_json: bool
) -> NoReturn:
    """Wait for a job set, print how it ended, and exit with the code that says so."""
    progress = watch_to_the_end(ctx, job_set, timeout_s)
    report(job_set, progress, as_json=as_json)
    if not progress.ended:
        raise typer.Exit(exit_codes.TIMED_OUT)
    raise typer.Exit(exit_codes.ALL_DONE if progress.success else exit_codes.SOME_WITHOUT_RESULT)


def hand_over(
    ctx: typer.Context, job_set: ManagedJobSet, timeout_s: float | None, *, as_json: bool
) -> NoReturn:
    """See to it that the backend has every job, print where it stands, and exit.

    Where jobs die with the process that sent them, none is sent.
    """
    if job_set.record().volatile:
        progress = job_set.progress()
        handed_over = True
        _say_how_to_go_on(
            ctx, job_set, "Stored; jobs on this backend run only while a process waits"
        )
    else:
        progress = watch_to_the_end(ctx, job_set, timeout_s, enough=_is_handed_over)
        handed_over = _is_handed_over(progress)
    report(job_set, progress, as_json=as_json)
    raise typer.Exit(exit_codes.ALL_DONE if handed_over else exit_codes.TIMED_OUT)


def watch_to_the_end(
    ctx: typer.Context,
    job_set: ManagedJobSet,
    timeout_s: float | None,
    *,
    enough: Callable[[Progress], bool] | None = None,
) -> Progress:
    """Wait and show progress; say how to go on where the end was not seen."""
    try:
        watch(job_set, timeout_s, enough)
    except KeyboardInterrupt:
        _say_how_to_go_on(ctx, job_set, "Interrupted. Everything is kept")
        raise typer.Exit(exit_codes.INTERRUPTED) from None
    progress = job_set.progress()
    if not progress.ended:
        reached = enough is not None and enough(progress)
        why = "Handed over" if reached else "The time-out passed. Everything is kept"
        _say_how_to_go_on(ctx, job_set, why)
    return progress


def report(job_set: ManagedJobSet, progress: Progress, *, as_json: bool) -> None:
    """Print where a job set stands."""
    if progress.needs_user:
        typer.echo(
            f"{plural(progress.needs_user, 'job')} may or may not have been accepted by the "
            "backend. job_set.resubmit() sends them again, job_set.abandon() gives them up.",
            err=True,
        )
    if as_json:
        print_object(summary(job_set))
        return
    typer.echo(
        f"{escape(job_set.name())}: {plural(progress.n_experiments, 'experiment')} in "
        f"{plural(progress.n_jobs, 'job')}: {counted(progress.jobs)}"
    )


def _is_handed_over(progress: Progress) -> bool:
    return not any(progress.jobs.get(state) for state in _NOT_HANDED_OVER)


def _say_how_to_go_on(ctx: typer.Context, job_set: ManagedJobSet, why: str) -> None:
    command = command_for(ctx, "wait", job_set.job_set_id())
    typer.echo(f"{why}; go on with: {command}", err=True)
