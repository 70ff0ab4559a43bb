"""Many values of like shape as columns, read by place without reading the others.

The results of a job are alike: the same keys, the same kinds, mostly the same values. So what is
written of a list of values is not one after the other, but what they have in common once, and the
rest in columns. A column is a byte that tells its kind, and:

    0 constant  one value (see `values`), of a kind that cannot be changed
    1 bool      bits, eight a byte
    2 int       whole numbers as figures (see `figures`)
    3 float     floats (see `figures`)
    4 str       texts (see `texts`)
    5 list, 6 tuple
                lengths as figures, a column of all their items
    7 record    dicts with the same keys: varint number of keys; per key its text, and a column
                after its length
    8 map       dicts: lengths as figures, a column of all keys, a column of all values
    9 other     lengths as figures, values one after the other (see `values`)
    10 mixed    number of kinds, a byte; a byte a value that tells which; per kind a column

How many values a column has is not written in it: whoever holds it knows.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.figures import (
    MOST_WITHOUT_ROOM,
    as_figures,
    write_figures,
    write_floats,
)
from qiskit_job_manager.codec.texts import write_pieces, write_texts
from qiskit_job_manager.codec.values import encode_value
from qiskit_job_manager.codec.wire import write_text, write_varint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Segments = list[bytes]
    Ids = frozenset[int]

CONSTANT, BOOL, INT, FLOAT, STR, LIST, TUPLE, RECORD, MAP, OTHER, MIXED = range(11)

_DEEPEST = 12
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
    figures = as_figures(values)
    return _write_other(values) if figures is None else [bytes((INT,)), *write_figures(figures)]


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
    return write_figures(np.fromiter(map(len, values), np.int64, len(values)))


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
