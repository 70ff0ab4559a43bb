"""Many whole numbers of 64 bits, or floats, as narrow byte planes.

Whole numbers:

    byte     flags: 1 differences, 2 unsigned
    byte     width w, 0 to 8
    varint   base, modulo 2**64
    varint   first number, modulo 2**64, if they are differences
    w planes of one byte for each number (for each but the first, if they are differences)

What is in the planes, lowest bytes first, is to be added to the base, modulo 2**64. The writer
takes the differences when they are narrower: so seeds that grow by the same step cost nothing.

Floats: a byte that tells the scale, and whole numbers: at scale 0 the bits of the floats, else
the floats times a power of ten. Times in seconds that come from nanoseconds are half as long so.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.varint import write_varint
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.codec.varint import Reader

    Array = np.ndarray[Any, np.dtype[Any]]

# A column of so many values may take no room at all; a longer one takes at least a bit for each.
# Thus damaged bytes cannot claim more values than memory holds.
MOST_WITHOUT_ROOM = 65_536
_DIFFERENCES, _UNSIGNED = 1, 2
_MODULUS = 1 << 64
_SCALES = (1.0, 1e3, 1e6, 1e9)
_EXACT_BELOW = 2.0**53


def as_integers(values: Sequence[int]) -> Array | None:
    """Return whole numbers as an array of 64 bits, signed if that holds them, or ``None``."""
    with contextlib.suppress(OverflowError):
        return np.fromiter(values, np.int64, len(values))
    if min(values) < 0:  # NumPy 1 would make it an unsigned number, without an error
        return None
    with contextlib.suppress(OverflowError):
        return np.fromiter(values, np.uint64, len(values))
    return None


def write_integers(array: Array) -> list[bytes]:
    """Write at least one whole number of 64 bits."""
    signed = array.dtype.kind == "i"
    flags = 0 if signed else _UNSIGNED
    base, width = _base_and_width(array)
    stored, start = array.view(np.uint64), bytearray()
    if width and len(array) > 2:
        steps = np.diff(stored).view(np.int64)
        step_base, step_width = _base_and_width(steps)
        if step_width < width:
            write_varint(start, int(stored[0]))
            flags, stored = flags | _DIFFERENCES, steps.view(np.uint64)
            base, width = step_base, step_width
    if len(array) > MOST_WITHOUT_ROOM:
        width = max(width, 1)
    head = bytearray((flags, width))
    write_varint(head, base % _MODULUS)
    return [bytes(head + start), *_planes(stored - np.uint64(base % _MODULUS), width)]


def _base_and_width(array: Array) -> tuple[int, int]:
    base = int(array.min())
    return base, ((int(array.max()) - base).bit_length() + 7) // 8


def _planes(stored: Array, width: int) -> list[bytes]:
    columns = stored.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    return [columns[:, place].tobytes() for place in range(width)]


def read_integers(reader: Reader, count: int) -> Array:
    """Read what `write_integers` wrote, as an array of int64 or uint64.

    Raises:
        CodecError: The bytes are damaged.
    """
    flags, width, base = reader.byte(), reader.byte(), reader.varint()
    most = reader.left if width else MOST_WITHOUT_ROOM
    if width > 8 or flags > 3 or not 1 <= count <= most + 1:
        raise CodecError(f"{count} stored integers of {width} bytes do not make sense")
    steps = bool(flags & _DIFFERENCES)
    first = reader.varint() if steps else 0
    stored = _from_planes(reader, count - steps, width)
    stored += np.uint64(base)
    if steps:
        stored = np.cumsum(np.concatenate((np.array([first], np.uint64), stored)), dtype=np.uint64)
    return stored if flags & _UNSIGNED else stored.view(np.int64)


def _from_planes(reader: Reader, count: int, width: int) -> Array:
    planes = np.frombuffer(reader.take(width * count), np.uint8)
    if width == 1:
        return planes.astype(np.uint64)
    columns = np.zeros((count, 8), np.uint8)
    columns[:, :width] = planes.reshape(width, count).T
    return columns.view("<u8").reshape(-1).astype(np.uint64, copy=False)


def write_floats(values: Sequence[float]) -> list[bytes]:
    """Write at least one float, every bit of it."""
    array = np.fromiter(values, np.float64, len(values))
    for code, scale in enumerate(_SCALES, start=1):
        scaled = _scaled(array, scale)
        if scaled is not None:
            return [bytes((code,)), *write_integers(scaled)]
    return [b"\0", *write_integers(array.view(np.uint64))]


def _scaled(array: Array, scale: float) -> Array | None:
    """Return the floats times the scale, if dividing by it gives every bit of them back."""
    with np.errstate(all="ignore"):
        whole = np.rint(array * scale)
        fits = np.abs(whole).max() < _EXACT_BELOW
    if fits and ((whole / scale).view(np.uint64) == array.view(np.uint64)).all():
        # A zero with a sign would pass as a float and lose the sign as a whole number.
        integers: Array = whole.astype(np.int64)
        return integers if not np.signbit(array[integers == 0]).any() else None
    return None


def read_floats(reader: Reader, count: int) -> Array:
    """Read what `write_floats` wrote, as an array of float64.

    Raises:
        CodecError: The bytes are damaged.
    """
    code = reader.byte()
    if code > len(_SCALES):
        raise CodecError(f"Stored floats have the unknown scale {code}")
    integers = read_integers(reader, count)
    return integers / _SCALES[code - 1] if code else integers.view(np.float64)
