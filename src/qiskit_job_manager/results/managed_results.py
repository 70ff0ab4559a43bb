"""The results of a job set, experiment by experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from qiskit_job_manager.errors import ManagedResultDataNotAvailable
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.results.counts import histogram
from qiskit_job_manager.results.preview import glance
from qiskit_job_manager.results.pub_results import (
    at_each_point,
    common_metadata,
    missing_pub,
    must_be_one_circuit,
    must_have,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import pyarrow as pa
    import xarray as xr
    from qiskit import QuantumCircuit
    from qiskit.primitives import PrimitiveResult, PubResult
    from qiskit.result import Result
    from qiskit.result.models import ExperimentResult

    from qiskit_job_manager.results.rows import Rows
    from qiskit_job_manager.results.source import ResultSource
    from qiskit_job_manager.results.tables import By

    Experiment: TypeAlias = int | str | QuantumCircuit


class HasResults(Protocol):
    """A job set, as far as its results need it."""

    def result_source(self) -> ResultSource:
        """Return what reads single experiments out of the store."""


class ManagedResults:
    """The results of a job set, read from the store one experiment at a time.

    Every method that takes an experiment takes its index (negative from the end), its name or its
    circuit, and returns exactly what the method of that name of `qiskit.result.Result` returns. A
    sampler's results are read in the same way; counts and memory of a sweep are arrays of objects
    in the parameters' shape.

    Args:
        job_set: The job set.
        backend_name: Name of the backend.
        success: Whether every job of the set is done.
        partial: Whether what a failed job did return may be read.

    Attributes:
        job_set: The job set.
        backend_name: Name of the backend.
        success: Whether every job of the set is done.

    Example:
        >>> results = job_set.results()                             # doctest: +SKIP
        >>> results.get_counts("ghz_5")                             # doctest: +SKIP
        {'00000': 520, '11111': 504}
    """

    def __init__(
        self, job_set: HasResults, backend_name: str, success: bool, *, partial: bool = False
    ) -> None:
        self.job_set = job_set
        self.backend_name = backend_name
        self.success = success
        self._partial = partial
        self._source = job_set.result_source()

    def __repr__(self) -> str:
        name = self._source.record.name
        return f"ManagedResults({name!r}, {self.backend_name!r}, success={self.success})"

    def __len__(self) -> int:
        return self._source.record.n_experiments

    def _repr_html_(self) -> str:
        return glance(self._source, self.get_counts, success=self.success)

    def __iter__(self) -> Iterator[ExperimentResult]:
        """Yield the `ExperimentResult` of each experiment in order, as they are read."""
        return map(self._experiment, range(len(self)))

    def data(self, experiment: Experiment) -> dict[str, Any]:
        """Return the raw data of an experiment, as `qiskit.result.Result.data` does.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It failed inside a job that returned something.
        """
        data: dict[str, Any] = self._wrapped(self._experiment(self._index(experiment))).data(0)
        return data

    def get_counts(self, experiment: Experiment) -> Any:
        """Return the histogram of an experiment, as `qiskit.result.Result.get_counts` does.

        Returns:
            The `qiskit.result.Counts`; of a sweep, an array of them in the parameters' shape.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no counts, or failed inside a job that returned something.
        """
        index = self._index(experiment)
        found = self._source.readout(index, partial=self._partial)
        self._check_has(found, "counts", index)
        return at_each_point(found, "counts", self._counted)

    def get_memory(self, experiment: Experiment) -> Any:
        """Return the outcome of each shot, as `qiskit.result.Result.get_memory` does.

        Returns:
            What that returns; of a sweep, an array of it in the parameters' shape.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no memory, or failed inside a job that returned something.
        """
        index = self._index(experiment)
        found = self._experiment(index)
        self._check_has(found, "memory", index)
        return at_each_point(found, "memory", lambda point: self._wrapped(point).get_memory(0))

    def get_statevector(self, experiment: Experiment, decimals: int | None = None) -> Any:
        """Return the final statevector, as `qiskit.result.Result.get_statevector` does.

        Args:
            experiment: Index, name or circuit.
            decimals: Decimals to round to; ``None`` does not round.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no statevector, or failed inside a job that returned something.
        """
        return self._state(experiment, "statevector").get_statevector(0, decimals=decimals)

    def get_unitary(self, experiment: Experiment, decimals: int | None = None) -> Any:
        """Return the unitary, as `qiskit.result.Result.get_unitary` does.

        Args:
            experiment: Index, name or circuit.
            decimals: Decimals to round to; ``None`` does not round.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no unitary, or failed inside a job that returned something.
        """
        return self._state(experiment, "unitary").get_unitary(0, decimals=decimals)

    def plot_histogram(self, experiment: Experiment, **options: Any) -> Any:
        """Plot the counts of an experiment by `qiskit.visualization.plot_histogram`.

        Args:
            experiment: Index, name or circuit.
            **options: Passed to that function, such as ``sort="desc"`` or ``number_to_keep=8``.

        Returns:
            The `matplotlib.figure.Figure`, or ``None`` if ``ax`` was given. Needs
            ``pip install "qiskit-job-manager[plot]"``.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no counts, or failed inside a job that returned something.
        """
        from qiskit.visualization import plot_histogram

        return plot_histogram(self.get_counts(experiment), **options)

    def pub_result(self, experiment: Experiment) -> PubResult:
        """Return the result of one primitive unified bloc (PUB) as the primitive gave it.

        Of an experiment whose shots were split, the shares are merged: the bits of all shots one
        after the other, expectation values weighted by shots.

        Returns:
            The `qiskit.primitives.SamplerPubResult` of a sampler's PUB, the
            `qiskit.primitives.PubResult` of an estimator's.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result, or no primitive ran it; the message
                says why.
            MergeError: Its shares do not fit together.

        Example:
            >>> results.pub_result("ising").data.evs                # doctest: +SKIP
            >>> results.pub_result(0).data.meas.get_counts()        # doctest: +SKIP
        """
        return self._source.pub(self._index(experiment), partial=self._partial)

    def primitive_result(self) -> PrimitiveResult[Any]:
        """Return the results of all PUBs as one `qiskit.primitives.PrimitiveResult`, in order.

        Its metadata has what the results of all jobs say alike, and under ``"jobs"`` the metadata
        of each where they differ. With ``results(partial=True)``, an empty
        `qiskit.primitives.PubResult` whose metadata says why, under ``"error"``, stands for an
        experiment without a result, so that every index keeps its place. All experiments are held
        in memory at once.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result, or no primitive ran it.
            MergeError: The shares of an experiment do not fit together.
        """
        from qiskit.primitives import PrimitiveResult

        pubs = [self._pub_or_gap(index) for index in range(len(self))]
        told = self._source.metadata(partial=self._partial)
        return PrimitiveResult(pubs, metadata=common_metadata(told))

    def result(self) -> Result | PrimitiveResult[Any]:
        """Return what a Qiskit job that ran all of this returns: one result, in order.

        That is what `primitive_result` returns if the job set is one of PUBs, and else what
        `combine_results` does.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result.
        """
        if self._source.kind is ExperimentKind.CIRCUIT:
            return self.combine_results()
        return self.primitive_result()

    def combine_results(self) -> Result:
        """Return one `qiskit.result.Result` with all experiments, in the order of the input.

        With ``results(partial=True)``, experiments without a result stand in it as unsuccessful,
        so that every index keeps its place. All experiments are held in memory at once.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result, or one that has no place
                there: sweeps and expectation values, which `primitive_result` combines.
        """
        from qiskit.result import Result

        record = self._source.record
        return Result(
            backend_name=self.backend_name,
            job_id=record.job_set_id,
            success=self.success,
            results=[self._combined(index) for index in range(len(self))],
            status="COMPLETED" if self.success else "PARTIAL COMPLETED",
            date=record.created_at.isoformat(),
        )

    def to_dataframe(self, by: By = "experiment") -> pd.DataFrame:
        """Return a pandas data frame with one row an experiment, or one an outcome.

        Args:
            by: ``"experiment"`` gives the columns ``name``, ``state``, ``shots``, ``counts`` (a
                dict) and ``error`` (why there is no result), and one ``metadata.KEY`` for each key
                of the circuits' metadata. The frame's index is that of the experiments; a sweep has
                one row a ``point``, and an estimator's results have ``value`` and ``std`` instead
                of counts. ``"outcome"`` gives ``index``, ``name``, ``outcome``, ``count`` and
                ``probability``.

        Returns:
            The frame. Needs pandas: ``pip install "qiskit-job-manager[dataframe]"``.

        Raises:
            InvalidArgumentError: There is no such table of these results.

        Example:
            >>> results.to_dataframe()["counts"]                    # doctest: +SKIP
            >>> frame = results.to_dataframe(by="outcome")          # doctest: +SKIP
            >>> frame.pivot_table("count", "name", "outcome", fill_value=0)     # doctest: +SKIP
        """
        from qiskit_job_manager.results.tables import dataframe

        return dataframe(self.rows(), by)

    def to_arrow(self, by: By = "experiment") -> pa.Table:
        """Return an Arrow table with one row an experiment, or one an outcome.

        Args:
            by: As for `to_dataframe`; the index of the experiment is the column ``index``, and the
                metadata of a circuit is JSON in the column ``metadata``.

        Returns:
            The `pyarrow.Table`. Needs pyarrow: ``pip install "qiskit-job-manager[arrow]"``.

        Raises:
            InvalidArgumentError: pyarrow is missing, or there is no such table of these results.
        """
        from qiskit_job_manager.results.tables import table

        return table(self.rows(), by)

    def iter_batches(self, by: By = "experiment") -> Iterator[pa.RecordBatch]:
        """Yield what `to_arrow` returns in batches of some thousand rows, as they are read.

        Raises:
            InvalidArgumentError: pyarrow is missing, or there is no such table of these results.
        """
        from qiskit_job_manager.results.tables import batches

        return batches(self.rows(), by)

    def to_parquet(
        self, path: str | Path, by: By = "experiment", *, overwrite: bool = False
    ) -> None:
        """Write what `to_arrow` returns to a Parquet file, batch by batch.

        Args:
            path: The file; it appears when all of it is written.
            by: As for `to_arrow`.
            overwrite: Whether it may take the place of a file that is there.

        Raises:
            InvalidArgumentError: pyarrow is missing, there is no such table of these results, or
                the file cannot be written there.
        """
        from qiskit_job_manager.files import written_whole
        from qiskit_job_manager.results.tables import write_parquet

        with written_whole(Path(path), overwrite=overwrite) as file:
            write_parquet(self.rows(), by, file)

    def to_xarray(self) -> xr.Dataset:
        """Return a grid of all results: experiments, the axes of their sweeps, and outcomes.

        Returns:
            A `xarray.Dataset` with ``counts`` (experiment, axis_0, ..., outcome), of an estimator
            ``value`` and ``std`` (experiment, axis_0, ...). Names and metadata are coordinates of
            the experiments. What has no result is NaN. Needs xarray:
            ``pip install "qiskit-job-manager[xarray]"``.

        Raises:
            InvalidArgumentError: xarray is missing, the sweeps differ in shape, or the grid would
                take more than 1 GiB.
        """
        from qiskit_job_manager.results.xarray_dataset import common_shape, dataset

        rows = self.rows()
        return dataset(rows, common_shape(self, rows))

    def rows(self) -> Rows:
        """Return what reads the results as rows of plain values, one at a time.

        Each has the index, name and state of an experiment, its counts or its value, and why it
        has none; a sweep has one a point.
        """
        from qiskit_job_manager.results.rows import Rows

        return Rows(self, self._source, partial=self._partial)

    def _combined(self, index: int) -> ExperimentResult:
        from qiskit.result.models import ExperimentResult, ExperimentResultData

        try:
            found = self._experiment(index)
        except ManagedResultDataNotAvailable as error:
            if not self._partial:
                raise
            name = self._source.store.experiment(self._source.record.key, index)
            header = {"name": name.name} if name else None
            empty = ExperimentResultData()
            return ExperimentResult(0, False, empty, status=str(error), header=header)
        if self._source.is_pub(index, partial=self._partial):
            must_be_one_circuit(found, index)
        return found

    def _pub_or_gap(self, index: int) -> PubResult:
        try:
            return self._source.pub(index, partial=self._partial)
        except ManagedResultDataNotAvailable as error:
            if not self._partial:
                raise
            return missing_pub(error.message)

    def _index(self, experiment: Experiment) -> int:
        return self._source.experiments.index(experiment)

    def _experiment(self, index: int) -> ExperimentResult:
        found: ExperimentResult = self._source.experiment(index, partial=self._partial)
        return found

    def _counted(self, found: ExperimentResult) -> Any:
        quick = histogram(found)
        return self._wrapped(found).get_counts(0) if quick is None else quick

    def _state(self, experiment: Experiment, name: str) -> Result:
        index = self._index(experiment)
        found = self._experiment(index)
        self._check_has(found, name, index)
        return self._wrapped(found)

    def _check_has(self, found: ExperimentResult, name: str, index: int) -> None:
        """Say what a primitive's result has instead; for others, Qiskit says what is wrong."""
        if not hasattr(found.data, name) and self._source.is_pub(index, partial=self._partial):
            must_have(found, name, index)

    def _wrapped(self, found: ExperimentResult) -> Result:
        from qiskit.result import Result

        return Result(
            backend_name=self.backend_name,
            success=self.success,
            results=[found],
            status="the backend says that this experiment failed",
        )
