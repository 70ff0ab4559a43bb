"""A job's `qiskit.primitives.PrimitiveResult` to bytes, and single PUBs back out of it.

``primitive-result/1`` is a container (see `containers`). Its head is a tagged value (see
`values`): the metadata of the whole. Its items are the results of PUBs; the text of a block is

    length, column   a record for each PUB (see `columns`)
    rest             the arrays, one after the other, by byte planes

A record has ``kind`` ("sampler", "pub", or "odd" for what is none), ``shape``, ``metadata``, and
``fields``, a dict of name and record of

    bits    number of bits of a `BitArray`, or None
    dtype   type of the array (see `arrays`), or None if it is none
    shape   shape of the array
    start   where the array begins in the rest
    value   what is no array, as it is

The shots keep their order. In planes of their own they take no more than what is random in them.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.arrays import build_dtype, dtype_parts, from_planes, to_planes
from qiskit_job_manager.codec.columns import (
    Column,
    read_column,
    write_column,
    write_one_by_one,
)
from qiskit_job_manager.codec.containers import Container, PackedBlock, pack, split
from qiskit_job_manager.codec.formats import PRIMITIVE_FORMAT
from qiskit_job_manager.codec.primitive_reading import PrimitiveReader
from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.codec.varint import Reader, write_varint
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import RawResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit.primitives import PrimitiveResult, PubResult

    Array = np.ndarray[Any, np.dtype[Any]]

_MOST_PUBS_PER_BLOCK = 128
_HEAVIEST_BLOCK_BYTES = 1 << 18
# An array without bytes may claim any shape; no sweep has so many shots.
_MOST_ITEMS = 2**40


def encode_primitive_result(result: PrimitiveResult[Any]) -> RawResult:
    """Encode the result of a primitive, whatever is in it.

    It was paid for: what cannot be expressed becomes `Opaque`, and nothing raises.
    """
    pubs = list(result)
    runs = split(list(map(_weight, pubs)), _MOST_PUBS_PER_BLOCK, _HEAVIEST_BLOCK_BYTES)
    blocks = (_block(pubs[run.start : run.stop]) for run in runs)
    head = encode_value(getattr(result, "metadata", {}))
    return RawResult(format=PRIMITIVE_FORMAT, data=pack(head, blocks))


def _weight(pub: Any) -> int:
    try:
        return sum(getattr(_array_in(value), "nbytes", 8) for value in pub.data.values())
    except Exception:  # noqa: BLE001  # what is no result of a PUB is stored all the same
        return 8


def _array_in(value: Any) -> Array | None:
    from qiskit.primitives import BitArray

    array = value.array if isinstance(value, BitArray) else value
    return array if isinstance(array, np.ndarray) else None


def _block(pubs: Sequence[Any]) -> PackedBlock:
    arrays: list[bytes] = []
    records = [_record(pub, arrays) for pub in pubs]
    try:
        column = write_column(records)
    except Exception:  # noqa: BLE001  # a defect there must not lose a result that was paid for
        column = write_one_by_one(records)
    length = bytearray()
    write_varint(length, sum(map(len, column)))
    return PackedBlock(len(pubs), [bytes(length), *column, *_merged(arrays)])


_SMALL_BYTES = 512


def _merged(arrays: Sequence[bytes]) -> list[bytes]:
    """Join what is too short for statistics of its own."""
    merged: list[bytes] = []
    small = bytearray()
    for array in arrays:
        if len(array) < _SMALL_BYTES:
            small += array
            continue
        merged += [bytes(small), array]
        small.clear()
    return [*merged, bytes(small)]


def _record(pub: Any, arrays: list[bytes]) -> dict[str, Any]:
    from qiskit.primitives import PubResult, SamplerPubResult

    kept = len(arrays)
    try:
        return {
            "kind": "sampler" if isinstance(pub, SamplerPubResult) else "pub",
            "shape": tuple(pub.data.shape),
            "metadata": pub.metadata,
            "fields": {name: _field(value, arrays) for name, value in pub.data.items()},
        }
    except Exception:  # noqa: BLE001  # as above; its repr is kept
        del arrays[kept:]
        what = pub if not isinstance(pub, PubResult) else repr(pub)
        return {"kind": "odd", "shape": (), "metadata": {"odd": what}, "fields": {}}


def _field(value: Any, arrays: list[bytes]) -> dict[str, Any]:
    array = _array_in(value)
    field = {"bits": None, "dtype": None, "shape": (), "start": 0, "value": None}
    if array is None or array.dtype.hasobject:
        return field | {"value": value}
    told = {"dtype": dtype_parts(array.dtype), "shape": array.shape, "start": sum(map(len, arrays))}
    if array is not value:
        told["bits"] = value.num_bits
    # The bytes of a shot are planes too: those of the highest bits are mostly alike.
    width = array.shape[-1] if array is not value else array.dtype.itemsize
    arrays.append(to_planes(array.tobytes(), width))
    return field | told


class PrimitiveResultReader(PrimitiveReader):
    """Reads a result of format ``primitive-result/1``."""

    def __init__(self, data: bytes) -> None:
        """Read the head.

        Raises:
            CodecError: The bytes are damaged.
        """
        self._container = Container(data)
        self.n_experiments = self._container.n_items
        self._unpacked: tuple[int, Column, bytes] | None = None

    def metadata(self) -> dict[str, Any]:
        """Return the metadata that the PUBs have in common."""
        metadata = decode_value(self._container.head)
        return metadata if isinstance(metadata, dict) else {"odd": metadata}

    def pub_result(self, offset: int) -> PubResult:
        """Return the result of one PUB.

        Raises:
            CodecError: It is damaged, or there is no such PUB.
        """
        block, place = self._container.locate(offset)
        unpacked = self._unpacked
        if unpacked is None or unpacked[0] != block:
            unpacked = (block, *self._read(block))
            self._unpacked = unpacked
        _, column, arrays = unpacked
        [record] = column.span(place, place + 1)
        return _pub(record, arrays, offset)

    def _read(self, block: int) -> tuple[Column, bytes]:
        count, text = self._container.block(block)
        reader = Reader(text)
        part = reader.part()
        column = read_column(part, count)
        part.finish()
        return column, reader.take(reader.left)


def _pub(record: Any, arrays: bytes, offset: int) -> PubResult:
    from qiskit.primitives import DataBin, PubResult, SamplerPubResult

    try:
        kind = {"sampler": SamplerPubResult, "pub": PubResult}[record["kind"]]
        fields = {name: _value(field, arrays) for name, field in record["fields"].items()}
        metadata = record["metadata"]
        told = metadata if isinstance(metadata, dict) else {"odd": metadata}
        return kind(DataBin(shape=record["shape"], **fields), told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CodecError(
            f"Experiment {offset} of a stored result is no result of a PUB: {error!r}"
        ) from error


def _value(field: dict[str, Any], arrays: bytes) -> Any:
    if field["dtype"] is None:
        return field["value"]
    array = _array(field, arrays)
    if field["bits"] is None:
        return array
    from qiskit.primitives import BitArray

    return BitArray(array, field["bits"])


def _array(field: dict[str, Any], arrays: bytes) -> Array:
    dtype, shape, start = build_dtype(field["dtype"]), field["shape"], field["start"]
    if not all(type(length) is int and 0 <= length < _MOST_ITEMS for length in shape):
        raise CodecError(f"A stored array has the impossible shape {shape!r}")
    if prod(length for length in shape if length) > _MOST_ITEMS:
        raise CodecError(f"A stored array has the impossible shape {shape!r}")
    data = Reader(arrays, start).take(prod(shape) * dtype.itemsize)
    width = dtype.itemsize if field["bits"] is None else shape[-1]
    # A copy, as the bytes are not writable and the user's array is.
    return np.frombuffer(from_planes(data, width), dtype).reshape(shape).copy()
