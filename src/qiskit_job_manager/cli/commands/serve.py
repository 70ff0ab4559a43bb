"""``qjm serve``: drives all unfinished job sets until it gets a signal to stop."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.engine_log import DatedFormatter, JsonFormatter, log_to_stderr
from qiskit_job_manager.cli.follow import states_in_words
from qiskit_job_manager.cli.needs_user import commands_for, why_held
from qiskit_job_manager.cli.options import ExecutorOption, NotifyOption, WorkersOption
from qiskit_job_manager.cli.output import plural
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    StoreError,
)
from qiskit_job_manager.job_set.gauges import NEEDS_PACKAGE, JobGauges
from qiskit_job_manager.model.prices import has_limits
from qiskit_job_manager.results import source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model import JobEvent, JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Clock

logger = logging.getLogger(__name__)

PollOption = Annotated[
    float,
    typer.Option(min=0.05, metavar="SECONDS", help="Time between two looks for new job sets."),
]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Log one JSON object for each line.")]


MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        metavar="PORT",
        help="Serve metrics for Prometheus on this port; 0 takes a free port, which the log "
        'shows. Needs pip install "qiskit-job-manager[metrics]".',
    ),
]
MetricsHostOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Address of the metrics; everybody who can reach it can read them.",
    ),
]


def serve(  # noqa: PLR0913, PLR0917  # one parameter an option
    ctx: typer.Context,
    poll: PollOption = 2.0,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    as_json: JsonLinesOption = False,
    metrics_port: MetricsPortOption = None,
    metrics_host: MetricsHostOption = "127.0.0.1",
    notify: NotifyOption = None,
) -> None:
    """Drive all unfinished job sets, and new ones, until SIGTERM or Ctrl-C.

    Logs one line for each event to standard error. After a signal it records answers for a few
    seconds and exits with 0; jobs on a backend go on there. A second qjm serve on the same store
    waits and takes over when the first one ends.
    """
    from qiskit_job_manager.manager import JobManager

    def commands(job_set: ManagedJobSet) -> str:
        return ", or ".join(command for command, _ in commands_for(ctx, job_set.job_set_id()))

    with log_to_stderr(JsonFormatter() if as_json else DatedFormatter(), logging.INFO):
        with (
            StopSignals() as stop,
            JobManager(ctx.obj, workers=workers, executor=executor, notify=notify) as manager,
            _metrics(manager, metrics_host, metrics_port),
        ):
            _log("serving", f"serving {manager.store_url}, looking every {poll:g} s")
            service = Service(manager, SystemClock(), commands)
            service.look()
            while not stop.wait(poll):
                service.look_again()
            _log("stopping", "stopping; answers of the next seconds are recorded")
        _log("stopped", "stopped")


@contextmanager
def _metrics(manager: JobManager, host: str, port: int | None) -> Iterator[None]:
    """Serve metrics while the ``with`` block lasts, if a port is given."""
    if port is None:
        yield
        return
    with served_metrics(manager, host, port) as address:
        _log("metrics", f"metrics at {address}", address=address)
        yield


def _log(event: str, message: str, **fields: str) -> None:
    logger.info("%s", message, extra={"event": event, **fields})


TRY_AGAIN_S = 30.0


@dataclass(slots=True)
class _Served:
    """An unfinished job set.

    Attributes:
        job_set: The job set.
        trouble: Why it cannot be driven here, or ``None``.
        again_s: When to try again, on the clock of the service.
        needs_user: Jobs that need the user, as last logged.
        is_held: Whether the usage limit holds jobs, as last logged.
    """

    job_set: ManagedJobSet
    trouble: str | None = None
    again_s: float = 0.0
    needs_user: int = 0
    is_held: bool = False


class Service:
    """Drives all unfinished job sets; looks at the store again and again.

    Args:
        manager: Drives them; its engine logs when it begins.
        clock: Gives the time.
        commands_for: Returns the commands for a job set that needs the user.
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
        """Drive all unfinished job sets, and log those that have ended since the last look.

        Raises:
            StoreError: The store cannot be used.
        """
        unfinished = {each.job_set_id(): each for each in self._manager.unfinished()}
        for job_set_id in self._served.keys() - unfinished.keys():
            _log_end(self._served.pop(job_set_id).job_set)
        for job_set_id, job_set in unfinished.items():
            with suppress(JobManagerUnknownJobSet):  # deleted meanwhile
                served = self._served.setdefault(job_set_id, _Served(job_set))
                self._go_on(served)
                self._log_needs(served)

    def look_again(self) -> None:
        """Look; if the store cannot be used now, log it once and wait for the next look."""
        try:
            self.look()
            self._store_trouble = None
        except StoreError as error:
            if error.message != self._store_trouble:
                self._store_trouble = error.message
                logger.warning("%s", error, extra={"event": "store trouble"})

    def _go_on(self, served: _Served) -> None:
        """Drive a job set; if that is not possible, try again later."""
        now_s = self._clock.monotonic()
        if served.trouble is not None and now_s < served.again_s:
            return
        trouble = None if served.trouble else served.job_set.trouble()
        if trouble is None:
            with suppress(JobManagerInvalidStateError):
                served.job_set.drive()
            trouble = served.job_set.trouble()
        if trouble is not None and trouble != served.trouble:
            logger.warning("%s", trouble, extra=_fields("cannot go on", served.job_set))
        served.trouble, served.again_s = trouble, now_s + TRY_AGAIN_S

    def _log_needs(self, served: _Served) -> None:
        job_set = served.job_set
        record = source_of(job_set).record
        if not record.blind and not has_limits(record):
            return
        progress = job_set.progress()
        needs = progress.needs_user
        if needs > served.needs_user:
            message = "%r needs you: %s in doubt, the backend may have accepted them; %s"
            values = (job_set.name(), plural(needs, "job"), self._commands_for(job_set))
            logger.warning(message, *values, extra=_fields("needs you", job_set))
        if progress.held and not served.is_held:
            message = "%r needs you: %s; qjm resume %s --max-usage SECONDS allows more"
            values = (job_set.name(), why_held(record, progress), job_set.job_set_id())
            logger.warning(message, *values, extra=_fields("needs you", job_set))
        served.needs_user, served.is_held = needs, progress.held > 0


