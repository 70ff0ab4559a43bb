from __future__ import annotations

import contextlib
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qiskit import quantum_info as qi
from qiskit.result import Counts, ProbDistribution, QuasiDistribution
from qiskit.result.models import MeasLevel, MeasReturnType
from qiskit_aer.backends import compatibility as aer

from qiskit_job_manager.codec.values import Opaque, decode_value, encode_value
from qiskit_job_manager.errors import CodecError

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
    | st.sampled_from([MeasLevel.RAW, MeasLevel.CLASSIFIED, MeasReturnType.AVERAGE, -0.0])
)
dtypes = (
    hnp.scalar_dtypes()
    | hnp.unicode_string_dtypes()
    | hnp.byte_string_dtypes()
    | hnp.array_dtypes()
)
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(values)
def test_values_come_back_with_their_types_and_order(same, value):
    assert same(decode_value(encode_value(value)), value)


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(hnp.scalar_dtypes(), 1))
def test_numpy_scalars_come_back_as_such(same, array):
    assert same(decode_value(encode_value(array[0])), array[0])


@pytest.mark.parametrize(
    "value",
    [
        {1, 2, 3},
        frozenset({"a", ()}),
        datetime(2026, 11, 21, 9, 30, 1, 5, tzinfo=UTC),
        datetime(2026, 11, 21, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        date(1999, 12, 31),
        UUID(int=7),
        Decimal("1.10"),
        Fraction(-3, 7),
        2**64,
        -(2**63) - 1,
        np.array([("a", 1.5)], dtype=[("name", "U3"), ("x", "<f8")]),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
    ],
)
def test_rarer_kinds_come_back(value):
    back = decode_value(encode_value(value))
    assert type(back) is type(value)
    assert np.array_equal(back, value)


def _objects():
    rng_state = qi.random_statevector((2, 3), seed=1)
    unitary = qi.random_unitary(4, seed=2)
    clifford = qi.random_clifford(3, seed=3)
    density = qi.random_density_matrix((2, 2), seed=4)
    return [
        rng_state,
        unitary,
        qi.Operator(np.eye(6), input_dims=(2, 3), output_dims=(6,)),
        density,
        qi.SuperOp(unitary),
        clifford,
        qi.StabilizerState(clifford),
        aer.Statevector(rng_state),
        aer.Operator(unitary),
        aer.DensityMatrix(density),
        aer.SuperOp(qi.SuperOp(unitary)),
        aer.StabilizerState(clifford),
        ProbDistribution({"0011": 0.25, "0100": 0.75}, shots=8),
        QuasiDistribution({"0x3": -0.25, "0x0": 1.25}, shots=8, stddev_upper_bound=0.1),
        Counts({"0x3": 4, "0x0": 1}, time_taken=0.5, creg_sizes=[["c", 4]], memory_slots=4),
    ]


@pytest.mark.parametrize("value", _objects(), ids=lambda each: type(each).__qualname__)
def test_objects_of_qiskit_come_back_as_the_same_class(value):
    back = decode_value(encode_value(value))
    assert type(back) is type(value)
    assert back == value
    if hasattr(value, "data"):
        assert np.asarray(back.data).tobytes() == np.asarray(value.data).tobytes()
    if hasattr(value, "dims"):
        assert back.dims() == value.dims()
    if isinstance(value, dict):
        assert list(back.items()) == list(value.items())
        assert vars(back) == vars(value)


def test_aers_classes_come_back_as_qiskits_without_aer(monkeypatch):
    data = encode_value(aer.Statevector([1, 0]))
    monkeypatch.setitem(__import__("sys").modules, "qiskit_aer.backends.compatibility", None)
    assert type(decode_value(data)) is qi.Statevector


class _Level(IntEnum):
    LOW = 1


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (_Level.LOW, 1),
        (bytearray(b"ab"), b"ab"),
    ],
)
def test_a_subclass_comes_back_as_its_base(same, value, base):
    assert same(decode_value(encode_value(value)), base)


def test_what_cannot_be_stored_comes_back_opaque():
    value = {"good": 1, "bad": object, "array": np.array([object()])}
    back = decode_value(encode_value(value))
    assert back["good"] == 1
    assert back["bad"] == Opaque("builtins.type", repr(object))
    assert back["array"].type_name == "numpy.ndarray"
    assert decode_value(encode_value(back)) == back


def test_an_object_whose_repr_raises_does_not_lose_its_neighbours():
    back = decode_value(encode_value([1, _Broken(), 2]))
    assert (back[0], back[2]) == (1, 2)
    assert "RuntimeError" in back[1].repr


def test_a_list_in_itself_ends():
    value: list[object] = [1]
    value.append(value)
    assert decode_value(encode_value(value)) == [1, Opaque("builtins.list", repr(value))]


def test_depth_beyond_all_reason_ends():
    value: object = 1
    for _ in range(500):
        value = [value]
    assert type(decode_value(encode_value(value))) is list


@settings(max_examples=300, deadline=None)
@given(values, st.data())
def test_damaged_bytes_are_refused_or_read_never_worse(value, data):
    damaged = bytearray(encode_value(value))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(damaged)))
    with contextlib.suppress(CodecError):
        decode_value(bytes(damaged[:end]))


@pytest.mark.parametrize(
    "data",
    [
        b"\xfe",
        b"\x09\xff\xff\xff\xff\x0f",
        b"\x10\x09\x03\x00",
        b"\x12\x63\x00",
        b"\x12\x0b\x0a\x02\x09\x00\x0d\x01\x07\x01a\x00",
        b"\x11\x00\x03abc",
        b"\x11\x09\x00",
        b"\x0d\x01\x09\x00\x00",
        encode_value(np.zeros(3))[:-4],
        b"\x0e\x07\x03|O8\x01\x01\x08" + bytes(8),
    ],
)
def test_impossible_values_are_refused(data):
    with pytest.raises(CodecError):
        decode_value(data)


@pytest.mark.parametrize(
    "text", ["08f8", "a5", "f8,i4", "float64", "(2,)f8", "<f8 ", "O", "|O8", ""]
)
def test_the_name_of_a_type_that_is_never_written_is_refused(text):
    encoded = encode_value(np.zeros(1))
    assert b"<f8" in encoded
    damaged = encoded.replace(b"\x03<f8", bytes((len(text),)) + text.encode())
    assert damaged != encoded
    with pytest.raises(CodecError, match="never written"):
        decode_value(damaged)
