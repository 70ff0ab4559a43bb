"""Results as pandas data frames, Arrow tables, Parquet files and xarray data sets.

A table has one row an experiment (of a sweep: one a point), or one row an outcome. Files are
written in batches, so that memory does not grow with the job set.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.results.rows import must_have_counts
from qiskit_job_manager.views.close_names import not_one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import IO

    import pandas as pd
    import pyarrow as pa

    from qiskit_job_manager.results.rows import Row, Rows

By: TypeAlias = Literal["experiment", "outcome"]

_ROWS_IN_BATCH = 4096
_FORMS = ("experiment", "outcome")


def columns(rows: Rows, by: By) -> tuple[str, ...]:
    """Return the names of the columns of a table.

    Raises:
        InvalidArgumentError: There is no such table of these results.
    """
    if by not in _FORMS:
        raise InvalidArgumentError(not_one_of("by", by, _FORMS))
    point = () if rows.kind is ExperimentKind.CIRCUIT else ("point",)
    if by == "outcome":
        must_have_counts(rows, "a table by outcome")
        return ("index", *point, "name", "outcome", "count", "probability")
    estimated = rows.kind is ExperimentKind.ESTIMATOR_PUB
    found = ("value", "std") if estimated else ("shots", "counts")
    return ("index", *point, "name", "state", *found, "error", "metadata")


def records(rows: Rows, by: By) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as dicts in the order of its columns.

    Raises:
        InvalidArgumentError: There is no such table of these results.
    """
    return records_of(rows, by, columns(rows, by))


def records_of(rows: Iterable[Row], by: By, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield some rows of a table as dicts, with these columns."""
    make = _outcomes if by == "outcome" else _experiment
    return ({name: each[name] for name in names} for row in rows for each in make(row))


def _experiment(row: Row) -> Iterator[dict[str, Any]]:
    counts = None if row.counts is None else dict(row.counts)
    yield {
        "index": row.index,
        "point": row.point,
        "name": row.name,
        "state": row.state.value,
        "shots": row.shots,
        "counts": counts,
        "value": row.value,
        "std": row.std,
        "error": row.error,
        "metadata": row.metadata_text(),
    }


def _outcomes(row: Row) -> Iterator[dict[str, Any]]:
    counts = row.counts or {}
    total = sum(counts.values())
    for outcome, count in counts.items():
        yield {
            "index": row.index,
            "point": row.point,
            "name": row.name,
            "outcome": outcome,
            "count": count,
            "probability": count / total if total else 0.0,
        }


def dataframe(rows: Rows, by: By) -> pd.DataFrame:
    """Return a pandas data frame; see `ManagedResults.to_dataframe`."""
    pd = needs_pandas("to_dataframe")
    names = [name for name in columns(rows, by) if name != "metadata"]
    if by == "outcome":
        return pd.DataFrame.from_records(list(records(rows, by)), columns=names)
    read = list(rows)
    found = (next(_experiment(row)) for row in read)
    frame = pd.DataFrame([{n: each[n] for n in names} for each in found], columns=names)
    keys = dict.fromkeys(key for row in read for key in row.metadata)
    metadata = {f"metadata.{key}": [row.metadata.get(key) for row in read] for key in keys}
    whole = pd.concat([frame, pd.DataFrame(metadata)], axis=1) if metadata else frame
    # The name of the column is that of the axis as well: a row is found by its experiment.
    return whole.set_index("index")


def schema(rows: Rows, by: By) -> pa.Schema:
    """Return the Arrow schema of a table.

    Raises:
        InvalidArgumentError: pyarrow is missing, or there is no such table of these results.
    """
    pa = _pyarrow()
    types = {
        "index": pa.int64(),
        "point": pa.int64(),
        "name": pa.string(),
        "state": pa.string(),
        "shots": pa.int64(),
        "counts": pa.map_(pa.string(), pa.int64()),
        "value": pa.float64(),
        "std": pa.float64(),
        "error": pa.string(),
        "metadata": pa.string(),
        "outcome": pa.string(),
        "count": pa.int64(),
        "probability": pa.float64(),
    }
    return pa.schema([(name, types[name]) for name in columns(rows, by)])


def batches(rows: Rows, by: By) -> Iterator[pa.RecordBatch]:
    """Yield a table in batches of some thousand rows; see `ManagedResults.iter_batches`.

    Raises:
        InvalidArgumentError: pyarrow is missing, or there is no such table of these results.
    """
    pa, wanted = _pyarrow(), schema(rows, by)
    remaining = records(rows, by)

    def read() -> Iterator[Any]:
        while page := list(islice(remaining, _ROWS_IN_BATCH)):
            yield pa.RecordBatch.from_pylist([_for_arrow(each) for each in page], schema=wanted)

    return read()


def _for_arrow(record: dict[str, Any]) -> dict[str, Any]:
    counts = record.get("counts")
    return record if counts is None else {**record, "counts": list(counts.items())}


def table(rows: Rows, by: By) -> pa.Table:
    """Return an Arrow table; see `ManagedResults.to_arrow`."""
    return _pyarrow().Table.from_batches(batches(rows, by), schema=schema(rows, by))


def write_parquet(rows: Rows, by: By, file: IO[bytes]) -> None:
    """Write a table as Parquet, one row group a batch.

    Raises:
        InvalidArgumentError: pyarrow is missing, or there is no such table of these results.
    """
    wanted = schema(rows, by)
    from pyarrow import parquet

    with parquet.ParquetWriter(file, wanted, compression="zstd") as writer:
        for batch in batches(rows, by):
            writer.write_batch(batch)


def needs_pandas(call: str) -> Any:
    """Return pandas.

    Args:
        call: The call that needs it.

    Raises:
        InvalidArgumentError: It is missing.
    """
    try:
        import pandas as pd
    except ImportError:
        msg = (
            f"{call} needs the package pandas, which is not installed: "
            'pip install "qiskit-job-manager[dataframe]"'
        )
        raise InvalidArgumentError(msg) from None
    return pd


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        msg = (
            "Arrow and Parquet need the package pyarrow, which is not installed: "
            'pip install "qiskit-job-manager[arrow]"'
        )
        raise InvalidArgumentError(msg) from None
    return pa
