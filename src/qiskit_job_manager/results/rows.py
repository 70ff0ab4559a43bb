"""The results of a job set as rows, one at a time, for tables of any kind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerError
from qiskit_job_manager.model import ExperimentKind, JobState
from qiskit_job_manager.results.lookup import jobs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qiskit.primitives import PubResult

    from qiskit_job_manager.model import ExperimentRecord, JobRecord
    from qiskit_job_manager.results.source import ResultSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The outcome of one experiment, or of one point of its sweep.

    Attributes:
        index: Index of the experiment.
        point: Which point of the sweep, from 0, the last axis changing fastest; ``None`` for an
            experiment without parameters, or without a result.
        name: Name of the experiment.
        state: State of its job; of several shares, of the first that is not done.
        shots: Shots that were counted, or ``None``.
        counts: Counts by outcome, or ``None``.
        value: Expectation value, or ``None``.
        std: Its standard deviation, or ``None``.
        error: Why there is no result, or ``None``.
        metadata: The circuit's metadata, if the result has it.
    """

    index: int
    name: str
    state: JobState
    point: int | None = None
    shots: int | None = None
    counts: Mapping[str, int] | None = None
    value: float | None = None
    std: float | None = None
    error: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def metadata_text(self) -> str:
        """Return the metadata as JSON, what JSON does not know as its text."""
        text = json.dumps(dict(self.metadata), default=str, skipkeys=True)
        # What Python writes as NaN and Infinity is no JSON.
        return json.dumps(json.loads(text, parse_constant=str))


class ReadsExperiments(Protocol):
    """Results, as far as rows need them."""

    def get_counts(self, experiment: int) -> Any:
        """Return the counts of an experiment, of a sweep an array of them."""

    def pub_result(self, experiment: int) -> PubResult:
        """Return the result of a PUB."""


class Rows:
    """Reads the rows of a job set, in order.

    Args:
        results: The results.
        source: Where they come from.
        partial: Whether what a failed job did return may be read.

    Attributes:
        kind: What the experiments are.
    """

    def __init__(self, results: ReadsExperiments, source: ResultSource, *, partial: bool) -> None:
        self._results = results
        self._source = source
        self._partial = partial
        self.kind = source.kind

    def __len__(self) -> int:
        return self._source.record.n_experiments

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows; an experiment without a result gives one that says why."""
        store, record = self._source.store, self._source.record
        jobs: list[JobRecord] = []
        n_read = 0
        for experiment in store.experiments(record.key, stop=record.n_experiments):
            if not jobs or experiment.index >= jobs[0].stop:
                jobs = jobs_of(store, record, experiment.index)
            yield from self._of(experiment, _state(jobs))
            n_read += 1
        if n_read < record.n_experiments:
            jobs_of(store, record, n_read)  # raises, as they were deleted

    def of(self, experiment: ExperimentRecord) -> Iterator[Row]:
        """Yield the rows of one experiment."""
        source = self._source
        return self._of(experiment, _state(jobs_of(source.store, source.record, experiment.index)))

    def _of(self, experiment: ExperimentRecord, state: JobState) -> Iterator[Row]:
        from qiskit.exceptions import QiskitError

        about: dict[str, Any] = {
            "index": experiment.index,
            "name": experiment.name,
            "state": state,
        }
        try:
            found = list(self._read(experiment.index))
        except (JobManagerError, QiskitError) as error:  # on the command line these are two kinds
            found = [{"error": str(error.message)}]
        for each in found:
            yield Row(**about, **each)

    def _read(self, index: int) -> Iterator[dict[str, Any]]:
        if self.kind is ExperimentKind.CIRCUIT:
            return self._counted(index)
        if self.kind is ExperimentKind.SAMPLER_PUB:
            return self._sampled(index)
        return self._estimated(index)

    def _counted(self, index: int) -> Iterator[dict[str, Any]]:
        found = self._source.experiment(index, partial=self._partial)
        header = found.header if isinstance(found.header, dict) else {}
        about = {"shots": found.shots, "metadata": _metadata(header.get("metadata"))}
        if hasattr(found.data, "counts"):
            about["counts"] = self._results.get_counts(index)
        yield about

    def _sampled(self, index: int) -> Iterator[dict[str, Any]]:
        pub = self._results.pub_result(index)
        metadata = _metadata(pub.metadata.get("circuit_metadata"))
        counts = self._results.get_counts(index)
        single = isinstance(counts, dict)
        for point, each in enumerate([counts] if single else counts.ravel()):
            yield {
                "point": None if single else point,
                "shots": sum(each.values()),
                "counts": each,
                "metadata": metadata,
            }

    def _estimated(self, index: int) -> Iterator[dict[str, Any]]:
        import numpy as np

        pub = self._results.pub_result(index)
        metadata = _metadata(pub.metadata.get("circuit_metadata"))
        values = np.asarray(pub.data.evs)
        stds = np.broadcast_to(getattr(pub.data, "stds", np.nan), values.shape)
        for point, (value, std) in enumerate(zip(values.ravel(), stds.ravel(), strict=True)):
            yield {
                "point": point if values.shape else None,
                "value": float(value),
                "std": None if np.isnan(std) else float(std),
                "metadata": metadata,
            }


def must_have_counts(rows: Rows, what: str) -> None:
    """Refuse a table that needs counts if the experiments have none.

    Raises:
        InvalidArgumentError: They are those of an estimator.
    """
    if rows.kind is ExperimentKind.ESTIMATOR_PUB:
        msg = f"{what} needs counts, and an estimator gives none; by='experiment' has its values"
        raise InvalidArgumentError(msg)


def _state(jobs: list[JobRecord]) -> JobState:
    return next((job.state for job in jobs if job.state is not JobState.DONE), JobState.DONE)


def _metadata(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
