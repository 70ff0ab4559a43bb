"""``qjm resume`` and ``qjm wait``: go on with job sets where they stopped."""

from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.errors import print_error
from qiskit_job_manager.cli.follow import code_of, finish, print_needs_user, report, watch
from qiskit_job_manager.cli.options import (
    ExecutorOption,
    JobSetArgument,
    JsonOption,
    TimeoutOption,
    WorkersOption,
    command_for,
    job_set_argument,
    opened_manager,
)
from qiskit_job_manager.cli.output import print_array, say
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import JobManagerError, JobManagerInvalidStateError
from qiskit_job_manager.job_set.json_values import summary
from qiskit_job_manager.job_set.waiting import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager

JobSetsArgument = Annotated[
    list[str] | None,
    job_set_argument(
        "Ids of job sets, unique starts of ids, or names. Default: all unfinished job sets.",
        show_default=False,
    ),
]

_NO_LIMIT = "none"


def parse_usage(text: str) -> float:
    """Return quantum seconds; infinity means no limit.

    Raises:
        typer.BadParameter: The text is neither a number above 0 nor ``none``.
    """
    try:
        seconds = inf if text.strip().lower() == _NO_LIMIT else float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise typer.BadParameter(
            f"{text!r} is neither a number of quantum seconds above 0 nor {_NO_LIMIT!r}."
        )
    return seconds


MaxUsageOption = Annotated[
    float | None,
    typer.Option(
        "--max-usage",
        metavar="SECONDS",
        parser=parse_usage,
        help="New usage limit of each of these job sets, in quantum seconds for the whole set; "
        "'none' means no limit.",
    ),
]


def parse_cost(text: str) -> float:
    """Return a limit of the cost; infinity for ``none``."""
    if text == "none":
        return inf
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < inf:
        raise typer.BadParameter(f"{text!r} is no amount of money of at least 0, and not 'none'.")
    return amount


MaxCostOption = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        metavar="AMOUNT",
        parser=parse_cost,
        help="New limit of the cost of each of these job sets, in the currency of its prices; "
        "'none' means no limit.",
    ),
]

_WORST_FIRST = (
    errors.ERROR,
    errors.TIMED_OUT,
    errors.SOME_WITHOUT_RESULT,
    errors.ALL_DONE,
)


def resume(  # noqa: PLR0913  # one parameter an option
    ctx: typer.Context,
    job_sets: JobSetsArgument = None,
    *,
    max_usage: MaxUsageOption = None,
    max_cost: MaxCostOption = None,
    timeout: TimeoutOption = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with job sets, all at once, until each has ended or needs you.

    If a job set cannot go on here, standard error says why, and the others go on. The exit code is
    then 1. Otherwise it is 4 if the time is over before all have ended, 3 if some experiments have
    no result, or 0.
    """
    for option, limit in (("--max-usage", max_usage), ("--max-cost", max_cost)):
        if limit is not None and not job_sets:
            words = "name the job sets that get this limit."
            raise typer.BadParameter(words, param_hint=f"'{option}'")
    with opened_manager(ctx, workers, executor) as manager:
        chosen = _start(manager, job_sets, max_usage, max_cost)
        if not chosen and not as_json:
            typer.echo("All job sets have ended.")
        try:
            codes = _wait_for_all(ctx, chosen, timeout, as_json=as_json)
        except KeyboardInterrupt:
            _print_how_to_go_on(ctx, job_sets, "Interrupted")
            raise typer.Exit(errors.INTERRUPTED) from None
        if errors.TIMED_OUT in codes:
            _print_how_to_go_on(ctx, job_sets, "The time is over")
        if as_json:
            print_array(map(summary, chosen))
    raise typer.Exit(min(codes, key=_WORST_FIRST.index, default=errors.ALL_DONE))


def _print_how_to_go_on(ctx: typer.Context, references: list[str] | None, why: str) -> None:
    command = command_for(ctx, "resume", *(references or []))
    say(f"{why}. Everything is kept; go on with: {command}", err=True)


def _start(
    manager: "JobManager",
    references: list[str] | None,
    max_usage_s: float | None,
    max_cost: float | None,
) -> "list[ManagedJobSet]":
    if not references:
        return manager.resume()
    chosen = {found.job_set_id(): found for found in map(manager.find, references)}
    for job_set in chosen.values():
        with suppress(JobManagerInvalidStateError):  # its trouble is printed
            if max_cost is not None:
                job_set.allow_cost(None if max_cost == inf else max_cost)
            if max_usage_s is not None:
                job_set.allow_usage(None if max_usage_s == inf else max_usage_s)
            job_set.drive()
    return list(chosen.values())


def _wait_for_all(
    ctx: typer.Context, chosen: "Iterable[ManagedJobSet]", timeout_s: float | None, *, as_json: bool
) -> list[int]:
    """Report the job sets that cannot go on, then wait for the others; return their exit codes."""
    deadline = Deadline(timeout_s, SystemClock())
    codes, going = [], []
    for job_set in chosen:
        if trouble := job_set.trouble():
            print_error(trouble)
            codes.append(errors.ERROR)
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
    except JobManagerError as error:  # the others must be reported all the same
        print_error(error.message)
        return errors.ERROR
    if as_json:
        print_needs_user(ctx, job_set, progress)
    else:
        report(ctx, job_set, progress, as_json=False)
    return code_of(progress)


def wait(
    ctx: typer.Context,
    job_set: JobSetArgument,
    timeout: TimeoutOption = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait for a job set, and drive it if no other process does."""
    with opened_manager(ctx, workers, executor) as manager:
        finish(ctx, manager.find(job_set), timeout, as_json=as_json)
