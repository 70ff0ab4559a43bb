"""``qjm mcp``: lets assistants look at a store, and run circuits up to a ceiling if allowed."""

from __future__ import annotations

from typing import Annotated

import typer

from qiskit_job_manager.cli.mcp_allowance import Allowed
from qiskit_job_manager.cli.options import opened_manager
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidArgumentError

AllowRunOption = Annotated[
    bool, typer.Option("--allow-run", help="Let assistants run circuits, up to the ceiling.")
]
MaxUsageOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        metavar="SECONDS",
        help="Quantum seconds that they may use in 24 hours; 0: simulators alone.",
    ),
]
MaxJobsOption = Annotated[
    int, typer.Option(min=0, metavar="NUMBER", help="Jobs that they may run in 24 hours.")
]
MaxCircuitsOption = Annotated[
    int, typer.Option(min=0, metavar="NUMBER", help="Circuits that they may run in 24 hours.")
]


def mcp(
    ctx: typer.Context,
    allow_run: AllowRunOption = False,
    max_usage: MaxUsageOption = 0.0,
    max_jobs: MaxJobsOption = 100,
    max_circuits: MaxCircuitsOption = 10_000,
) -> None:
    """Serve the store to an assistant over standard input and output (Model Context Protocol).

    The assistant can list and show job sets, read logs and results, plan a run and check the store.
    It can run circuits only with --allow-run and up to the ceiling, which is counted in the store.
    It reads circuits only from the folder in which this command starts. Needs
    pip install "qiskit-job-manager[mcp]".
    """
    try:
        from qiskit_job_manager.cli.mcp_server import serve
    except ModuleNotFoundError as error:
        msg = f'qjm mcp needs {error.name}: pip install "qiskit-job-manager[mcp]"'
        raise InvalidArgumentError(msg) from error
    allowed = Allowed(allow_run, max_usage, max_jobs, max_circuits, SystemClock())
    with opened_manager(ctx) as manager:
        serve(manager, ctx.obj, allowed)
