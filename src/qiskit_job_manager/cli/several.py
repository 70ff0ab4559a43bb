"""``qjm run`` on several backends: places the circuits, waits, and prints how each backend did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.options import command_for
from qiskit_job_manager.cli.output import cut, plural, print_object, say
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.json_values import summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager import JobManager, ManagedJobSetGroup
    from qiskit_job_manager.ports import Backend

_NAME = 100


def refuse_what_is_for_one(*, dry_run: bool, one: bool) -> None:
    """Refuse options that do not fit the number of backends.

    Raises:
        InvalidArgumentError: One does not.
    """
    if one:
        raise InvalidArgumentError("--place is for several backends: repeat --backend")
    if dry_run:
        raise InvalidArgumentError("--dry-run takes one --backend: plan for each by itself")


def run_on_several(  # noqa: PLR0913  # what is run, where and how
    ctx: typer.Context,
    manager: JobManager,
    circuits: Sequence[Any],
    backends: Sequence[Backend],
    place: Any,
    options: Mapping[str, Any],
    *,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> NoReturn:
    """Place circuits on several backends, and exit with the code for what became of them.

    Args:
        ctx: The context of the command.
        manager: The manager.
        circuits: The circuits.
        backends: The backends.
        place: How they are placed.
        options: What `JobManager.run` takes besides.
        wait: Whether to wait for the results; otherwise jobs of simulators are only stored.
        timeout_s: Seconds to wait at most, or ``None``.
        as_json: Whether to print JSON.
    """
    drive = wait or not any(each.capabilities.volatile for each in backends)
    try:
        group = manager.run(circuits, list(backends), place=place, drive=drive, **options)
        has_ended = wait and group.wait(timeout_s, progress=True)
    except KeyboardInterrupt:
        again = f"{command_for(ctx, 'run')} ... --if-exists resume"
        say(f"Interrupted. Everything is kept; go on with the same command: {again}", err=True)
        raise typer.Exit(errors.INTERRUPTED) from None
    for job_set in () if has_ended else group.job_sets.values():
        if not job_set.progress().ended:
            say(f"Go on with: {command_for(ctx, 'wait', job_set.job_set_id())}", err=True)
    _print(group, as_json=as_json)
    raise typer.Exit(_code(group, wait=wait, has_ended=has_ended))


def _print(group: ManagedJobSetGroup, *, as_json: bool) -> None:
    if as_json:
        print_object(
            {
                "group_id": group.group_id(),
                "name": group.name(),
                "place": group.place,
                "n_experiments": group.n_experiments,
                "job_sets": {label: summary(each) for label, each in group.job_sets.items()},
            }
        )
        return
    for job_set in group.job_sets.values():
        now = job_set.progress()
        counts = ", ".join(f"{n:,} {state}" for state, n in now.jobs.items() if n) or "none"
        size = plural(now.n_experiments, "circuit")
        typer.echo(f"{cut(job_set.name(), _NAME)}: {size} in {plural(now.n_jobs, 'job')}: {counts}")


def _code(group: ManagedJobSetGroup, *, wait: bool, has_ended: bool) -> int:
    if not wait:
        return errors.ALL_DONE
    if not has_ended:
        return errors.TIMED_OUT
    return errors.ALL_DONE if group.progress().success else errors.SOME_WITHOUT_RESULT
