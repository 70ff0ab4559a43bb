"""``qjm retry``, ``resubmit``, ``abandon`` and ``cancel``: decisions of the user about jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.follow import finish, hand_over, report, watch_to_the_end
from qiskit_job_manager.cli.options import (
    JobSetArgument,
    JsonOption,
    TimeoutOption,
    opened_manager,
)
from qiskit_job_manager.cli.output import YesOption, confirm, escape, plural, print_object, say
from qiskit_job_manager.errors import JobManagerInvalidStateError, JobManagerJobNotFound
from qiskit_job_manager.job_set import wait_for_requests
from qiskit_job_manager.job_set.requests import RETRIED
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.job_set import ManagedJobSet


JobsArgument = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="JOB",
        min=0,
        help="Indices of jobs, as qjm show lists them. Default: all jobs in doubt.",
        show_default=False,
    ),
]
WaitOption = Annotated[
    bool,
    typer.Option(help="Wait until all jobs have ended, or only until the backend has all of them."),
]


CancelledOption = Annotated[
    bool, typer.Option("--cancelled", help="Send cancelled jobs again too.")
]


def retry(
    ctx: typer.Context,
    job_set: JobSetArgument,
    cancelled: CancelledOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the jobs again that failed or were lost; other jobs stay as they are.

    With --cancelled, cancelled jobs are sent again too, no matter who cancelled them.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        jobs = chosen.progress().jobs
        if not cancelled and not jobs.get(JobState.FAILED) and not jobs.get(JobState.LOST):
            _exit_unchanged(ctx, chosen, _nothing_to_retry(jobs), as_json=as_json)
        if cancelled and not any(jobs.get(state) for state in RETRIED):
            why = "No job failed, was lost or was cancelled; nothing is sent."
            _exit_unchanged(ctx, chosen, why, as_json=as_json)
        chosen.retry(cancelled=cancelled)
        (finish if wait else hand_over)(ctx, chosen, timeout, as_json=as_json)


def resubmit(  # one parameter an option
    ctx: typer.Context,
    job_set: JobSetArgument,
    jobs: JobsArgument = None,
    yes: YesOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send jobs in doubt again: jobs that the backend may have accepted.

    You may pay twice: with this command you state that the backend does not have them.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        number = _in_doubt(chosen, jobs)
        if not number:
            _exit_unchanged(ctx, chosen, "No job is in doubt; nothing is sent.", as_json=as_json)
        confirm(
            f"{plural(number, 'job')} of {escape(chosen.name())} may have been accepted by the "
            "backend already. If so, they run twice and are paid for twice.",
            "Send again?",
            yes=yes,
        )
        chosen.resubmit(jobs or None)
        (finish if wait else hand_over)(ctx, chosen, timeout, as_json=as_json)


def abandon(
    ctx: typer.Context,
    job_set: JobSetArgument,
    jobs: JobsArgument = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give up jobs in doubt: jobs that the backend may have accepted.

    Nothing is sent and nothing is cancelled. Exits with 0 when they are given up.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        if not _in_doubt(chosen, jobs):
            _exit_unchanged(
                ctx, chosen, "No job is in doubt; nothing is given up.", as_json=as_json
            )
        chosen.abandon(jobs or None)
        handled = wait_for_requests(chosen, timeout)
        report(ctx, chosen, chosen.progress(), as_json=as_json)
    raise typer.Exit(errors.ALL_DONE if handled else errors.TIMED_OUT)


def _nothing_to_retry(jobs: Mapping[JobState, int]) -> str:
    cancelled = jobs.get(JobState.CANCELLED, 0)
    more = f" {plural(cancelled, 'job')} cancelled: --cancelled sends them again." * bool(cancelled)
    return f"No job failed or was lost; nothing is sent.{more}"


def _exit_unchanged(
    ctx: typer.Context, job_set: ManagedJobSet, why: str, *, as_json: bool
) -> NoReturn:
    say(why, err=True)
    report(ctx, job_set, job_set.progress(), as_json=as_json)
    raise typer.Exit(errors.ALL_DONE)


def _in_doubt(job_set: ManagedJobSet, wanted: list[int] | None) -> int:
    """Return how many jobs in doubt the user means.

    Raises:
        JobManagerJobNotFound: A job does not exist.
        JobManagerInvalidStateError: A job is not in doubt.
    """
    if not wanted:
        return job_set.progress().jobs.get(JobState.IN_DOUBT, 0)
    jobs = job_set.managed_jobs()
    for index in wanted:
        if index >= len(jobs):
            raise JobManagerJobNotFound(
                f"Job set {job_set.name()!r} has no job {index}; its jobs are 0 to {len(jobs) - 1}."
            )
        if jobs[index].state is not JobState.IN_DOUBT:
            raise JobManagerInvalidStateError(
                f"Job {index} of {job_set.name()!r} is not in doubt: it is {jobs[index].detail}."
            )
    return len(set(wanted))


DuplicatesOption = Annotated[
    bool,
    typer.Option(
        "--duplicates",
        help="Cancel only duplicates of jobs on the backend, and print their ids.",
    ),
]


def cancel(
    ctx: typer.Context,
    job_set: JobSetArgument,
    duplicates: DuplicatesOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel all jobs that have not ended, here and on the backend, and wait for their end.

    Stored results stay. Exits with 0 when all jobs have ended.
    """
    with opened_manager(ctx) as manager:
        cancelled = manager.find(job_set)
        if duplicates:
            _print_ids(cancelled.cancel_duplicates(), as_json=as_json)
            return
        cancelled.cancel()
        progress = watch_to_the_end(ctx, cancelled, timeout)
        report(ctx, cancelled, progress, as_json=as_json)
    raise typer.Exit(errors.ALL_DONE if progress.ended else errors.TIMED_OUT)


def _print_ids(remote_ids: list[str], *, as_json: bool) -> None:
    if as_json:
        print_object({"cancelled": remote_ids})
        return
    say(f"{plural(len(remote_ids), 'duplicate')} cancelled on the backend.", err=True)
    for remote_id in remote_ids:
        typer.echo(escape(remote_id))
