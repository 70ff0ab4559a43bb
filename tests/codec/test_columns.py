from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qiskit.result.models import MeasLevel

from qiskit_job_manager.codec import columns
from qiskit_job_manager.codec.columns import read_column, write_column, write_one_by_one
from qiskit_job_manager.codec.integers import MOST_WITHOUT_ROOM
from qiskit_job_manager.codec.values import Opaque
from qiskit_job_manager.codec.varint import Reader
from qiskit_job_manager.errors import CodecError


def _text(values):
    return b"".join(write_column(values))


def _read(text, count):
    reader = Reader(text)
    column = read_column(reader, count)
    reader.finish()
    return column


def _back(values):
    return _read(_text(values), len(values)).span(0, len(values))


def _kind(values):
    return _text(values)[0]


hexes = st.integers(0, 2**130).map(hex)
times = st.integers(0, 10**12).map(lambda nanoseconds: nanoseconds / 1e9)
odd_texts = st.sampled_from(["", "0x", "0x01", "0X1", "0x1_0", " 0x1", "-0x1", "a٣", "a1", "a01"])
leaves = [
    st.none(),
    st.booleans(),
    st.integers(-5, 300),
    st.integers(-(2**63), 2**64),
    st.integers(),
    st.floats(),
    times,
    st.text(),
    hexes,
    odd_texts,
    st.integers(0, 500).map("circuit-{}".format),
    st.just(MeasLevel.CLASSIFIED),
    st.complex_numbers(),
    hnp.arrays(np.float64, 2),
]
shapes = st.recursive(
    st.sampled_from(leaves)
    | st.lists(st.sampled_from(leaves), min_size=2, max_size=3).map(st.one_of),
    lambda inner: (
        inner.map(lambda of: st.lists(of, max_size=4))
        | inner.map(lambda of: st.lists(of, max_size=3).map(tuple))
        | inner.map(lambda of: st.dictionaries(hexes | st.integers(), of, max_size=3))
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3).map(
            st.fixed_dictionaries
        )
        | st.lists(inner, min_size=2, max_size=2).map(st.one_of)
    ),
    max_leaves=5,
)
columns_of_like_shape = shapes.flatmap(lambda shape: st.lists(shape, min_size=1, max_size=12))


@settings(max_examples=250, deadline=None)
@given(columns_of_like_shape, st.data())
def test_any_span_of_values_comes_back(same, values, data):
    start = data.draw(st.integers(0, len(values)))
    stop = data.draw(st.integers(start, len(values)))
    column = _read(_text(values), len(values))
    assert same(column.span(start, stop), values[start:stop])


@settings(max_examples=60, deadline=None)
@given(columns_of_like_shape)
def test_what_relies_on_nothing_comes_back_too(same, values):
    text = b"".join(write_one_by_one(values))
    assert same(_read(text, len(values)).span(0, len(values)), values)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
    | st.lists(st.integers(2**63, 2**64 - 1), min_size=1)
)
@example([-(2**63), 2**63 - 1, 0])
@example([2**64 - 1, 2**63, 2**64 - 1])
@example([-1, 2**63])
def test_whole_numbers_of_64_bits_come_back(values):
    assert _back(values) == values


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats() | times, min_size=1))
@example([0.0, -0.0])
@example([math.nan, math.inf, -math.inf])
@example([1e308, 5e-324])
@example([-0.0, 1e-9])
def test_every_bit_of_a_float_comes_back(same, values):
    assert same(_back(values), values)


@settings(max_examples=150, deadline=None)
@given(st.lists(hexes | odd_texts, min_size=1) | st.lists(hexes, min_size=1))
@example(["0x0"])
@example(["0x" + "f" * 400, "0x1"])
@example(["rb_1", "rb_10", "rb_2"])
@example(["1", "22"])
@example(["rb_1", "rb_01"])
@example(["a" + "9" * 30])
def test_every_spelling_comes_back_to_the_letter(values):
    assert _back(values) == values


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None, None], columns.CONSTANT),
        (["same", "same"], columns.CONSTANT),
        ([MeasLevel.RAW] * 3, columns.CONSTANT),
        ([True, False], columns.BOOL),
        ([1, 2], columns.INT),
        ([1, 2**70], columns.OTHER),
        ([1.0], columns.FLOAT),
        ([[1], []], columns.LIST),
        ([{"a": 1}, {"a": 2}], columns.RECORD),
        ([{"a": 1}, {"b": 2}], columns.MIXED),
        ([{"0x1": 1}], columns.MAP),
        ([1, True], columns.MIXED),
    ],
)
def test_values_take_the_column_that_fits_them(values, kind):
    assert _kind(values) == kind


def test_seeds_that_grow_by_one_step_cost_nothing_each():
    assert len(_text([2113 * i for i in range(1000)])) == len(_text([2113 * i for i in range(10)]))


def test_what_comes_back_is_fresh():
    values = [{"a": [1], "0x0": {}}, {"a": [2], "0x0": {}}]
    column = _read(_text(values), 2)
    column.span(0, 1)[0]["a"].append(5)
    assert column.span(0, 1) == values[:1]


def test_a_field_is_found_by_its_path():
    values = [{"data": {"counts": {"0x1": 3}}}, {"data": {}}, {"other": 1}, None]
    column = _read(_text(values), 4)
    path = ("data", "counts")
    assert [column.field(place, path) for place in range(4)] == [{"0x1": 3}, None, None, None]


@pytest.mark.parametrize(
    "value", [None, True, 0, 0.5, "ab", "0x5", "n1", (), {}, [1], MeasLevel.RAW, {"k": 1}]
)
def test_more_equal_values_than_may_be_claimed_without_room_come_back(value):
    count = MOST_WITHOUT_ROOM + 1
    column = _read(_text([value] * count), count)
    assert column.span(count - 2, count) == [value] * 2


def test_a_list_in_itself_ends():
    value: list[object] = [1, 2]
    value += [value] * 20
    [back] = _back([value])
    assert back[:2] == [1, 2]
    assert isinstance(back[2], list)
    assert Opaque in map(type, back[2])


def test_a_dict_in_itself_ends():
    value: dict[str, object] = {"a": 1}
    value["inner"] = value
    assert _back([value, {"a": 2, "inner": {}}])[1] == {"a": 2, "inner": {}}


def test_more_kinds_than_a_byte_counts_come_back():
    kinds = [type(f"K{number}", (int,), {})(number) for number in range(300)]
    assert _back(kinds) == list(range(300))


@settings(max_examples=400, deadline=None)
@given(columns_of_like_shape, st.data())
def test_damaged_bytes_are_refused_or_read_never_worse(values, data):
    text = bytearray(_text(values))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        column = _read(bytes(text), len(values))
        for place in range(len(values)):
            column.span(place, place + 1)
            column.field(place, ("a", "b"))
    except CodecError:
        pass


def test_more_values_than_the_bytes_can_hold_are_refused():
    with pytest.raises(CodecError, match="impossible"):
        _read(_text([1, 2, 3]), 2**40)


def test_a_constant_that_could_be_changed_is_refused():
    with pytest.raises(CodecError, match="impossible"):
        _read(bytes((columns.CONSTANT,)) + b"\x09\x00", 2)


def test_figures_without_room_are_refused_beyond_their_number():
    text = bytes((columns.INT, 0, 0, 5)) + bytes(MOST_WITHOUT_ROOM)
    with pytest.raises(CodecError, match="do not make sense"):
        _read(text, MOST_WITHOUT_ROOM + 2)
