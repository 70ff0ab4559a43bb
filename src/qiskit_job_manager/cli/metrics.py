"""Metrics of ``qjm serve`` for Prometheus."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import GaugeMetricFamily, Metric

    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model import JobEvent


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
        msg = 'metrics need prometheus-client: pip install "qiskit-job-manager[metrics]"'
        raise InvalidArgumentError(msg) from error
    registry = CollectorRegistry()
    registry.register(_Jobs(manager))
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


class _Jobs:
    """Reads the unfinished job sets of the store at each request.

    Args:
        manager: The manager of the store.
    """

    def __init__(self, manager: JobManager) -> None:
        self._manager = manager

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not read the store."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return the gauges; only ``qjm_store_up`` if the store cannot be read."""
        from prometheus_client.core import GaugeMetricFamily

        up = GaugeMetricFamily("qjm_store_up", "Whether the store can be read.")
        sets = GaugeMetricFamily("qjm_unfinished_job_sets", "Job sets that have not ended.")
        jobs = GaugeMetricFamily(
            "qjm_jobs", "Jobs of the unfinished job sets.", labels=["backend", "state"]
        )
        needs = GaugeMetricFamily(
            "qjm_jobs_needing_user", "Jobs in doubt that only the user can decide about."
        )
        try:
            self._read(sets, jobs, needs)
        except StoreError:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, sets, jobs, needs]

    def _read(
        self, sets: GaugeMetricFamily, jobs: GaugeMetricFamily, needs: GaugeMetricFamily
    ) -> None:
        unfinished = self._manager.unfinished()
        counts: Counter[tuple[str, str]] = Counter()
        needing = 0
        for job_set in unfinished:
            progress = job_set.progress()
            needing += progress.needs_user
            counts.update({(job_set.backend_name, str(s)): n for s, n in progress.jobs.items()})
        sets.add_metric([], len(unfinished))
        needs.add_metric([], needing)
        for labels, count in counts.items():
            jobs.add_metric(labels, count)
