"""Metrics of ``qjm serve`` for Prometheus."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.gauges import NEEDS_PACKAGE, JobGauges
from qiskit_job_manager.results import source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry

    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model import JobEvent, JobSetRecord
    from qiskit_job_manager.model.progress import Progress


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
