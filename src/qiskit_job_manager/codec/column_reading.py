"""The columns of `columns`, read back: any span of values, or one field of one value.

Records are the reason that this is quick: of a record of sixty fields only those are unpacked that
are asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qiskit_job_manager.codec.columns import (
    BOOL,
    CANNOT_CHANGE,
    CONSTANT,
    FLOAT,
    INT,
    LIST,
    MAP,
    MIXED,
    OTHER,
    RECORD,
    STR,
    TUPLE,
)
from qiskit_job_manager.codec.figures import MOST_WITHOUT_ROOM, read_figures, read_floats
from qiskit_job_manager.codec.texts import read_ends, read_pieces, read_texts
from qiskit_job_manager.codec.values import decode_value, read_value
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.codec.wire import Reader

    Array = np.ndarray[Any, np.dtype[Any]]

_DEEPEST = 48


class Column(Protocol):
    """Values by place; all that can be changed is made anew for every call."""

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
    if depth <= _DEEPEST and count <= reader.most_values(MOST_WITHOUT_ROOM):
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
    INT: lambda reader, count: _array_column(read_figures(reader, count)),
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
