"""The results of a job set, experiment by experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from qiskit_job_manager.errors import ManagedResultDataNotAvailable
from qiskit_job_manager.results.lookup import find_index
from qiskit_job_manager.results.showing import glance

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import pyarrow as pa
    import xarray as xr
    from qiskit import QuantumCircuit
    from qiskit.result import Counts, Result
    from qiskit.result.models import ExperimentResult

    from qiskit_job_manager.results.frames import By
    from qiskit_job_manager.results.rows import Rows
    from qiskit_job_manager.results.source import ResultSource

    Experiment: TypeAlias = int | str | QuantumCircuit


class HasResults(Protocol):
    """A job set, as far as its results need it."""

    def result_source(self) -> ResultSource:
        """Return what reads single experiments out of the store."""


class ManagedResults:
    """The results of a job set, read from the store one experiment at a time.

    Every method that takes an experiment takes its index (negative from the end), its name or its
    circuit, and returns exactly what the method of that name of `qiskit.result.Result` returns.

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
        return (self._source.experiment(i, partial=self._partial) for i in range(len(self)))

    def data(self, experiment: Experiment) -> dict[str, Any]:
        """Return the raw data of an experiment, as `qiskit.result.Result.data` does.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It failed inside a job that returned something.
        """
        data: dict[str, Any] = self._result(experiment).data(0)
        return data

    def get_counts(self, experiment: Experiment) -> Counts:
        """Return the histogram of an experiment, as `qiskit.result.Result.get_counts` does.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no counts, or failed inside a job that returned something.
        """
        index = find_index(self._source.store, self._source.record, experiment)
        found = self._source.readout(index, partial=self._partial)
        return self._wrapped(found).get_counts(0)

    def get_memory(self, experiment: Experiment) -> Any:
        """Return the outcome of each shot, as `qiskit.result.Result.get_memory` does.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no memory, or failed inside a job that returned something.
        """
        return self._result(experiment).get_memory(0)

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
        return self._result(experiment).get_statevector(0, decimals=decimals)

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
        return self._result(experiment).get_unitary(0, decimals=decimals)

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

    def result(self) -> Result:
        """Return what a Qiskit job that ran all of this returns: one result, in order.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result.
        """
        return self.combine_results()

    def combine_results(self) -> Result:
        """Return one `qiskit.result.Result` with all experiments, in the order of the input.

        With ``results(partial=True)``, experiments without a result stand in it as unsuccessful,
        so that every index keeps its place. All experiments are held in memory at once.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result.
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
        from qiskit_job_manager.results.frames import dataframe

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
        from qiskit_job_manager.results.frames import table

        return table(self.rows(), by)

    def iter_batches(self, by: By = "experiment") -> Iterator[pa.RecordBatch]:
        """Yield what `to_arrow` returns in batches of some thousand rows, as they are read.

        Raises:
            InvalidArgumentError: pyarrow is missing, or there is no such table of these results.
        """
        from qiskit_job_manager.results.frames import batches

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
        from qiskit_job_manager.results.frames import write_parquet

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
        from qiskit_job_manager.results.grids import common_shape, dataset

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
            return self._source.experiment(index, partial=self._partial)
        except ManagedResultDataNotAvailable as error:
            if not self._partial:
                raise
            name = self._source.store.experiment(self._source.record.key, index)
            header = {"name": name.name} if name else None
            empty = ExperimentResultData()
            return ExperimentResult(0, False, empty, status=str(error), header=header)

    def _result(self, experiment: Experiment) -> Result:
        index = find_index(self._source.store, self._source.record, experiment)
        return self._wrapped(self._source.experiment(index, partial=self._partial))

    def _wrapped(self, found: ExperimentResult) -> Result:
        from qiskit.result import Result

        return Result(
            backend_name=self.backend_name,
            success=self.success,
            results=[found],
            status="the backend says that this experiment failed",
        )
