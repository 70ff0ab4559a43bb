"""Many values of like shape as columns, read by place without reading the others.

The results of a job are alike: the same keys, the same kinds, mostly the same values. So what is
written of a list of values is not one after the other, but what they have in common once, and the
rest in columns. A column is a byte that tells its kind, and:

    0 constant  one value (see `values`), of a kind that cannot be changed
    1 bool      bits, eight a byte
    2 int       integers (see `integers`)
    3 float     floats (see `integers`)
    4 str       texts in one of four forms, see below
    5 list, 6 tuple
                lengths as integers, a column of all their items
    7 record    dicts with the same keys: varint number of keys; per key its text, and a column
                after its length
    8 map       dicts: lengths as integers, a column of all keys, a column of all values
    9 other     lengths as integers, values one after the other (see `values`)
    10 mixed    number of kinds, a byte; a byte a value that tells which; per kind a column

How many values a column has is not written in it: what holds it knows.

Any span of values is read back, or one field of one value: of a record of sixty fields only those
are unpacked that are asked for.

The first byte of many texts tells their form:

    0 plain     lengths as integers (see `integers`), UTF-8 of all
    1 hex       integers: texts as ``hex()`` writes them
    2 wide hex  varint width w, then w planes of one byte a text, lowest first: longer numbers
    3 counted   a prefix as text, integers: the prefix and a decimal number

A form is taken only when it gives back every text to the letter: ``0X1F`` and ``0x01f`` are plain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from itertools import chain, pairwise, repeat
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qiskit_job_manager.codec.arrays import from_planes
from qiskit_job_manager.codec.integers import (
    MOST_WITHOUT_ROOM,
    as_integers,
    read_floats,
    read_integers,
    write_floats,
    write_integers,
)
from qiskit_job_manager.codec.values import decode_value, encode_value, read_value
from qiskit_job_manager.codec.varint import decode_text, write_text, write_varint
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit_job_manager.codec.varint import Reader

    Array = np.ndarray[Any, np.dtype[Any]]
    Segments = list[bytes]
    Ids = frozenset[int]


CONSTANT, BOOL, INT, FLOAT, STR, LIST, TUPLE, RECORD, MAP, OTHER, MIXED = range(11)

_DEEPEST = 12
_DEEPEST_READ = 48  # as each level of values may take several of columns
_MOST_SHAPES = 8
_MOST_KINDS = 255
# Tags of the values that all who read them may share.
CANNOT_CHANGE = frozenset({*range(9), 15, 16, 17, 19})
# A plane shorter than this gains less from a table of its own than the table costs.
_SMALL_BYTES = 512


def write_column(values: Sequence[Any]) -> Segments:
    """Write values as a column, cut into segments where one plane ends and another begins."""
    return _merge_small(_write(values, frozenset(), 0))


def write_one_by_one(values: Sequence[Any]) -> Segments:
    """Write values as a column that relies on nothing that they have in common."""
    return _write_other(values)


def _merge_small(segments: Segments) -> Segments:
    merged, small = [], bytearray()
    for segment in segments:
        if len(segment) < _SMALL_BYTES:
            small += segment
            continue
        if small:
            merged.append(bytes(small))
            small.clear()
        merged.append(segment)
    return [*merged, bytes(small)] if small else merged


def _write(values: Sequence[Any], parents: Ids, depth: int) -> Segments:
    """Write a column.

    Args:
        values: The values.
        parents: Ids of the containers that they are in, so that none is followed into itself.
        depth: How many containers they are in.
    """
    kinds = list(map(type, values))
    if not values:
        return _write_constant(None)
    distinct = set(kinds)
    if len(distinct) > 1:
        return _write_mixed(values, kinds, lambda column: _write(column, parents, depth))
    [kind] = distinct
    if kind in _LEAVES:
        return _LEAVES[kind](values)
    if kind not in _CONTAINERS or depth >= _DEEPEST or not parents.isdisjoint(map(id, values)):
        return _write_other(values)
    return _CONTAINERS[kind](values, parents.union(map(id, values)), depth + 1)


def _write_constant(value: Any) -> Segments:
    return [bytes((CONSTANT,)) + encode_value(value)]


def _is_constant(values: Sequence[Any]) -> bool:
    return len(values) <= MOST_WITHOUT_ROOM and values.count(values[0]) == len(values)


def _write_none(values: Sequence[Any]) -> Segments:
    return _write_constant(None) if len(values) <= MOST_WITHOUT_ROOM else _write_other(values)


def _write_bool(values: Sequence[bool]) -> Segments:
    if _is_constant(values):
        return _write_constant(values[0])
    return [bytes((BOOL,)), np.packbits(np.fromiter(values, bool, len(values))).tobytes()]


def _write_int(values: Sequence[int]) -> Segments:
    integers = as_integers(values)
    return _write_other(values) if integers is None else [bytes((INT,)), *write_integers(integers)]


def _write_float(values: Sequence[float]) -> Segments:
    return [bytes((FLOAT,)), *write_floats(values)]


def _write_str(values: Sequence[str]) -> Segments:
    if _is_constant(values):
        return _write_constant(values[0])
    return [bytes((STR,)), *write_texts(values)]


def _write_other(values: Sequence[Any]) -> Segments:
    # Mostly these are constants of an enumeration, the same object over and over.
    known = {id(value): value for value in values}
    codes = {identity: encode_value(value) for identity, value in known.items()}
    encoded = [codes[id(value)] for value in values]
    first = encoded[0]
    if first[0] in CANNOT_CHANGE and _is_constant(encoded):
        return [bytes((CONSTANT,)) + first]
    return [bytes((OTHER,)), *write_pieces(encoded)]


def _lengths(values: Sequence[Any]) -> Segments:
    return write_integers(np.fromiter(map(len, values), np.int64, len(values)))


def _write_list(values: Sequence[Any], parents: Ids, depth: int) -> Segments:
    tag = LIST if type(values[0]) is list else TUPLE
    items = list(chain.from_iterable(values))
    return [bytes((tag,)), *_lengths(values), *_write(items, parents, depth)]


def _write_dict(values: Sequence[dict[Any, Any]], parents: Ids, depth: int) -> Segments:
    shapes = list(map(tuple, values))
    distinct = set(shapes) if _are_names(shapes[0]) else set()
    if () in distinct and len(values) > MOST_WITHOUT_ROOM:
        return _write_map(values, parents, depth)
    if len(distinct) == 1:
        return _write_record(values, parents, depth)
    if 1 < len(distinct) <= _MOST_SHAPES and all(map(_are_names, distinct)):
        return _write_mixed(values, shapes, lambda column: _write_record(column, parents, depth))
    return _write_map(values, parents, depth)


def _are_names(keys: tuple[Any, ...]) -> bool:
    """Tell keys that name fields from keys that are data, such as outcomes."""
    return all(type(key) is str and key.isidentifier() for key in keys)


def _write_record(values: Sequence[dict[Any, Any]], parents: Ids, depth: int) -> Segments:
    keys = tuple(values[0])
    head = bytearray((RECORD,))
    write_varint(head, len(keys))
    segments = [bytes(head)]
    for key in keys:
        column = _write([value[key] for value in values], parents, depth)
        start = bytearray()
        write_text(start, key)
        write_varint(start, sum(map(len, column)))
        segments += [bytes(start), *column]
    return segments


def _write_map(values: Sequence[dict[Any, Any]], parents: Ids, depth: int) -> Segments:
    keys = list(chain.from_iterable(values))
    items = list(chain.from_iterable(value.values() for value in values))
    return [
        bytes((MAP,)),
        *_lengths(values),
        *_write(keys, parents, depth),
        *_write(items, parents, depth),
    ]


def _write_mixed(
    values: Sequence[Any], kinds: Sequence[Any], write_one: Callable[[list[Any]], Segments]
) -> Segments:
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    if len(numbers) > _MOST_KINDS:
        return _write_other(values)
    sorted_out: list[list[Any]] = [[] for _ in numbers]
    which = bytes([numbers[kind] for kind in kinds])
    for number, value in zip(which, values, strict=True):
        sorted_out[number].append(value)
    head = bytes((MIXED, len(numbers)))
    return [head, which, *chain.from_iterable(map(write_one, sorted_out))]


_LEAVES: dict[type, Callable[[Sequence[Any]], Segments]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    str: _write_str,
}
_CONTAINERS: dict[type, Callable[[Sequence[Any], Ids, int], Segments]] = {
    list: _write_list,
    tuple: _write_list,
    dict: _write_dict,
}


# -- reading -----------------------------------------------------------------------------------


class Column(Protocol):
    """Values by place; each call makes new ones of all that can be changed."""

    def span(self, start: int, stop: int) -> list[Any]:
        """Return the values from ``start`` to before ``stop``."""

    def field(self, place: int, path: tuple[str, ...]) -> Any:
        """Return what is at a path of keys inside one value, or ``None`` if it has no such."""


def read_column(reader: Reader, count: int, depth: int = 0) -> Column:
    """Read a column of so many values.

    Raises:
        CodecError: The bytes are damaged.
    """
    tag = reader.byte()
    if depth <= _DEEPEST_READ and count <= reader.most_values(MOST_WITHOUT_ROOM):
        if tag in _LEAF_READERS:
            return _LEAF_READERS[tag](reader, count)
        if tag in _NESTED_READERS:
            return _NESTED_READERS[tag](reader, count, depth + 1)
    raise CodecError(f"Stored bytes have an impossible column of {count} values, kind {tag}")


def _inside(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


class _Spanned(ABC):
    """What holds for columns that find a field by way of the whole value."""

    @abstractmethod
    def span(self, start: int, stop: int) -> list[Any]:
        """Return the values from ``start`` to before ``stop``."""

    def field(self, place: int, path: tuple[str, ...]) -> Any:
        return _inside(self.span(place, place + 1)[0], path)


class _Constant(_Spanned):
    def __init__(self, reader: Reader, count: int) -> None:
        if count > MOST_WITHOUT_ROOM or reader.peek() not in CANNOT_CHANGE:
            raise CodecError(f"Stored bytes have an impossible constant at {reader.position}")
        self._value = read_value(reader)

    def span(self, start: int, stop: int) -> list[Any]:
        return [self._value] * (stop - start)

    def field(self, place: int, path: tuple[str, ...]) -> Any:  # noqa: ARG002
        return _inside(self._value, path)


class _Leaves(_Spanned):
    """Numbers or texts, by a function from start and stop."""

    def __init__(self, values_at: Callable[[int, int], list[Any]]) -> None:
        self._values_at = values_at

    def span(self, start: int, stop: int) -> list[Any]:
        return self._values_at(start, stop)


def _array_column(array: Array) -> Column:
    return _Leaves(lambda start, stop: array[start:stop].tolist())


def _read_bools(reader: Reader, count: int) -> Column:
    bits = np.frombuffer(reader.take((count + 7) // 8), np.uint8)
    return _array_column(np.unpackbits(bits, count=count).astype(bool))


def _read_other(reader: Reader, count: int) -> Column:
    pieces_at = read_pieces(reader, count)
    return _Leaves(lambda start, stop: list(map(decode_value, pieces_at(start, stop))))


class _Lists(_Spanned):
    def __init__(self, kind: type, reader: Reader, count: int, depth: int) -> None:
        self._kind = kind
        self._ends = read_ends(reader, count)
        self._items = read_column(reader, int(self._ends[-1]), depth)

    def span(self, start: int, stop: int) -> list[Any]:
        cuts = self._ends[start : stop + 1].tolist()
        items = self._items.span(cuts[0], cuts[-1])
        first = cuts[0]
        return [self._kind(items[a - first : b - first]) for a, b in pairwise(cuts)]


class _Maps(_Spanned):
    def __init__(self, reader: Reader, count: int, depth: int) -> None:
        self._ends = read_ends(reader, count)
        self._keys = read_column(reader, int(self._ends[-1]), depth)
        self._items = read_column(reader, int(self._ends[-1]), depth)

    def span(self, start: int, stop: int) -> list[Any]:
        cuts = self._ends[start : stop + 1].tolist()
        return [self._dict(a, b) for a, b in pairwise(cuts)]

    def _dict(self, start: int, stop: int) -> dict[Any, Any]:
        pairs = zip(self._keys.span(start, stop), self._items.span(start, stop), strict=True)
        try:
            return dict(pairs)
        except TypeError as error:
            raise CodecError(f"A stored dict has a key that cannot be one: {error}") from None


class _Records:
    def __init__(self, reader: Reader, count: int, depth: int) -> None:
        self._count = count
        self._depth = depth
        self._unread: dict[str, Reader] = {}
        self._columns: dict[str, Column] = {}
        for _ in range(reader.varint()):
            key = reader.text()
            self._unread[key] = reader.part()

    def span(self, start: int, stop: int) -> list[Any]:
        keys = list(self._unread)
        if not keys:
            return [{} for _ in range(start, stop)]
        spans = [self._column(key).span(start, stop) for key in keys]
        return [dict(zip(keys, values, strict=True)) for values in zip(*spans, strict=True)]

    def field(self, place: int, path: tuple[str, ...]) -> Any:
        if not path:
            return self.span(place, place + 1)[0]
        return self._column(path[0]).field(place, path[1:]) if path[0] in self._unread else None

    def _column(self, key: str) -> Column:
        column = self._columns.get(key)
        if column is None:
            reader = self._unread[key].again()
            column = read_column(reader, self._count, self._depth)
            reader.finish()
            self._columns[key] = column
        return column


class _Mixed:
    def __init__(self, reader: Reader, count: int, depth: int) -> None:
        n_kinds = reader.byte()
        self._which = np.frombuffer(reader.take(count), np.uint8)
        if count and int(self._which.max()) >= n_kinds:
            raise CodecError("Stored bytes have a mixed column that names a kind it does not have")
        # As plain numbers: to look one up in an array takes NumPy ten times as long.
        self._places = [np.flatnonzero(self._which == n).data for n in range(n_kinds)]
        self._columns = [read_column(reader, len(each), depth) for each in self._places]

    def span(self, start: int, stop: int) -> list[Any]:
        spans = [
            iter(column.span(bisect_left(places, start), bisect_left(places, stop)))
            for places, column in zip(self._places, self._columns, strict=True)
        ]
        return [next(spans[number]) for number in self._which[start:stop].tolist()]

    def field(self, place: int, path: tuple[str, ...]) -> Any:
        number = int(self._which[place])
        inner = bisect_left(self._places[number], place)
        return self._columns[number].field(inner, path)


_LEAF_READERS: dict[int, Callable[[Reader, int], Column]] = {
    CONSTANT: _Constant,
    BOOL: _read_bools,
    INT: lambda reader, count: _array_column(read_integers(reader, count)),
    FLOAT: lambda reader, count: _array_column(read_floats(reader, count)),
    STR: lambda reader, count: _Leaves(read_texts(reader, count)),
    OTHER: _read_other,
}
_NESTED_READERS: dict[int, Callable[[Reader, int, int], Column]] = {
    LIST: lambda reader, count, depth: _Lists(list, reader, count, depth),
    TUPLE: lambda reader, count, depth: _Lists(tuple, reader, count, depth),
    RECORD: _Records,
    MAP: _Maps,
    MIXED: _Mixed,
}


# -- texts ----------------------------------------------------------------------------------------

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
