"""One value of any kind, tagged: what a result may hold, and nothing that runs.

A value is a byte that tells its kind, and its data:

    0 None, 1 False, 2 True
    3 int        zigzag varint of 64 bits
    4 int        length, two's complement
    5 float      8 bytes
    6 complex    16 bytes
    7 str        length, UTF-8
    8 bytes      length, bytes
    9 list, 10 tuple, 11 set, 12 frozenset
                 number of values, values
    13 dict      number of pairs, keys and values in turn, in order
    14 array     dtype as a value, number of axes, lengths, data in C order, by byte planes
    15 scalar    of NumPy: dtype as a value, its bytes
    16 enum      number in `_ENUMS`, its value as a value
    17 text      number in `_TEXTS`, the text
    18 object    of quantum_info: number in `_OBJECTS`, its parts as a value (see `qiskit_objects`)
    19 opaque    name of the type, repr

What is of another type is stored as its nearest base of these, and where there is none as an
`Opaque`: data that was paid for is kept as far as it can be, and writing never fails over it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import numpy as np

from qiskit_job_manager.codec.arrays import build_dtype, dtype_parts, from_planes, to_planes
from qiskit_job_manager.codec.qiskit_objects import build_object, object_number, object_parts
from qiskit_job_manager.codec.varint import (
    Reader,
    write_bytes,
    write_text,
    write_varint,
    write_zigzag,
)
from qiskit_job_manager.errors import CodecError

# Enumerations and objects add a level of their own to that of the containers they are in.
_DEEPEST = 64
_DEEPEST_READ = _DEEPEST + 8
_MOST_AXES = 64
_LONGEST_REPR = 65_536
_SMALLEST_INT, _LARGEST_INT = -(2**63), 2**63 - 1
_FLOAT = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")


@dataclass(frozen=True, slots=True)
class Opaque:
    """Stands for an object of a type that cannot be stored.

    Attributes:
        type_name: Name of its type, with its module.
        repr: What ``repr()`` said of it.
    """

    type_name: str
    repr: str


_TEXTS: tuple[tuple[type, Callable[[Any], str], Callable[[str], Any]], ...] = (
    (datetime, datetime.isoformat, datetime.fromisoformat),
    (date, date.isoformat, date.fromisoformat),
    (UUID, str, UUID),
    (Decimal, str, Decimal),
    (Fraction, str, Fraction),
)
_ENUMS = ("MeasLevel", "MeasReturnType")


def encode_value(value: Any) -> bytes:
    """Encode a value; what cannot be stored in it becomes `Opaque`."""
    out = bytearray()
    write_value(out, value)
    return bytes(out)


def decode_value(data: bytes) -> Any:
    """Decode what `encode_value` encoded, as fresh objects.

    Raises:
        CodecError: The bytes are damaged.
    """
    reader = Reader(data)
    value = read_value(reader)
    reader.finish()
    return value


# -- writing ----------------------------------------------------------------------------------

_Parents = tuple[int, ...]


def write_value(out: bytearray, value: Any, parents: _Parents = ()) -> None:
    """Append a value.

    Args:
        out: Where to.
        value: The value.
        parents: Ids of the containers it is in; a container in itself becomes opaque.
    """
    start = len(out)
    try:
        _write_known(out, value, parents)
    except Exception:  # noqa: BLE001  # any object may be handed over, and none may lose the rest
        del out[start:]
        _write_opaque(out, value)


def _write_known(out: bytearray, value: Any, parents: _Parents) -> None:
    kind = _storable_base(cast("Hashable", type(value)))
    leaf = _LEAVES.get(kind)
    if leaf is not None:
        leaf(out, value)
    elif len(parents) >= _DEEPEST or id(value) in parents:
        _write_opaque(out, value)
    elif kind is dict:
        _write_dict(out, value, (*parents, id(value)))
    elif kind in _SEQUENCES:
        out.append(_SEQUENCES[kind])
        _write_all(out, value, (*parents, id(value)))
    else:
        _write_special(out, value, kind)


@lru_cache(maxsize=1024)
def _storable_base(kind: Any) -> type:
    """Return the nearest base of a type that can be stored, or ``object``."""
    for base in kind.__mro__:
        special = object_number(base) is not None or _enum_number(base) is not None
        if base in _LEAVES or base in _SEQUENCES or base is dict or special:
            return cast("type", base)
    return dict if issubclass(kind, Mapping) else object


def _enum_number(kind: type) -> int | None:
    known = kind.__module__ == "qiskit.result.models" and kind.__name__ in _ENUMS
    return _ENUMS.index(kind.__name__) if known else None


def _write_special(out: bytearray, value: Any, kind: type) -> None:
    enum, number = _enum_number(kind), object_number(kind)
    if enum is not None:
        out += bytes((16, enum))
        write_value(out, value.value)
    elif number is not None:
        parts = object_parts(number, value)
        out += bytes((18, number))
        write_value(out, parts)
    else:
        _write_opaque(out, value)


def _write_all(out: bytearray, values: Any, parents: _Parents) -> None:
    write_varint(out, len(values))
    for each in values:
        write_value(out, each, parents)


def _write_dict(out: bytearray, value: Any, parents: _Parents) -> None:
    out.append(13)
    write_varint(out, len(value))
    for key, each in value.items():
        write_value(out, key, parents)
        write_value(out, each, parents)


def _write_none(out: bytearray, _: Any) -> None:
    out.append(0)


def _write_bool(out: bytearray, value: Any) -> None:
    out.append(2 if value else 1)


def _write_int(out: bytearray, value: Any) -> None:
    number = int.__int__(value)
    if _SMALLEST_INT <= number <= _LARGEST_INT:
        out.append(3)
        write_zigzag(out, number)
    else:
        out.append(4)
        length = number.bit_length() // 8 + 1
        write_bytes(out, number.to_bytes(length, "little", signed=True))


def _write_float(out: bytearray, value: Any) -> None:
    out.append(5)
    out += _FLOAT.pack(float.__float__(value))


def _write_complex(out: bytearray, value: Any) -> None:
    out.append(6)
    out += _COMPLEX.pack(value.real, value.imag)


def _write_str(out: bytearray, value: Any) -> None:
    out.append(7)
    write_text(out, str.__str__(value))


def _write_bytes(out: bytearray, value: Any) -> None:
    out.append(8)
    write_bytes(out, bytes(value))


def _write_array(out: bytearray, value: Any) -> None:
    array = np.asarray(value)
    dtype = dtype_parts(array.dtype)
    out.append(14)
    write_value(out, dtype)
    write_varint(out, array.ndim)
    for length in array.shape:
        write_varint(out, length)
    write_bytes(out, to_planes(array.tobytes(), array.dtype.itemsize))


def _write_scalar(out: bytearray, value: Any) -> None:
    dtype = dtype_parts(value.dtype)
    out.append(15)
    write_value(out, dtype)
    write_bytes(out, np.asarray(value).tobytes())


def _text_writer(number: int, to_text: Callable[[Any], str]) -> Callable[[bytearray, Any], None]:
    def write(out: bytearray, value: Any) -> None:
        text = to_text(value)
        out += bytes((17, number))
        write_text(out, text)

    return write


def _write_opaque(out: bytearray, value: Any) -> None:
    if isinstance(value, Opaque):
        type_name, said = value.type_name, value.repr
    else:
        type_name, said = f"{type(value).__module__}.{type(value).__qualname__}", _repr(value)
    out.append(19)
    write_text(out, type_name)
    write_text(out, said)


def _repr(value: object) -> str:
    try:
        return str.__str__(repr(value))[:_LONGEST_REPR]
    except Exception as error:  # noqa: BLE001  # a broken __repr__ must not lose the result
        return f"<its repr raised {type(error).__name__}>"


_LEAVES: dict[type, Callable[[bytearray, Any], None]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    complex: _write_complex,
    str: _write_str,
    bytes: _write_bytes,
    bytearray: _write_bytes,
    np.ndarray: _write_array,
    np.generic: _write_scalar,
    Opaque: _write_opaque,
    **{kind: _text_writer(number, to_text) for number, (kind, to_text, _) in enumerate(_TEXTS)},
}
_SEQUENCES: dict[type, int] = {list: 9, tuple: 10, set: 11, frozenset: 12}


# -- reading ----------------------------------------------------------------------------------


def read_value(reader: Reader, depth: int = 0) -> Any:
    """Read a value.

    Raises:
        CodecError: The bytes are damaged.
    """
    tag = reader.byte()
    try:
        if tag in _NESTED_READERS and depth <= _DEEPEST_READ:
            return _NESTED_READERS[tag](reader, depth + 1)
        if tag in _LEAF_READERS:
            return _LEAF_READERS[tag](reader)
    except (ValueError, TypeError, ArithmeticError) as error:
        if isinstance(error, CodecError):
            raise
        raise CodecError(f"A stored value before {reader.position} is damaged: {error}") from error
    raise CodecError(f"Stored bytes have a value of unknown kind {tag} before {reader.position}")


def _read_all(reader: Reader, depth: int, per_item: int = 1) -> list[Any]:
    count = reader.varint() * per_item
    if count > reader.left:
        raise CodecError(f"{count} values cannot follow in {reader.left} stored bytes")
    return [read_value(reader, depth) for _ in range(count)]


def _read_dict(reader: Reader, depth: int) -> dict[Any, Any]:
    flat = _read_all(reader, depth, per_item=2)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _read_array(reader: Reader, depth: int) -> np.ndarray[Any, Any]:
    dtype = build_dtype(read_value(reader, depth))
    n_axes = reader.varint()
    if n_axes > _MOST_AXES:
        raise CodecError(f"A stored array has {n_axes} axes, more than NumPy knows")
    shape = [reader.varint() for _ in range(n_axes)]
    data = from_planes(reader.bytes(), dtype.itemsize)
    # A copy, as the bytes are not writable and the user's array is.
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _read_scalar(reader: Reader, depth: int) -> Any:
    dtype = build_dtype(read_value(reader, depth))
    [scalar] = np.frombuffer(reader.bytes(), dtype)
    return scalar


def _read_enum(reader: Reader, depth: int) -> Any:
    number, value = reader.byte(), read_value(reader, depth)
    if number >= len(_ENUMS):
        raise CodecError(f"Stored bytes have an enumeration of unknown number {number}")
    from qiskit.result import models

    return getattr(models, _ENUMS[number])(value)


def _read_object(reader: Reader, depth: int) -> Any:
    number = reader.byte()
    return build_object(number, read_value(reader, depth))


def _read_text_of(reader: Reader) -> Any:
    number, text = reader.byte(), reader.text()
    if number >= len(_TEXTS):
        raise CodecError(f"Stored bytes have a text of unknown number {number}")
    return _TEXTS[number][2](text)


_LEAF_READERS: dict[int, Callable[[Reader], Any]] = {
    0: lambda _: None,
    1: lambda _: False,
    2: lambda _: True,
    3: Reader.zigzag,
    4: lambda reader: int.from_bytes(reader.bytes(), "little", signed=True),
    5: lambda reader: _FLOAT.unpack(reader.take(8))[0],
    6: lambda reader: complex(*_COMPLEX.unpack(reader.take(16))),
    7: Reader.text,
    8: Reader.bytes,
    17: _read_text_of,
    19: lambda reader: Opaque(reader.text(), reader.text()),
}
_NESTED_READERS: dict[int, Callable[[Reader, int], Any]] = {
    9: _read_all,
    10: lambda reader, depth: tuple(_read_all(reader, depth)),
    11: lambda reader, depth: set(_read_all(reader, depth)),
    12: lambda reader, depth: frozenset(_read_all(reader, depth)),
    13: _read_dict,
    14: _read_array,
    15: _read_scalar,
    16: _read_enum,
    18: _read_object,
}
