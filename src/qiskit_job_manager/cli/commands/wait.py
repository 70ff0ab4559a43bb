"""``qjm wait``: waits for a job set, and drives it if no other process does."""

import typer

from qiskit_job_manager.cli.follow import finish
from qiskit_job_manager.cli.options import (
    ExecutorOption,
    JobSetArgument,
    JsonOption,
    TimeoutOption,
    WorkersOption,
    opened_manager,
)


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
