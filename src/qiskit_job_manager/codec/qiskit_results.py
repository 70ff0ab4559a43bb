"""A job's `qiskit.result.Result` to bytes, and single experiments back out of them.

``qiskit-result/1`` is a container (see `containers`). Its items are the experiments, as
``ExperimentResult.to_dict()`` gives them; the text of a block is one column of them (see
`columns`). Its head is a tagged value (see `values`), a tuple:

    success     bool or None
    status      str or None
    failures    dict of offset and reason, for the experiments with ``success`` false
    results     False if the result had none at all, not even an empty list
    envelope    bytes: a tagged dict, ``Result.to_dict()`` without ``"results"``

Equal objects of equal types come back, in equal order. What is of a type that is not known comes
back as its nearest known base, and what has none as an `Opaque`.

The order of outcomes is most of what thousands of them take: 20 bits each at 20 qubits, and 10 if
they were sorted. It is kept all the same, as users see it: in `qiskit.result.marginal_counts`, in
plots sorted by value, and in which of several equal outcomes ``max(counts, key=counts.get)`` gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.columns import (
    Column,
    read_column,
    write_column,
    write_one_by_one,
)
from qiskit_job_manager.codec.containers import Container, PackedBlock, pack, split
from qiskit_job_manager.codec.formats import RESULT_FORMAT
from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.codec.varint import Reader
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import RawResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit.result import Result
    from qiskit.result.models import ExperimentResult


_ENVELOPE = ("backend_name", "backend_version", "date", "header", "job_id", "status", "success")
_MOST_EXPERIMENTS_PER_BLOCK = 128
# One experiment is read by unpacking its block: this much takes a fraction of a millisecond.
_HEAVIEST_BLOCK_BYTES = 1 << 18
_LOOKED_AT_FOR_COUNTS = ("time_taken", "creg_sizes", "memory_slots")
_NO_REASON = "the backend gave no reason"


def encode_result(result: Result) -> RawResult:
    """Encode a result, whatever is in it.

    It was paid for: what cannot be expressed becomes `Opaque`, and nothing raises.
    """
    results = getattr(result, "results", None)
    experiments = [_experiment(each) for each in results or ()]
    envelope = _envelope(result)
    success, status = envelope["success"], envelope["status"]
    head = (
        bool(success) if isinstance(success, (bool, np.bool_)) else None,
        status if isinstance(status, str) else None,
        _failures(experiments),
        results is not None,
        encode_value(envelope),
    )
    runs = split(
        list(map(_weight, experiments)), _MOST_EXPERIMENTS_PER_BLOCK, _HEAVIEST_BLOCK_BYTES
    )
    blocks = (_block(experiments[run.start : run.stop]) for run in runs)
    return RawResult(format=RESULT_FORMAT, data=pack(encode_value(head), blocks))


def _envelope(result: Any) -> dict[str, Any]:
    envelope = {name: getattr(result, name, None) for name in _ENVELOPE}
    # Not `to_dict()`, which fails as a whole when one experiment is odd.
    return envelope | dict(vars(result).get("_metadata", {}))


def _experiment(experiment: Any) -> dict[str, Any]:
    try:
        form = experiment.to_dict()
    except Exception:  # noqa: BLE001  # providers put odd things there; keep what there is
        form = None
    return form if isinstance(form, dict) else _odd_experiment(experiment)


def _odd_experiment(experiment: Any) -> dict[str, Any]:
    """Return the dict form of something that is no `ExperimentResult`, as well as can be."""
    if isinstance(experiment, Mapping):
        return dict(experiment)
    form = dict(getattr(experiment, "__dict__", {"odd": experiment}))
    form |= form.pop("_metadata", {})
    data = form.get("data")
    names = getattr(data, "_data_attributes", None)
    if names is not None:
        form["data"] = {name: getattr(data, name, None) for name in names}
    return form


def _failures(experiments: Sequence[dict[str, Any]]) -> dict[int, str]:
    return {
        offset: _reason(experiment.get("status"))
        for offset, experiment in enumerate(experiments)
        if _is_false(experiment.get("success"))
    }


def _is_false(success: object) -> bool:
    return isinstance(success, (bool, int, np.bool_)) and not success


def _reason(status: object) -> str:
    return status if isinstance(status, str) and status else _NO_REASON


def _weight(experiment: dict[str, Any]) -> int:
    """Estimate the bytes of an experiment by its data, the only part that can be large."""
    data = experiment.get("data")
    return sum(map(_size, data.values())) if isinstance(data, dict) else 0


def _size(value: Any, depth: int = 0) -> int:
    if isinstance(value, (dict, list, tuple)):
        # Items are alike: the first one tells of all.
        first = next(iter(value), None)
        inner = _size(first, depth + 1) if depth < 4 and isinstance(first, (list, tuple)) else 8
        return len(value) * inner
    array = value if isinstance(value, np.ndarray) else getattr(value, "_data", None)
    return array.nbytes if isinstance(array, np.ndarray) else 8


def _block(experiments: Sequence[dict[str, Any]]) -> PackedBlock:
    try:
        segments = write_column(experiments)
    except Exception:  # noqa: BLE001  # a defect there must not lose a result that was paid for
        segments = write_one_by_one(experiments)
    return PackedBlock(len(experiments), segments)


class QiskitResultReader:
    """Reads one stored result; made by `results.open_result`. Safe to use from several threads.

    The block read last is kept unpacked, so neighbours cost little. Whatever is returned is fresh.

    Attributes:
        n_experiments: Number of experiments in the result, which need not be what was asked for.
        success: What the backend said of the whole, or ``None`` if it said nothing.
        status: What the backend calls the state of the whole, or ``None``.
    """

    def __init__(self, data: bytes) -> None:
        """Read the head.

        Raises:
            CodecError: The bytes are damaged.
        """
        self._container = Container(data)
        head = decode_value(self._container.head)
        if not isinstance(head, tuple) or tuple(map(type, head[2:])) != (dict, bool, bytes):
            raise CodecError("The head of a stored result is not one")
        self.success: bool | None
        self.status: str | None
        self.success, self.status, self._failures, self._has_results, self._envelope = head
        self.n_experiments = self._container.n_items
        self._unpacked: tuple[int, Column] | None = None

    def failures(self) -> dict[int, str]:
        """Return the reason for each experiment that failed, by its offset."""
        return dict(self._failures)

    def envelope(self) -> dict[str, Any]:
        """Return ``Result.to_dict()`` without its experiments."""
        return dict(decode_value(self._envelope))

    def experiment(self, offset: int) -> dict[str, Any]:
        """Return one experiment as ``ExperimentResult.to_dict()`` gives it.

        Raises:
            CodecError: It is damaged, or there is no such experiment.
        """
        column, place = self._find(offset)
        [experiment] = column.span(place, place + 1)
        return dict(experiment)

    def counts(self, offset: int) -> dict[str, int] | None:
        """Return the counts of one experiment as they came, or ``None`` if it has none.

        Raises:
            CodecError: They are damaged, or there is no such experiment.
        """
        column, place = self._find(offset)
        counts = column.field(place, ("data", "counts"))
        return counts if isinstance(counts, dict) else None

    def each(self, *path: str) -> list[Any]:
        """Return what is at a path of keys in every experiment, ``None`` where there is nothing.

        Raises:
            CodecError: It is damaged.
        """
        found = []
        for block in range(self._container.n_blocks):
            count, column = self._read(block)
            found += [column.field(place, path) for place in range(count)]
        return found

    def readout(self, offset: int) -> ExperimentResult | None:
        """Return one experiment with only what `qiskit.result.Result.get_counts` looks at.

        Reading no more than that takes less than half the time.

        Returns:
            The experiment, or ``None`` if it did not succeed or has no counts.

        Raises:
            CodecError: It is damaged, or there is no such experiment.
        """
        from qiskit.result.models import ExperimentResult, ExperimentResultData

        column, place = self._find(offset)
        counts = column.field(place, ("data", "counts"))
        if column.field(place, ("success",)) is not True or not isinstance(counts, dict):
            return None
        header = {key: column.field(place, ("header", key)) for key in _LOOKED_AT_FOR_COUNTS}
        told = {key: value for key, value in header.items() if value is not None}
        return ExperimentResult(None, True, ExperimentResultData(counts=counts), header=told)

    def experiment_result(self, offset: int) -> ExperimentResult:
        """Return one experiment as Qiskit's object.

        Raises:
            CodecError: It is damaged, no such object can be made of it, or there is none.
        """
        return _as_object(self.experiment(offset), offset)

    def result(self) -> Result:
        """Return the whole result as Qiskit's object.

        Raises:
            CodecError: It is damaged, or no such object can be made of it.
        """
        from qiskit.result import Result

        results = None
        if self._has_results:
            results = [_as_object(each, offset) for offset, each in enumerate(self._experiments())]
        try:
            return Result(**self.envelope(), results=results)
        except TypeError as error:
            raise CodecError(f"A stored result has impossible fields: {error}") from error

    def _experiments(self) -> Iterator[dict[str, Any]]:
        for block in range(self._container.n_blocks):
            count, column = self._read(block)
            yield from column.span(0, count)

    def _find(self, offset: int) -> tuple[Column, int]:
        block, place = self._container.locate(offset)
        unpacked = self._unpacked
        if unpacked is None or unpacked[0] != block:
            unpacked = block, self._read(block)[1]
            self._unpacked = unpacked
        return unpacked[1], place

    def _read(self, block: int) -> tuple[int, Column]:
        count, text = self._container.block(block)
        reader = Reader(text)
        column = read_column(reader, count)
        reader.finish()
        return count, column


def _as_object(experiment: dict[str, Any], offset: int) -> ExperimentResult:
    from qiskit.exceptions import QiskitError
    from qiskit.result.models import ExperimentResult

    try:
        return ExperimentResult.from_dict(experiment)
    except (KeyError, TypeError, AttributeError, QiskitError) as error:
        raise CodecError(
            f"Experiment {offset} of a stored result is not what Qiskit calls one: {error!r}; "
            "its plain form can still be read"
        ) from error