def _log_end(job_set: ManagedJobSet) -> None:
    with suppress(JobManagerUnknownJobSet):
        name, states = job_set.name(), states_in_words(job_set, job_set.progress())
        logger.info("%r has ended: %s", name, states, extra=_fields("ended", job_set))


def _fields(event: str, job_set: ManagedJobSet) -> dict[str, str]:
    return {"event": event, "job_set_id": job_set.job_set_id()}


# -- metrics for Prometheus ------------------------------------------------------------------------


@contextmanager
def served_metrics(manager: JobManager, host: str, port: int) -> Iterator[str]:
    """Serve metrics by HTTP while the ``with`` block lasts, and yield their address.

    Args:
        manager: The manager whose store and events they describe.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free port.

    Raises:
        InvalidArgumentError: prometheus-client is not installed, or the address cannot be used.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise InvalidArgumentError(NEEDS_PACKAGE) from error
    registry = CollectorRegistry()
    registry.register(JobGauges(lambda: _unfinished(manager)))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        msg = (
            f"metrics cannot be served on {host} port {port}: {error}; choose another port, "
            "or 0 for a free one"
        )
        raise InvalidArgumentError(msg) from error
    stop_counting = _count_events(manager, registry)
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        stop_counting()
        server.shutdown()
        thread.join()
        server.server_close()


def _unfinished(manager: JobManager) -> list[tuple[JobSetRecord, Progress]]:
    return [(source_of(each).record, each.progress()) for each in manager.unfinished()]


def _count_events(manager: JobManager, registry: CollectorRegistry) -> Callable[[], None]:
    import prometheus_client

    events = prometheus_client.Counter(
        "qjm_job_events",
        "Events of jobs that this process drives.",
        ["event"],
        registry=registry,
    )
    missed = prometheus_client.Counter(
        "qjm_job_events_missed",
        "Events that were not counted because too many came at once.",
        registry=registry,
    )

    def count(event: JobEvent) -> None:
        events.labels(event.event).inc()
        missed.inc(event.missed)

    return manager.on_event(count)
