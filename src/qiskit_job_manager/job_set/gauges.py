"""Gauges of the unfinished job sets of a store, for Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError, StoreError
from qiskit_job_manager.model.progress import progress_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from prometheus_client.metrics_core import GaugeMetricFamily, Metric

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Store

NEEDS_PACKAGE = 'metrics need prometheus-client: pip install "qiskit-job-manager[metrics]"'


def exposition(store: Store) -> tuple[bytes, str]:
    """Return the gauges as Prometheus reads them, and the type of that text.

    Raises:
        InvalidArgumentError: prometheus-client is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, exposition
    except ImportError as error:
        raise InvalidArgumentError(NEEDS_PACKAGE) from error
    registry = CollectorRegistry()
    registry.register(JobGauges(lambda: unfinished_in(store)))
    return exposition.generate_latest(registry), exposition.CONTENT_TYPE_LATEST


def unfinished_in(store: Store) -> list[tuple[JobSetRecord, Progress]]:
    """Return the unfinished job sets of a store with their progress."""
    records = store.unfinished()
    totals = store.totals_of([record.key for record in records])
    return [(record, progress_of(record, totals[record.key])) for record in records]


class JobGauges:
    """Reads the unfinished job sets of the store at each request.

    Args:
        unfinished: Reads the unfinished job sets with their progress.
    """

    def __init__(self, unfinished: Callable[[], Sequence[tuple[JobSetRecord, Progress]]]) -> None:
        self._unfinished = unfinished

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
        unfinished = self._unfinished()
        counts: Counter[tuple[str, str]] = Counter()
        needing = 0
        for record, progress in unfinished:
            needing += progress.needs_user
            counts.update({(record.backend_name, str(s)): n for s, n in progress.jobs.items()})
        sets.add_metric([], len(unfinished))
        needs.add_metric([], needing)
        for labels, count in counts.items():
            jobs.add_metric(labels, count)
