"""Waits for a job set with a progress bar, and reports how it ended as a line and an exit code."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.needs_user import needs_user
from qiskit_job_manager.cli.options import command_for
from qiskit_job_manager.cli.output import cut, escape, plural, print_object, say
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.displays import shown_progress
from qiskit_job_manager.job_set import wait_for_requests
from qiskit_job_manager.job_set.json_values import summary
from qiskit_job_manager.job_set.status import states_of
from qiskit_job_manager.job_set.waiting import Deadline
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views import phrases

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.job_set import ManagedJobSet, Progress


_NAME = 100
_NOT_HANDED_OVER = (JobState.PLANNED, JobState.SUBMITTING)


def finish(
    ctx: typer.Context, job_set: ManagedJobSet, timeout_s: float | None, *, as_json: bool
) -> NoReturn:
    """Wait for a job set, print how it ended, and exit with the code for it."""
    deadline = Deadline(timeout_s, SystemClock())
    progress = watch_to_the_end(ctx, job_set, timeout_s)
    if progress.ended:
        _wait_for_search(job_set, deadline)
    report(ctx, job_set, progress, as_json=as_json)
    raise typer.Exit(code_of(progress))


def _wait_for_search(job_set: ManagedJobSet, deadline: Deadline) -> None:
    """Wait until the search for duplicates has ended; tell the user that it takes time."""
    if not job_set.wait_for_search(0):
        say("Searching for duplicates of jobs; Ctrl-C leaves this for later.", err=True)
        with contextlib.suppress(KeyboardInterrupt):
            job_set.wait_for_search(deadline.left())


def code_of(progress: Progress) -> int:
    """Return the exit code for the state of a job set."""
    if not progress.ended:
        return errors.TIMED_OUT
    return errors.ALL_DONE if progress.success else errors.SOME_WITHOUT_RESULT


def hand_over(
    ctx: typer.Context, job_set: ManagedJobSet, timeout_s: float | None, *, as_json: bool
) -> NoReturn:
    """Wait until the backend has every job, print the state, and exit.

    The engine handles open requests first. Jobs that would die with this process are only stored.
    """
    deadline = Deadline(timeout_s, SystemClock())
    handled = wait_for_requests(job_set, timeout_s)
    if source_of(job_set).record.volatile:
        progress = job_set.progress()
        handed_over = handled
        _print_how_to_go_on(
            ctx, job_set, "Stored. Jobs on this backend run only while a process waits"
        )
    else:
        progress = watch_to_the_end(ctx, job_set, deadline.left(), enough=_is_handed_over)
        handed_over = _is_handed_over(progress)
    report(ctx, job_set, progress, as_json=as_json)
    raise typer.Exit(errors.ALL_DONE if handed_over else errors.TIMED_OUT)


def watch_to_the_end(
    ctx: typer.Context,
    job_set: ManagedJobSet,
    timeout_s: float | None,
    *,
    enough: Callable[[Progress], bool] | None = None,
) -> Progress:
    """Wait and show progress; print how to go on if the job set has not ended."""
    try:
        watch(job_set, timeout_s, enough)
    except KeyboardInterrupt:
        _print_how_to_go_on(ctx, job_set, "Interrupted. Everything is kept")
        raise typer.Exit(errors.INTERRUPTED) from None
    progress = job_set.progress()
    if not progress.ended:
        reached = enough is not None and enough(progress)
        why = "Handed over" if reached else "The time is over. Everything is kept"
        _print_how_to_go_on(ctx, job_set, why)
    return progress


def report(
    ctx: typer.Context, job_set: ManagedJobSet, progress: Progress, *, as_json: bool
) -> None:
    """Print the state of a job set, and whether it needs the user."""
    print_needs_user(ctx, job_set, progress)
    if as_json:
        print_object(summary(job_set))
        return
    typer.echo(
        f"{cut(job_set.name(), _NAME)}: {plural(progress.n_experiments, 'circuit')} in "
        f"{plural(progress.n_jobs, 'job')}: {states_in_words(job_set, progress)}"
    )


def states_in_words(job_set: ManagedJobSet, progress: Progress) -> str:
    """Return the jobs of a set by state, such as ``20 done, 3 running``."""
    source = source_of(job_set)
    return phrases.counted(states_of(source.store, source.record, progress))


def print_needs_user(ctx: typer.Context, job_set: ManagedJobSet, progress: Progress) -> None:
    """Print to standard error whether a job set needs the user, and what to do."""
    for line in needs_user(ctx, source_of(job_set).record, progress):
        say(line, err=True)


def _is_handed_over(progress: Progress) -> bool:
    return not any(progress.jobs.get(state) for state in _NOT_HANDED_OVER)


def _print_how_to_go_on(ctx: typer.Context, job_set: ManagedJobSet, why: str) -> None:
    command = command_for(ctx, "wait", job_set.job_set_id())
    say(f"{why}; go on with: {command}", err=True)


_LOOK_EVERY_S = 0.5


def watch(
    job_set: ManagedJobSet,
    timeout_s: float | None,
    enough: Callable[[Progress], bool] | None = None,
) -> None:
    """Show progress until the job set has ended, ``enough`` returns true, or the time is over."""
    clock = SystemClock()
    until_s = clock.monotonic() + (float("inf") if timeout_s is None else timeout_s)
    if other := job_set.other_driver():
        words = f"{cut(job_set.name(), _NAME)} is driven by {escape(other)}"
        say(f"{words}; this process waits, and goes on if that one ends.", err=True)
    with shown_progress(job_set.name(), clock, job_set.activity, job_set.created_at) as show:
        is_over = False
        left_s = float("inf")
        while not is_over and left_s > 0:
            now = job_set.progress()
            # Drawn also without a change: the running time shows that the process is alive.
            show(now)
            if enough is not None and enough(now):
                return
            left_s = max(until_s - clock.monotonic(), 0.0)
            is_over = job_set.wait(min(left_s, _LOOK_EVERY_S))
        show(job_set.progress())
