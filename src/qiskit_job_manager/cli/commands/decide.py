"""``qjm retry``, ``resubmit``, ``abandon`` and ``cancel``: decisions of the user about jobs."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.follow import finish, hand_over, report, watch_to_the_end
from qiskit_job_manager.cli.options import (
    JobSetArgument,
    JsonOption,
    TimeoutOption,
    choice,
    opened_manager,
)
from qiskit_job_manager.cli.output import YesOption, confirm, escape, plural, print_object, say
from qiskit_job_manager.errors import JobManagerInvalidStateError, JobManagerJobNotFound
from qiskit_job_manager.job_set import wait_for_requests
from qiskit_job_manager.job_set.requests import RETRIED
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.provenance import DRIFT_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model.provenance import DriftedPlan, Where

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


class WhereWord(StrEnum):
    """Which experiments run again for drift."""

    DRIFTED = "drifted"
    MOVED = "moved"


WhereOption = Annotated[
    WhereWord | None,
    choice(
        WhereWord,
        "--where",
        help="Instead of jobs, run experiments again that drifted, in a job set of their own: all, "
        "or only those that rest on an error that moved.",
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        help="With --where: relative change beyond which an error has moved. "
        f"Default: {DRIFT_THRESHOLD}, half of the smaller value.",
        show_default=False,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="With --where: show the experiments and the cost; run nothing."),
]
AgreedOption = Annotated[
    bool, typer.Option("--yes", help="With --where: do not ask. Needed without a terminal.")
]


def retry(  # noqa: PLR0913  # one parameter an option
    ctx: typer.Context,
    job_set: JobSetArgument,
    *,
    cancelled: CancelledOption = False,
    where: WhereOption = None,
    threshold: ThresholdOption = None,
    dry_run: DryRunOption = False,
    yes: AgreedOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the jobs again that failed or were lost; other jobs stay as they are.

    With --cancelled, cancelled jobs are sent again too, no matter who cancelled them.

    With --where, experiments that drifted run again, in a job set that is named SET (drifted),
    each once. It first prints which these are and what they are estimated to use, and asks.
    """
    _check_options(cancelled, where, {"--threshold": threshold, "--dry-run": dry_run or None})
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        if where is not None:
            again = _run_drifted(
                chosen, where, threshold, dry_run=dry_run, yes=yes, as_json=as_json
            )
            if dry_run:
                return
            if again is None:
                why = "No experiment is known to have drifted; nothing is sent."
                _exit_unchanged(ctx, chosen, why, as_json=as_json)
            (finish if wait else hand_over)(ctx, again, timeout, as_json=as_json)
        jobs = chosen.progress().jobs
        if not cancelled and not jobs.get(JobState.FAILED) and not jobs.get(JobState.LOST):
            _exit_unchanged(ctx, chosen, _nothing_to_retry(jobs), as_json=as_json)
        if cancelled and not any(jobs.get(state) for state in RETRIED):
            why = "No job failed, was lost or was cancelled; nothing is sent."
            _exit_unchanged(ctx, chosen, why, as_json=as_json)
        chosen.retry(cancelled=cancelled)
        (finish if wait else hand_over)(ctx, chosen, timeout, as_json=as_json)


def _run_drifted(
    job_set: ManagedJobSet,
    where: WhereWord,
    threshold: float | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> ManagedJobSet | None:
    """Run again what drifted, after the user has agreed; a dry run only prints it."""
    word: Where = where.value
    planned = job_set.plan_retry(word, threshold)
    if dry_run:
        _show_drifted(planned, job_set.backend_name, as_json=as_json)
        return None
    _confirm_drifted(job_set, planned, yes=yes)
    return job_set.retry(where=word, threshold=threshold)


def _show_drifted(planned: DriftedPlan, backend: str, *, as_json: bool) -> None:
    """Print what would run again, for people or for scripts."""
    if not as_json:
        for line in _drifted_lines(planned, backend):
            say(line, indent=2)
        return
    from qiskit_job_manager.cli.commands.run import plan_values

    values = asdict(planned)
    values["plan"] = None if planned.plan is None else plan_values(planned.plan, backend)
    print_object(values)


def _confirm_drifted(job_set: ManagedJobSet, planned: DriftedPlan, *, yes: bool) -> None:
    """Print what is to run again to standard error, and return if the user agrees."""
    for line in _drifted_lines(planned, job_set.backend_name):
        say(line, err=True, indent=2)
    if planned.plan is None:
        return
    what = f"{plural(len(planned.experiments), 'experiment')} of {escape(job_set.name())}"
    warning = f"{what} run again on {escape(job_set.backend_name)}, and are paid for again."
    confirm(warning, "Run again?", yes=yes)


def _drifted_lines(planned: DriftedPlan, backend: str) -> Iterator[str]:
    from qiskit_job_manager.cli.commands.provenance import drift_lines
    from qiskit_job_manager.cli.commands.run import plan_lines

    n_new = len(planned.experiments)
    before = f"; {planned.n_run_again:,} more ran again before" if planned.n_run_again else ""
    yield f"{plural(n_new, 'experiment')} to run again, in {escape(planned.name)}{before}"
    if planned.n_unknown:
        left_out = plural(planned.n_unknown, "experiment")
        why = escape(planned.why_unknown or "")
        yield f"{left_out} left out, as the drift is not known; of the first: {why}"
    if planned.plan is not None:
        yield from drift_lines(planned.experiments)
        yield from plan_lines(planned.plan, backend)


def _check_options(
    cancelled: bool, where: WhereWord | None, for_drift: Mapping[str, object]
) -> None:
    """Refuse options that have no meaning together.

    Raises:
        typer.BadParameter: There are such options.
    """
    if where is not None and cancelled:
        raise typer.BadParameter("--where is about drift, and --cancelled about jobs: give one.")
    for option, value in for_drift.items():
        if where is None and value is not None:
            raise typer.BadParameter(f"{option} belongs to --where")


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
