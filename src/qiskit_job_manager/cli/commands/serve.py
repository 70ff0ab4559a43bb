"""``qjm serve``: drive whatever is unfinished, until told to stop.

What ``qjm serve`` does at each look: goes on with what is new, and tells what happened.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.engine_log import DatedWords, JsonLine, shown_on_stderr
from qiskit_job_manager.cli.needs_user import commands_for, why_held
from qiskit_job_manager.cli.output import counted, plural
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import (
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.ports import Clock


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

    def commands(job_set: ManagedJobSet) -> str:
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
def _metrics(manager: JobManager, host: str, port: int | None) -> Iterator[None]:
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


TRY_AGAIN_S = 30.0


@dataclass(slots=True)
class _Served:
    """A job set that has something left to do.

    Attributes:
        job_set: The job set.
        trouble: Why it does not go on here, or ``None``.
        again_s: When this is to be tried again, on the service's clock.
        needs_user: Jobs that need the user, as was last told.
        is_held: Whether the limit of usage holds jobs back, as was last told.
    """

    job_set: ManagedJobSet
    trouble: str | None = None
    again_s: float = 0.0
    needs_user: int = 0
    is_held: bool = False


class Service:
    """Drives every job set that has something left to do, by looks at the store.

    Args:
        manager: Drives them; its engine logs when it begins to.
        clock: Asked when to try again.
        commands_for: Gives the commands for a job set that needs the user.
    """

    def __init__(
        self, manager: JobManager, clock: Clock, commands_for: Callable[[ManagedJobSet], str]
    ) -> None:
        self._manager = manager
        self._clock = clock
        self._commands_for = commands_for
        self._served: dict[str, _Served] = {}
        self._store_trouble: str | None = None

    def look(self) -> None:
        """Go on with all that is unfinished, and tell what has ended since the last time.

        Raises:
            StoreError: The store cannot be used.
        """
        unfinished = {each.job_set_id(): each for each in self._manager.unfinished()}
        for job_set_id in self._served.keys() - unfinished.keys():
            _tell_end(self._served.pop(job_set_id).job_set)
        for job_set_id, job_set in unfinished.items():
            with suppress(JobManagerUnknownJobSet):  # deleted meanwhile
                served = self._served.setdefault(job_set_id, _Served(job_set))
                self._go_on(served)
                self._tell_needs(served)

    def look_again(self) -> None:
        """Look; when the store cannot be used now, say so once and leave it to the next look."""
        try:
            self.look()
            self._store_trouble = None
        except StoreError as error:
            if error.message != self._store_trouble:
                self._store_trouble = error.message
                logger.warning("%s", error, extra={"event": "store trouble"})

    def _go_on(self, served: _Served) -> None:
        """Have a set driven; one that could not be is tried again after a while."""
        now_s = self._clock.monotonic()
        if served.trouble is not None and now_s < served.again_s:
            return
        met = None if served.trouble else served.job_set.trouble()
        if met is None:
            with suppress(JobManagerInvalidStateError):
                served.job_set.drive()
            met = served.job_set.trouble()
        if met is not None and met != served.trouble:
            logger.warning("%s", met, extra=_said("cannot go on", served.job_set))
        served.trouble, served.again_s = met, now_s + TRY_AGAIN_S

    def _tell_needs(self, served: _Served) -> None:
        job_set = served.job_set
        record = job_set.record()
        if not record.blind and record.max_usage_s is None:
            return
        progress = job_set.progress()
        needs = progress.needs_user
        if needs > served.needs_user:
            words = "%r needs you: %s may or may not have been accepted by the backend; %s"
            what = (job_set.name(), plural(needs, "job"), self._commands_for(job_set))
            logger.warning(words, *what, extra=_said("needs you", job_set))
        if progress.held and not served.is_held:
            words = "%r needs you: %s; qjm resume %s --max-usage SECONDS allows more"
            what = (job_set.name(), why_held(job_set, progress), job_set.job_set_id())
            logger.warning(words, *what, extra=_said("needs you", job_set))
        served.needs_user, served.is_held = needs, progress.held > 0


def _tell_end(job_set: ManagedJobSet) -> None:
    with suppress(JobManagerUnknownJobSet):
        name, states = job_set.name(), counted(job_set.progress().jobs)
        logger.info("%r has ended: %s", name, states, extra=_said("ended", job_set))


def _said(event: str, job_set: ManagedJobSet) -> dict[str, str]:
    return {"event": event, "job_set_id": job_set.job_set_id()}
