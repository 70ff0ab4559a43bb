"""Seeing a job set through to its end, and telling of it in a line and an exit code.

Watching a job set: a live bar on a terminal, plain lines elsewhere, both on standard error.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.json_summaries import summary
from qiskit_job_manager.cli.needs_user import needs_user
from qiskit_job_manager.cli.options import command_for
from qiskit_job_manager.cli.output import counted, cut, plural, print_object
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.displays import shown_progress
from qiskit_job_manager.job_set.deadline import Deadline
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.job_set import ManagedJobSet, Progress


_NAME = 100
_NOT_HANDED_OVER = (JobState.PLANNED, JobState.SUBMITTING)


def finish(
    ctx: typer.Context, job_set: ManagedJobSet, timeout_s: float | None, *, as_json: bool
) -> NoReturn:
    """Wait for a job set, print how it ended, and exit with the code that says so."""
    deadline = Deadline(timeout_s, SystemClock())
    progress = watch_to_the_end(ctx, job_set, timeout_s)
    if progress.ended:
        _search(job_set, deadline)
    report(ctx, job_set, progress, as_json=as_json)
    raise typer.Exit(code_of(progress))


def _search(job_set: ManagedJobSet, deadline: Deadline) -> None:
    """Wait until jobs that the backend's client posted twice were looked for, and say so."""
    if not job_set.wait_for_search(0):
        typer.echo(
            "Looking for jobs that were posted twice; Ctrl-C leaves that for later.", err=True
        )
        with contextlib.suppress(KeyboardInterrupt):
            job_set.wait_for_search(deadline.left())


def code_of(progress: Progress) -> int:
    """Return the exit code that says how a job set ended, or that it has not."""
    if not progress.ended:
        return exit_codes.TIMED_OUT
    return exit_codes.ALL_DONE if progress.success else exit_codes.SOME_WITHOUT_RESULT


def hand_over(
    ctx: typer.Context, job_set: ManagedJobSet, timeout_s: float | None, *, as_json: bool
) -> NoReturn:
    """See to it that the backend has every job, print where it stands, and exit.

    What the user asked for is heeded first. Where jobs die with the process that sent them, none
    is waited for.
    """
    deadline = Deadline(timeout_s, SystemClock())
    heeded = job_set.wait_until_heeded(timeout_s)
    if job_set.record().volatile:
        progress = job_set.progress()
        handed_over = heeded
        _say_how_to_go_on(
            ctx, job_set, "Stored; jobs on this backend run only while a process waits"
        )
    else:
        progress = watch_to_the_end(ctx, job_set, deadline.left(), enough=_is_handed_over)
        handed_over = _is_handed_over(progress)
    report(ctx, job_set, progress, as_json=as_json)
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


def report(
    ctx: typer.Context, job_set: ManagedJobSet, progress: Progress, *, as_json: bool
) -> None:
    """Print where a job set stands, and whether it needs the user."""
    tell_of_doubts(ctx, job_set, progress)
    if as_json:
        print_object(summary(job_set))
        return
    typer.echo(
        f"{cut(job_set.name(), _NAME)}: {plural(progress.n_experiments, 'experiment')} in "
        f"{plural(progress.n_jobs, 'job')}: {counted(progress.jobs)}"
    )


def tell_of_doubts(ctx: typer.Context, job_set: ManagedJobSet, progress: Progress) -> None:
    """Say on standard error whether a job set needs the user, and what to do."""
    for line in needs_user(ctx, job_set, progress):
        typer.echo(line, err=True)


def _is_handed_over(progress: Progress) -> bool:
    return not any(progress.jobs.get(state) for state in _NOT_HANDED_OVER)


def _say_how_to_go_on(ctx: typer.Context, job_set: ManagedJobSet, why: str) -> None:
    command = command_for(ctx, "wait", job_set.job_set_id())
    typer.echo(f"{why}; go on with: {command}", err=True)


_LOOK_EVERY_S = 0.5


def watch(
    job_set: ManagedJobSet,
    timeout_s: float | None,
    enough: Callable[[Progress], bool] | None = None,
) -> None:
    """Wait for a job set and show how it goes, until it ended, is enough, or the time is up."""
    clock = SystemClock()
    until_s = clock.monotonic() + (float("inf") if timeout_s is None else timeout_s)
    with shown_progress(job_set.name(), clock, job_set.activity) as show:
        is_over = False
        left_s = float("inf")
        while not is_over and left_s > 0:
            now = job_set.progress()
            # Also where nothing has changed: that the time goes on says that all is well.
            show(now)
            if enough is not None and enough(now):
                return
            left_s = max(until_s - clock.monotonic(), 0.0)
            is_over = job_set.wait(min(left_s, _LOOK_EVERY_S))
        show(job_set.progress())
