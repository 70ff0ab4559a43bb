"""The results of a job set, experiment by experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.errors import ManagedResultDataNotAvailable
from qiskit_job_manager.model import ExperimentKind, JobState
from qiskit_job_manager.model.provenance import DRIFT_THRESHOLD
from qiskit_job_manager.results.counts import histogram
from qiskit_job_manager.results.lookup import jobs_of
from qiskit_job_manager.results.pub_results import (
    at_each_point,
    common_fields,
    common_metadata,
    missing_pub,
    must_be_one_circuit,
    must_have,
)
from qiskit_job_manager.results.source import source_of
from qiskit_job_manager.views.html import Shown, results_html
from qiskit_job_manager.views.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    import pyarrow as pa
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from qiskit.primitives import PrimitiveResult, PubResult
    from qiskit.quantum_info import Operator, Statevector
    from qiskit.result import Counts, Result
    from qiskit.result.models import ExperimentResult

    from qiskit_job_manager.model import ExperimentRecord
    from qiskit_job_manager.model.inputs import ExperimentKey
    from qiskit_job_manager.results.drift import DriftTable
    from qiskit_job_manager.results.rows import Rows
    from qiskit_job_manager.results.source import HasResults, ResultSource
    from qiskit_job_manager.results.tables import By

_EXPERIMENTS_SHOWN = 5


class ManagedResults:
    """The results of a job set, read from the store one experiment at a time.

    A method that takes an experiment takes its index (negative from the end), its name, or the
    circuit or PUB that was handed over. It returns exactly what the method of that name of
    `qiskit.result.Result` returns. A sampler's results are read in the same way; counts and memory
    of a sweep are arrays of objects in the parameters' shape.

    A circuit finds the experiment with its content, and never another circuit's result; its name
    chooses among equals. If no content is equal, it finds the one experiment that has its name, as
    the original of a circuit that you transpiled, unless Qiskit counted that name (``circuit-41``).

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
        self._source = source_of(job_set, as_it_is_now=False)

    def __repr__(self) -> str:
        name = self._source.record.name
        size, source = plural(len(self), "experiment"), self.backend_name
        return f"<ManagedResults of {name!r}: {size} from {source}, success={self.success}>"

    def __len__(self) -> int:
        return self._source.record.n_experiments

    def _repr_html_(self) -> str:
        return _first_html(self._source, self.get_counts, success=self.success)

    def __iter__(self) -> Iterator[ExperimentResult]:
        """Yield the `ExperimentResult` of each experiment in order, as they are read."""
        return map(self._experiment, range(len(self)))

    def data(self, experiment: ExperimentKey) -> dict[str, Any]:
        """Return the raw data of an experiment, as `qiskit.result.Result.data` does.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It failed inside a job that returned something.
        """
        data: dict[str, Any] = self._wrapped(self._experiment(self._index(experiment))).data(0)
        return data

    def get_counts(self, experiment: ExperimentKey) -> Counts | Any:
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

    def get_memory(self, experiment: ExperimentKey) -> list[str] | Any:
        """Return the outcome of each shot, as `qiskit.result.Result.get_memory` does.

        Returns:
            What that returns; of a sweep, an array of it in the parameters' shape.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result, or the backend gave no memory although
                it was asked for; the message says why.
            QiskitError: It has no memory, or failed inside a job that returned something.
        """
        index = self._index(experiment)
        found = self._experiment(index)
        self._check_has(found, "memory", index)
        if self._source.record.options.get("memory") and not hasattr(found.data, "memory"):
            raise ManagedResultDataNotAvailable(
                f"experiment {index} has no memory, although {ways.MEMORY} was asked for: the "
                "backend gave none with its result. `qjm log`, or the job's events, say why; its "
                "counts are complete"
            )
        return at_each_point(found, "memory", lambda point: self._wrapped(point).get_memory(0))

    def get_statevector(
        self, experiment: ExperimentKey, decimals: int | None = None
    ) -> Statevector | Any:
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

    def get_unitary(self, experiment: ExperimentKey, decimals: int | None = None) -> Operator | Any:
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

    def plot_histogram(
        self, experiment: ExperimentKey | list[ExperimentKey], **options: Any
    ) -> Figure | None:
        """Plot the counts of one or several experiments by `qiskit.visualization.plot_histogram`.

        Args:
            experiment: Index, name or circuit; a list of them puts all into one plot, with a
                legend of their names.
            **options: Passed to that function, such as ``sort="desc"`` or ``number_to_keep=8``.

        Returns:
            The `matplotlib.figure.Figure`, or ``None`` if ``ax`` was given. Needs
            ``pip install "qiskit-job-manager[plot]"``.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: It has no result; the message says why.
            QiskitError: It has no counts, or failed inside a job that returned something.
            InvalidArgumentError: matplotlib is not installed.
        """
        from qiskit.visualization import plot_histogram

        from qiskit_job_manager.pictures.canvas import require_matplotlib

        require_matplotlib("histograms")
        if not isinstance(experiment, list):
            figure: Figure | None = plot_histogram(self.get_counts(experiment), **options)
            return figure
        options.setdefault("legend", [self._name(each) for each in experiment])
        several: Figure | None = plot_histogram([self.get_counts(e) for e in experiment], **options)
        return several

    def plot_sweep(
        self, y: str | None, x: str | Sequence[float] | None = None, *, ax: Axes | None = None
    ) -> Any:
        """Plot one figure of each experiment against a swept quantity, with its standard error.

        Experiments without a result are left out, so it can be drawn while the job set runs, from
        ``job_set.results_so_far()``.

        Args:
            y: An outcome, such as ``"00"``, whose probability is plotted; ``None``: expectation
                values of an estimator.
            x: A key of the circuits' metadata, or one number for each experiment (of a PUB with a
                sweep: for each point); ``None``: their index.
            ax: Axes to draw on, or ``None`` for a new figure.

        Returns:
            The `matplotlib.figure.Figure`. Needs ``pip install "qiskit-job-manager[plot]"``.

        Raises:
            InvalidArgumentError: ``x`` has no number for an experiment, the results are of another
                kind than ``y``, or matplotlib is not installed.

        Example:
            >>> results.plot_sweep("1", x="angle")                  # doctest: +SKIP
        """
        from qiskit_job_manager.results.sweep_plot import draw_sweep, points_of

        across = x if isinstance(x, str) else "experiment" if x is None else "x"
        upwards = "expectation value" if y is None else f"probability of {y}"
        points = points_of(self.rows(), y, x)
        return draw_sweep(points, self._source.record.name, (across, upwards), ax)

    def pub_result(self, experiment: ExperimentKey) -> PubResult:
        """Return the result of one primitive unified bloc (PUB) as the primitive gave it.

        If the shots were split, the shares are merged: the bits of all shots one after the other,
        expectation values weighted by shots.

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

        Its metadata is what the results of all jobs have in common; where they differ,
        ``metadata["jobs"]`` has that of each job. With ``results(partial=True)``, an experiment
        without a result becomes an empty `qiskit.primitives.PubResult` with the reason in
        ``metadata["error"]``, so every index keeps its place. All experiments are in memory at
        once.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result, or no primitive ran it.
            MergeError: The shares of an experiment do not fit together.
        """
        from qiskit.primitives import PrimitiveResult

        pubs = [self._pub_or_gap(index) for index in range(len(self))]
        of_jobs = self._source.metadata(partial=self._partial)
        return PrimitiveResult(pubs, metadata=common_metadata(of_jobs))

    def result(self) -> Result | PrimitiveResult[Any]:
        """Return all experiments as one result, as a Qiskit job that ran all of them does.

        Of PUBs it is what `primitive_result` returns, of circuits what `combine_results` returns.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result.
        """
        if self._source.kind is ExperimentKind.CIRCUIT:
            return self.combine_results()
        return self.primitive_result()

    def _read_ahead(self) -> None:
        """Read at once what `result` needs of a small job set, but for the results themselves."""
        self._source.read_ahead()

    def provenance(self, experiment: ExperimentKey) -> dict[str, Any]:
        """Return what is needed to understand the numbers of an experiment later.

        Returns:
            Plain JSON values. ``experiment``: its index, its name and the hash of its content.
            ``job_set``: the backend, the run options and the options of the transpiler.
            ``layout``: the physical qubit of each qubit, first and last; ``None`` for a circuit
            that was not transpiled. ``jobs``: one for each share of the shots, with its ``seeds``
            and its ``attempts``; the result is that of the last attempt. An attempt has its times
            in UTC, the backend's id and the quantum seconds, and

            - ``environment``: versions of Python and of all packages, the machine, the script and
              its git commit, of the process that sent it;
            - ``calibration``: what the backend said of its qubits and gates when it was sent, in
              the form of IBM's ``BackendProperties``, as last seen before;
            - ``calibration_at_end``: the same after its end, as first seen.

            Each of these is ``None`` where nothing was recorded, and has ``missing`` where it could
            not be had, with the reason. ``seen_from`` and ``seen_until`` say when it was seen so.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            ManagedResultDataNotAvailable: What is stored of it is damaged.
            StoreCorruptError: The store does not have a snapshot that it names.

        Example:
            >>> attempt = results.provenance("ghz_5")["jobs"][0]["attempts"][-1]
            ... # doctest: +SKIP
            >>> attempt["environment"]["packages"]["qiskit"]            # doctest: +SKIP
            '2.6.2'
            >>> attempt["calibration"]["last_update_date"]              # doctest: +SKIP
            '2026-11-27T06:56:41-05:00'
        """
        from qiskit_job_manager.results.provenance import provenance_of

        return provenance_of(self._source, self._index(experiment))

    def drift(self, threshold: float = DRIFT_THRESHOLD) -> DriftTable:
        """Return which experiments straddled a calibration, or rest on errors that moved.

        The calibration when an experiment was sent is compared with all that were seen until its
        end: the errors of the gates in its circuit as it was sent, the readout errors of the qubits
        that it measures, T1 and T2 of all its qubits. What was calibrated after the end, by its
        date, does not count. An estimator's experiment counts as measuring all its qubits.

        Args:
            threshold: The relative change beyond which an error counts as moved: 0.5 means that
                the larger of two values exceeds the smaller one by half of it. A change from zero
                is infinite. The default is a convention: without any event, T1 of a transmon
                fluctuates from hour to hour, and estimates of errors scatter (Burnett et al., npj
                Quantum Information 5, 54, 2019; Carroll et al., npj Quantum Information 8, 132,
                2022). A smaller threshold marks much of that, and a larger one misses an error that
                doubled. Choose it by what your experiment is sensitive to.

        Returns:
            An `ExperimentDrift` for each experiment, in order; ``to_dataframe()`` makes a table of
            them. ``straddled`` and ``moved`` are ``None`` where they are not known, and ``unknown``
            says why: nothing was recorded, no result, simulated here, or taken over from
            another job set.

        Raises:
            InvalidArgumentError: ``threshold`` is not a number from 0.
            ManagedResultDataNotAvailable: A stored calibration is damaged.
            StoreCorruptError: The store does not have a snapshot that it names.

        Example:
            >>> [each.name for each in results.drift() if each.moved]   # doctest: +SKIP
            ['ghz_5']
            >>> results.drift(threshold=0.2).to_dataframe()             # doctest: +SKIP
        """
        from qiskit_job_manager.results.drift import drift_of

        return drift_of(self._source, threshold)

    def combine_results(self) -> Result:
        """Return one `qiskit.result.Result` with all experiments, in the order of the input.

        With ``results(partial=True)``, an experiment without a result becomes an unsuccessful one,
        so every index keeps its place. All experiments are in memory at once.

        Its ``time_taken`` is the sum over all jobs. Its ``metadata``, ``backend_version`` and other
        fields are what the results of all jobs have in common; where their metadata differ,
        ``metadata["jobs"]`` has that of each job.

        Raises:
            ManagedResultDataNotAvailable: An experiment has no result, or one that has no place
                there: sweeps and expectation values, which `primitive_result` combines.
        """
        from qiskit.result import Result

        record = self._source.record
        return Result(
            **common_fields(self._source.envelopes(partial=self._partial)),
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
            overwrite: Whether it may replace a file that is there.

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
        """Return a reader of the results as rows of plain values, one at a time.

        A row has the index, name and state of an experiment, its counts or its value, or the reason
        why it has none. A sweep has one row for each point.
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

    def _name(self, experiment: ExperimentKey) -> str:
        index = self._index(experiment)
        stored = self._source.store.experiment(self._source.record.key, index)
        return stored.name if stored else str(index)

    def _index(self, experiment: ExperimentKey) -> int:
        return self._source.experiments.index(experiment)

    def _alike(self, experiment: ExperimentKey, limit: int) -> Iterator[list[int]]:
        """Yield what `Experiments.alike` does."""
        return self._source.experiments.alike(experiment, limit)

    def _are_done(self, indices: range) -> bool:
        """Return whether each job is done that runs one of some consecutive experiments."""
        store, record = self._source.store, self._source.record
        at = indices.start
        while at < indices.stop:
            jobs = jobs_of(store, record, at)
            if not all(job.state is JobState.DONE for job in jobs):
                return False
            at = jobs[0].stop
        return True

    def _experiment(self, index: int) -> ExperimentResult:
        found: ExperimentResult = self._source.experiment(index, partial=self._partial)
        return found

    def _counted(self, found: ExperimentResult) -> Any:
        quick = histogram(found)
        return self._wrapped(found).get_counts(0) if quick is None else quick

    def _state(self, experiment: ExperimentKey, name: str) -> Result:
        index = self._index(experiment)
        found = self._experiment(index)
        self._check_has(found, name, index)
        return self._wrapped(found)

    def _check_has(self, found: ExperimentResult, name: str, index: int) -> None:
        """Raise if a primitive's result has no such field; for others, Qiskit raises."""
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


def _first_html(source: ResultSource, counts: Callable[[int], Any], *, success: bool) -> str:
    """Return the first few experiments as HTML; one that cannot be read shows why.

    Args:
        source: Reads the names.
        counts: Reads the counts of an experiment by its index; of a sweep, an array of them.
        success: Whether every job of the set is done.
    """
    from qiskit.exceptions import QiskitError

    record = source.record
    shown = []
    for experiment in source.store.experiments(record.key, stop=_EXPERIMENTS_SHOWN):
        try:
            found = _shown(experiment, counts(experiment.index))
        except QiskitError as error:
            found = Shown(experiment.index, experiment.name, None, str(error.message))
        shown.append(found)
    state = "every job is done" if success else "not every job is done"
    facts = f"results from {record.backend_name}, {state}"
    return results_html(record.name, facts, shown, record.n_experiments)


def _shown(experiment: ExperimentRecord, counts: Any) -> Shown:
    if isinstance(counts, dict):
        return Shown(experiment.index, experiment.name, counts)
    return Shown(experiment.index, experiment.name, None, f"a sweep of shape {counts.shape}")
