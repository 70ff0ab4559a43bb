"""Results as tables: data frames, Arrow, Parquet, xarray."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.results import xarray_dataset


def flip(i, qubits=2):
    circuit = QuantumCircuit(qubits, qubits, name=f"flip-{i}", metadata={"i": i, "angle": i / 2})
    for qubit in range(qubits):
        if i >> qubit & 1:
            circuit.x(qubit)
    circuit.measure(range(qubits), range(qubits))
    return circuit


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def results(manager):
    job_set = manager.run([flip(i) for i in range(4)], "aer", name="s", shots=20)
    return job_set.results(timeout=60)


@pytest.fixture
def cancelled(manager):
    """One experiment with a result, one whose job was cancelled before it was sent."""
    from qiskit_job_manager import Limits

    limits = Limits(experiments_per_job=1, submissions_per_minute=1)
    job_set = manager.run([flip(0), flip(1)], "aer", name="half", shots=5, limits=limits)
    next(iter(job_set.as_completed(timeout=60)))
    job_set.cancel()
    return job_set.results(timeout=60)


def test_a_frame_by_experiment_has_counts_state_and_metadata(results):
    frame = results.to_dataframe()
    assert list(frame.index) == [0, 1, 2, 3]
    assert frame.index.name == "index"
    assert list(frame.columns) == [
        *("name", "state", "shots", "counts", "error", "metadata.i", "metadata.angle")
    ]
    assert frame.loc[2, "counts"] == {"10": 20}
    assert list(frame["metadata.angle"]) == [0.0, 0.5, 1.0, 1.5]
    assert set(frame["state"]) == {"done"}


def test_a_frame_by_outcome_has_one_row_an_outcome(manager):
    circuit = QuantumCircuit(1, 1, name="h")
    circuit.h(0)
    circuit.measure(0, 0)
    found = manager.run([circuit, flip(3)], "aer", name="o", shots=50).results(timeout=60)
    frame = found.to_dataframe(by="outcome")
    assert list(frame.columns) == ["index", "name", "outcome", "count", "probability"]
    assert frame.groupby("index")["count"].sum().to_dict() == {0: 50, 1: 50}
    for index in (0, 1):
        mine = frame[frame["index"] == index]
        assert dict(zip(mine["outcome"], mine["count"], strict=True)) == found.get_counts(index)
    assert np.allclose(frame["probability"], frame["count"] / 50)


def test_what_has_no_result_has_a_row_that_says_why(cancelled):
    frame = cancelled.to_dataframe()
    assert list(frame["state"]) == ["done", "cancelled"]
    assert frame.loc[0, "counts"] == {"00": 5}
    assert "cancelled" in frame.loc[1, "error"]
    assert cancelled.to_arrow()["counts"][1].as_py() is None
    assert list(cancelled.to_dataframe(by="outcome")["index"]) == [0]
    grid = cancelled.to_xarray()["counts"]
    assert grid.sel(experiment=0, outcome="00") == 5
    assert np.isnan(grid.sel(experiment=1)).all()


def test_arrow_and_parquet_say_the_same_as_the_results(results, tmp_path):
    table = results.to_arrow()
    path = tmp_path / "t.parquet"
    results.to_parquet(path)
    assert parquet.read_table(path).equals(table)
    assert table.schema.field("counts").type == pa.map_(pa.string(), pa.int64())
    for row in table.to_pylist():
        assert dict(row["counts"]) == results.get_counts(row["index"])
        assert json.loads(row["metadata"]) == {"i": row["index"], "angle": row["index"] / 2}
    outcomes = tmp_path / "o.parquet"
    results.to_parquet(outcomes, by="outcome")
    assert parquet.read_table(outcomes).to_pandas().equals(results.to_dataframe(by="outcome"))


def test_a_file_that_is_there_stays_unless_allowed(results, tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("mine")
    with pytest.raises(InvalidArgumentError, match="exists"):
        results.to_parquet(path)
    assert path.read_text() == "mine"
    results.to_parquet(path, overwrite=True)
    assert parquet.read_table(path).num_rows == 4
    assert [each.name for each in tmp_path.glob(".qjm-*")] == []


def test_an_unknown_table_is_refused(results):
    for make in (results.to_dataframe, results.to_arrow, results.iter_batches):
        with pytest.raises(InvalidArgumentError, match="'experiment', 'outcome'"):
            make(by="job")


def test_xarray_is_a_grid_of_experiments_and_outcomes(results):
    grid = results.to_xarray()
    assert grid["counts"].dims == ("experiment", "outcome")
    assert grid["counts"].dtype == np.int64
    assert list(grid["name"].values) == [f"flip-{i}" for i in range(4)]
    assert list(grid["metadata.angle"].values) == [0.0, 0.5, 1.0, 1.5]
    for i in range(4):
        mine = grid["counts"].sel(experiment=i)
        assert {
            str(o): int(mine.sel(outcome=o)) for o in mine.outcome.values if mine.sel(outcome=o)
        } == (results.get_counts(i))


def test_a_grid_that_would_be_nearly_all_zero_is_refused(results, monkeypatch):
    monkeypatch.setattr(xarray_dataset, "_LARGEST_BYTES", 8 * 4 * 4 - 1)
    with pytest.raises(InvalidArgumentError, match="4 x 4 numbers"):
        results.to_xarray()


def test_batches_come_as_they_are_read(results, monkeypatch):
    from qiskit_job_manager.results import tables

    monkeypatch.setattr(tables, "_ROWS_IN_BATCH", 3)
    assert [batch.num_rows for batch in results.iter_batches()] == [3, 1]
