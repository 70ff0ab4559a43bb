"""``qjm serve``: drive whatever is unfinished, until told to stop."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.doubts import commands_for
from qiskit_job_manager.cli.logs import DatedWords, JsonLine, shown_on_stderr
from qiskit_job_manager.cli.service import Service
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.clock import SystemClock

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet

logger = logging.getLogger(__name__)

PollOption = Annotated[
    float,
    typer.Option(min=0.05, metavar="SECONDS", help="How often to look for what is new."),
]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Log JSON, an object a line.")]


def serve(ctx: typer.Context, poll: PollOption = 2.0, as_json: JsonLinesOption = False) -> None:
    """Drive every unfinished job set, also those to come, until SIGTERM or Ctrl-C.

    Logs an event a line to standard error. Told to stop, it records what comes back within seconds
    and exits with 0; what runs on a backend goes on there. A second one on the same store waits,
    and takes over what the first leaves.
    """
    from qiskit_job_manager.manager import JobManager

    def commands(job_set: "ManagedJobSet") -> str:
        return ", or ".join(command for command, _ in commands_for(ctx, job_set))

    with shown_on_stderr(JsonLine() if as_json else DatedWords(), logging.INFO):
        with StopSignals() as stop, JobManager(store=ctx.obj) as manager:
            _tell("serving", f"serving {manager.store_url}, looking every {poll:g} s")
            service = Service(manager, SystemClock(), commands)
            service.look()
            while not stop.wait(poll):
                service.look_again()
            _tell("stopping", "stopping; what comes back within seconds is recorded")
        _tell("stopped", "stopped")


def _tell(event: str, words: str) -> None:
    logger.info("%s", words, extra={"event": event})
