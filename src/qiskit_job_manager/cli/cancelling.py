"""``qjm cancel``: cancel what has not ended."""

from typing import Annotated

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.json_output import print_object
from qiskit_job_manager.cli.outcome import report, watch_to_the_end
from qiskit_job_manager.cli.session import (
    JobSetArgument,
    JsonOption,
    TimeoutOption,
    opened_manager,
)
from qiskit_job_manager.cli.text import escape, plural

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
