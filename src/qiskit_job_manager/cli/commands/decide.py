"""``qjm retry``, ``resubmit`` and ``abandon``: the user's word on jobs that do not go on alone.

``qjm cancel``: cancel what has not ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.confirmation import YesOption, confirm
from qiskit_job_manager.cli.follow import finish, hand_over, report, watch_to_the_end
from qiskit_job_manager.cli.options import (
    JobSetArgument,
    JsonOption,
    TimeoutOption,
    opened_manager,
)
from qiskit_job_manager.cli.output import escape, plural, print_object
from qiskit_job_manager.errors import JobManagerInvalidStateError, JobManagerJobNotFound
from qiskit_job_manager.job_set.retries import RETRIED
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.job_set import ManagedJobSet


JobsArgument = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="JOB",
        min=0,
        help="Indices of jobs, as qjm show has them. Default: all that are in doubt.",
        show_default=False,
    ),
]
WaitOption = Annotated[
    bool, typer.Option(help="Wait until all jobs ended; or only until all were handed over.")
]


CancelledOption = Annotated[
    bool, typer.Option("--cancelled", help="Send cancelled jobs again, too.")
]


def retry(
    ctx: typer.Context,
    job_set: JobSetArgument,
    cancelled: CancelledOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send again the jobs that failed or were lost, and only those; what is done stays.

    With --cancelled, jobs that were cancelled are sent again, too, whoever cancelled them.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        jobs = chosen.progress().jobs
        if not cancelled and not jobs.get(JobState.FAILED) and not jobs.get(JobState.LOST):
            _leave(ctx, chosen, _nothing_to_retry(jobs), as_json=as_json)
        if cancelled and not any(jobs.get(state) for state in RETRIED):
            why = "No job failed, was lost or was cancelled; nothing is sent."
            _leave(ctx, chosen, why, as_json=as_json)
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
    """Send jobs again of which it is in doubt whether the backend accepted them.

    It may pay twice: it is your word that the backend does not have them.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        number = _in_doubt(chosen, jobs)
        if not number:
            _leave(ctx, chosen, "No job is in doubt; nothing is sent.", as_json=as_json)
        confirm(
            f"{plural(number, 'job')} of {escape(chosen.name())} may have been accepted by the "
            "backend already. What is sent again then runs twice, and is paid for twice.",
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
    """Give up jobs of which it is in doubt whether the backend accepted them.

    Nothing is sent and nothing cancelled. Exits with 0 once they are given up.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        if not _in_doubt(chosen, jobs):
            _leave(ctx, chosen, "No job is in doubt; nothing is given up.", as_json=as_json)
        chosen.abandon(jobs or None)
        heeded = chosen.wait_until_heeded(timeout)
        report(ctx, chosen, chosen.progress(), as_json=as_json)
    raise typer.Exit(exit_codes.ALL_DONE if heeded else exit_codes.TIMED_OUT)


def _nothing_to_retry(jobs: Mapping[JobState, int]) -> str:
    cancelled = jobs.get(JobState.CANCELLED, 0)
    more = f" {plural(cancelled, 'job')} cancelled: --cancelled sends them again." * bool(cancelled)
    return f"No job failed or was lost; nothing is sent.{more}"


def _leave(ctx: typer.Context, job_set: ManagedJobSet, why: str, *, as_json: bool) -> NoReturn:
    typer.echo(why, err=True)
    report(ctx, job_set, job_set.progress(), as_json=as_json)
    raise typer.Exit(exit_codes.ALL_DONE)


def _in_doubt(job_set: ManagedJobSet, wanted: list[int] | None) -> int:
    """Return how many jobs are meant.

    Raises:
        JobManagerJobNotFound: One does not exist.
        JobManagerInvalidStateError: One is not in doubt.
    """
    if not wanted:
        return job_set.progress().jobs.get(JobState.IN_DOUBT, 0)
    jobs = job_set.managed_jobs()
    for index in wanted:
        if index >= len(jobs):
            raise JobManagerJobNotFound(
                f"Job set {job_set.name()!r} has no job {index}; it has those from 0 to "
                f"{len(jobs) - 1}."
            )
        if (state := jobs[index].state) is not JobState.IN_DOUBT:
            raise JobManagerInvalidStateError(
                f"Job {index} of {job_set.name()!r} is {state}, and not in doubt."
            )
    return len(set(wanted))


DuplicatesOption = Annotated[
    bool,
    typer.Option(
        "--duplicates",
        help="Cancel only what the backend has of the jobs a second time, and print the ids.",
    ),
]


def cancel(
    ctx: typer.Context,
    job_set: JobSetArgument,
    duplicates: DuplicatesOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel every job that has not ended, here and on the backend, and wait until it has.

    Results that are there stay. Exits with 0 when nothing is left to cancel.
    """
    with opened_manager(ctx) as manager:
        cancelled = manager.find(job_set)
        if duplicates:
            _print_ids(cancelled.cancel_duplicates(), as_json=as_json)
            return
        cancelled.cancel()
        progress = watch_to_the_end(ctx, cancelled, timeout)
        report(ctx, cancelled, progress, as_json=as_json)
    raise typer.Exit(exit_codes.ALL_DONE if progress.ended else exit_codes.TIMED_OUT)


def _print_ids(remote_ids: list[str], *, as_json: bool) -> None:
    if as_json:
        print_object({"cancelled": remote_ids})
        return
    typer.echo(f"{plural(len(remote_ids), 'duplicate')} cancelled on the backend.", err=True)
    for remote_id in remote_ids:
        typer.echo(escape(remote_id))
