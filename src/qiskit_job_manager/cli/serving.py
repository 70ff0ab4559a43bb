"""``qjm serve``: drive whatever is unfinished, until told to stop."""

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.doubts import commands_for
from qiskit_job_manager.cli.logs import DatedWords, JsonLine, shown_on_stderr
from qiskit_job_manager.cli.service import Service
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager

logger = logging.getLogger(__name__)

PollOption = Annotated[
    float,
    typer.Option(min=0.05, metavar="SECONDS", help="How often to look for what is new."),
]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Log JSON, an object a line.")]


MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        metavar="PORT",
        help="Serve metrics for Prometheus on this port; 0 takes a free one, and the log says "
        'which. Needs pip install "qiskit-job-manager[metrics]".',
    ),
]
MetricsHostOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Address that the metrics are served on; whoever can reach it can read them.",
    ),
]


def serve(
    ctx: typer.Context,
    poll: PollOption = 2.0,
    as_json: JsonLinesOption = False,
    metrics_port: MetricsPortOption = None,
    metrics_host: MetricsHostOption = "127.0.0.1",
) -> None:
    """Drive every unfinished job set, also those to come, until SIGTERM or Ctrl-C.

    Logs an event a line to standard error. Told to stop, it records what comes back within seconds
    and exits with 0; what runs on a backend goes on there. A second one on the same store waits,
    and takes over what the first leaves.
    """
    from qiskit_job_manager.manager import JobManager

    def commands(job_set: "ManagedJobSet") -> str:
        return ", or ".join(command for command, _ in commands_for(ctx, job_set))

    with shown_on_stderr(JsonLine() if as_json else DatedWords(), logging.INFO):
        with (
            StopSignals() as stop,
            JobManager(store=ctx.obj) as manager,
            _metrics(manager, metrics_host, metrics_port),
        ):
            _tell("serving", f"serving {manager.store_url}, looking every {poll:g} s")
            service = Service(manager, SystemClock(), commands)
            service.look()
            while not stop.wait(poll):
                service.look_again()
            _tell("stopping", "stopping; what comes back within seconds is recorded")
        _tell("stopped", "stopped")


@contextmanager
def _metrics(manager: "JobManager", host: str, port: int | None) -> "Iterator[None]":
    """Serve metrics meanwhile, if they are asked for."""
    if port is None:
        yield
        return
    from qiskit_job_manager.cli.metrics import served_metrics

    with served_metrics(manager, host, port) as address:
        _tell("metrics", f"metrics at {address}", address=address)
        yield


def _tell(event: str, words: str, **said: str) -> None:
    logger.info("%s", words, extra={"event": event, **said})
