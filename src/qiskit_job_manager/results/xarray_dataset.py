"""Results as xarray data sets: experiments, the axes of their sweeps, and outcomes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    import xarray as xr

    from qiskit_job_manager.results.rows import Row, Rows

_LARGEST_BYTES = 1 << 30
_BYTES_OF_NUMBER = 8


def dataset(rows: Rows, shape: tuple[int, ...] | None) -> xr.Dataset:
    """Return an xarray data set; see `ManagedResults.to_xarray`.

    Args:
        rows: The rows.
        shape: Shape of the sweep that all experiments share, or ``None`` if they differ.
    """
    if shape is None:
        msg = "the experiments have sweeps of different shapes, which make no grid; read them apart"
        raise InvalidArgumentError(msg)
    if rows.kind is ExperimentKind.ESTIMATOR_PUB:
        return _of_values(rows, shape)
    return _of_counts(rows, shape)


def _of_counts(rows: Rows, shape: tuple[int, ...]) -> xr.Dataset:
    make = _dataset()
    # The rows are read twice: first to find the outcomes, so that memory holds only the grid.
    outcomes = sorted({outcome for row in rows for outcome in row.counts or ()})
    size = (len(rows), *shape, len(outcomes))
    _refuse_huge(size)
    grid = np.zeros(size)
    flat = grid.reshape(len(rows), -1, max(len(outcomes), 1)) if outcomes else grid
    place = {outcome: at for at, outcome in enumerate(outcomes)}
    coordinates = _Coordinates(len(rows))
    for row in rows:
        coordinates.see(row)
        if row.counts is None:
            flat[row.index] = np.nan
        else:
            for outcome, count in row.counts.items():
                flat[row.index, row.point or 0, place[outcome]] = count
    whole = grid if np.isnan(grid).any() else grid.astype(np.int64)
    dims = ("experiment", *_axes(shape), "outcome")
    coords = coordinates.coords() | {"outcome": outcomes}
    return make({"counts": (dims, whole)}, coords=coords)


def _of_values(rows: Rows, shape: tuple[int, ...]) -> xr.Dataset:
    make = _dataset()
    size = (len(rows), *shape)
    _refuse_huge(size)
    value, std = np.full(size, np.nan), np.full(size, np.nan)
    coordinates = _Coordinates(len(rows))
    for row in rows:
        coordinates.see(row)
        if row.value is not None:
            value.reshape(len(rows), -1)[row.index, row.point or 0] = row.value
            std.reshape(len(rows), -1)[row.index, row.point or 0] = (
                np.nan if row.std is None else row.std
            )
    dims = ("experiment", *_axes(shape))
    return make({"value": (dims, value), "std": (dims, std)}, coords=coordinates.coords())


class _Coordinates:
    """Names and metadata of the experiments."""

    def __init__(self, number: int) -> None:
        self._names = [""] * number
        self._metadata: dict[str, list[Any]] = {}

    def see(self, row: Row) -> None:
        """Note the name and the metadata of an experiment."""
        self._names[row.index] = row.name
        for key, value in row.metadata.items():
            if value is None or isinstance(value, (str, int, float, bool)):
                values = self._metadata.setdefault(f"metadata.{key}", [None] * len(self._names))
                values[row.index] = value

    def coords(self) -> dict[str, Any]:
        """Return the coordinates; that of an experiment is its index."""
        named = {"name": self._names, **self._metadata}
        plain = {key: ("experiment", values) for key, values in named.items()}
        return {"experiment": np.arange(len(self._names)), **plain}


def _axes(shape: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"axis_{number}" for number in range(len(shape)))


def _refuse_huge(size: tuple[int, ...]) -> None:
    needed = _BYTES_OF_NUMBER
    for length in size:
        needed *= length
    if needed > _LARGEST_BYTES:
        times = " x ".join(f"{length:,}" for length in size)
        msg = (
            f"a grid of {times} numbers would take {needed / 2**30:.1f} GiB, and at most 1 GiB is "
            "made, as nearly all of them would be zero: to_arrow(by='outcome') holds only what "
            "was counted"
        )
        raise InvalidArgumentError(msg)


def _dataset() -> type[xr.Dataset]:
    try:
        import xarray
    except ImportError:
        msg = (
            "to_xarray needs the package xarray, which is not installed: "
            'pip install "qiskit-job-manager[xarray]"'
        )
        raise InvalidArgumentError(msg) from None
    return xarray.Dataset


def common_shape(results: Any, rows: Rows) -> tuple[int, ...] | None:
    """Return the shape of the sweep that all experiments share, or ``None`` if they differ."""
    from qiskit.exceptions import QiskitError

    if rows.kind is ExperimentKind.CIRCUIT:
        return ()
    shapes = set()
    for index in range(len(rows)):
        with suppress(QiskitError):
            shapes.add(tuple(results.pub_result(index).data.shape))
    return shapes.pop() if len(shapes) == 1 else None if shapes else ()
