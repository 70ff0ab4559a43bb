"""Many texts as one of four forms.

The first byte tells the form:

    0 plain     lengths as integers (see `integers`), UTF-8 of all
    1 hex       integers: texts as ``hex()`` writes them
    2 wide hex  varint width w, then w planes of one byte a text, lowest first: longer numbers
    3 counted   a prefix as text, integers: the prefix and a decimal number

A form is taken only when it gives back every text to the letter: ``0X1F`` and ``0x01f`` are plain.
"""

from __future__ import annotations

from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.arrays import from_planes
from qiskit_job_manager.codec.integers import as_integers, read_integers, write_integers
from qiskit_job_manager.codec.varint import decode_text, write_text, write_varint
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit_job_manager.codec.varint import Reader

_DIGITS = "0123456789"
_LONGEST_DECIMAL = 18


def write_texts(texts: Sequence[str]) -> list[bytes]:
    """Write at least one text."""
    return _write_hex(texts) or _write_counted(texts) or _write_plain(texts)


def _write_plain(texts: Sequence[str]) -> list[bytes]:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return [b"\0", *write_pieces(encoded)]


def write_pieces(pieces: Sequence[bytes]) -> list[bytes]:
    """Write at least one piece of bytes of any length."""
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    return [*write_integers(lengths), b"".join(pieces)]


def _write_hex(texts: Sequence[str]) -> list[bytes] | None:
    if not texts[0].startswith("0x"):
        return None
    try:
        numbers = list(map(int, texts, repeat(16)))
    except ValueError:
        return None
    if list(map(hex, numbers)) != list(texts):
        return None
    integers = as_integers(numbers)
    return [b"\1", *write_integers(integers)] if integers is not None else _write_wide(numbers)


def _write_wide(numbers: Sequence[int]) -> list[bytes] | None:
    width = (max(numbers).bit_length() + 7) // 8
    digits = sum(number.bit_length() for number in numbers)
    # One long number among short ones would make room for its length in all of them.
    if min(numbers) < 0 or width * len(numbers) > digits // 2 + 64:
        return None
    head = bytearray((2,))
    write_varint(head, width)
    data = b"".join(number.to_bytes(width, "little") for number in numbers)
    rows = np.frombuffer(data, np.uint8).reshape(-1, width)
    return [bytes(head), *(rows[:, place].tobytes() for place in range(width))]


def _write_counted(texts: Sequence[str]) -> list[bytes] | None:
    if texts[0][-1:] not in _DIGITS or not texts[0]:
        return None
    prefix = texts[0].rstrip(_DIGITS)
    if not all(text.startswith(prefix) for text in texts):
        return None
    tails = [text[len(prefix) :] for text in texts]
    if max(map(len, tails)) > _LONGEST_DECIMAL or not all(map(str.isdecimal, tails)):
        return None
    numbers = list(map(int, tails))
    if list(map(str, numbers)) != tails:
        return None
    head = bytearray((3,))
    write_text(head, prefix)
    return [bytes(head), *write_integers(np.array(numbers, np.int64))]


def read_texts(reader: Reader, count: int) -> Callable[[int, int], list[str]]:
    """Read what `write_texts` wrote, as a function from start and stop to texts.

    Raises:
        CodecError: The bytes are damaged.
    """
    form = reader.byte()
    if form == 0:
        pieces_at = read_pieces(reader, count)
        return lambda start, stop: list(map(decode_text, pieces_at(start, stop)))
    if form == 1:
        integers = read_integers(reader, count)
        return lambda start, stop: list(map(hex, integers[start:stop].tolist()))
    if form == 2:
        return _read_wide(reader, count)
    if form == 3:
        prefix, numbers = reader.text(), read_integers(reader, count)
        return lambda start, stop: [f"{prefix}{number}" for number in numbers[start:stop].tolist()]
    raise CodecError(f"Stored texts are of the unknown form {form}")


def _read_wide(reader: Reader, count: int) -> Callable[[int, int], list[str]]:
    width = reader.varint()
    if not width:
        raise CodecError("Stored long numbers have no width")
    rows = from_planes(reader.take(width * count), width)

    def texts_at(start: int, stop: int) -> list[str]:
        cuts = range(start * width, stop * width, width)
        return [hex(int.from_bytes(rows[cut : cut + width], "little")) for cut in cuts]

    return texts_at


def read_pieces(reader: Reader, count: int) -> Callable[[int, int], list[bytes]]:
    """Read what `write_pieces` wrote, as a function from start and stop to pieces.

    Raises:
        CodecError: The bytes are damaged.
    """
    ends = read_ends(reader, count)
    data = reader.take(int(ends[-1]))

    def pieces_at(start: int, stop: int) -> list[bytes]:
        cuts = ends[start : stop + 1].tolist()
        return [data[a:b] for a, b in pairwise(cuts)]

    return pieces_at


def read_ends(reader: Reader, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Read lengths, and return where the pieces begin and, last, where they all end.

    Raises:
        CodecError: The lengths make no sense.
    """
    lengths = read_integers(reader, count)
    most = reader.most_values(2**16) * 2**16
    if lengths.min() < 0 or lengths.sum(dtype=np.float64) > most:
        raise CodecError("The lengths of stored pieces do not make sense")
    ends = np.zeros(count + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends
