"""``qjm cancel``: cancel what has not ended."""

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.outcome import report, watch_to_the_end
from qiskit_job_manager.cli.session import (
    JobSetArgument,
    JsonOption,
    TimeoutOption,
    opened_manager,
)


def cancel(
    ctx: typer.Context,
    job_set: JobSetArgument,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel every job that has not ended, here and on the backend, and wait until it has.

    Results that are there stay. Exits with 0 when nothing is left to cancel.
    """
    with opened_manager(ctx) as manager:
        cancelled = manager.find(job_set)
        cancelled.cancel()
        progress = watch_to_the_end(ctx, cancelled, timeout)
        report(cancelled, progress, as_json=as_json)
    raise typer.Exit(exit_codes.ALL_DONE if progress.ended else exit_codes.TIMED_OUT)
