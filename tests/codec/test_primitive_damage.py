"""Damaged results of primitives are refused or read, and nothing else happens."""

from __future__ import annotations

import base64
import io
import json
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from qiskit.primitives import (
    BitArray,
    DataBin,
    PrimitiveResult,
    PubResult,
    SamplerPubResult,
)

from qiskit_job_manager.codec import ibm_json
from qiskit_job_manager.codec.containers import Container, PackedBlock, pack
from qiskit_job_manager.codec.ibm_json import encode_runtime_text
from qiskit_job_manager.codec.primitive_results import encode_primitive_result
from qiskit_job_manager.codec.results import PRIMITIVE_FORMAT, open_result
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob

client = pytest.importorskip("qiskit_ibm_runtime")

# A failing case is short as it is, and shrinking takes minutes.
quick = settings(
    deadline=None,
    max_examples=300,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)


def _result():
    draw = np.random.default_rng(2)
    bits = {
        "low": BitArray.from_bool_array(draw.random((2, 9, 3)) < 0.5),
        "wide": BitArray.from_bool_array(draw.random((2, 9, 11)) < 0.5),
    }
    values = {"evs": draw.normal(size=3), "stds": np.ones(3, np.float32), "note": "x", "n": None}
    metadata = {"shots": 9, "circuit_metadata": {"a": [1, 2.5, "b", None]}}
    pubs = [
        SamplerPubResult(DataBin(**bits, shape=(2,)), metadata),
        PubResult(DataBin(**values), {"target_precision": 0.1}),
    ]
    return PrimitiveResult(pubs, {"version": 2})


RESULT = _result()
STORED = Container(encode_primitive_result(RESULT).data)
BLOCK = STORED.block(0)[1]
TEXT = json.dumps(RESULT, cls=client.RuntimeEncoder).encode()


def _read_all(blob):
    reader = open_result(blob)
    reader.metadata()
    for offset in range(reader.n_experiments):
        reader.pub_result(offset)
        reader.experiment(offset)
        reader.counts(offset)


def _is_read_or_refused(blob):
    try:
        _read_all(blob)
    except CodecError:
        return False
    return True


def _stored(block, head=STORED.head):
    """What a container holds, with checksums that are right: what damaged it knew them."""
    return Blob(PRIMITIVE_FORMAT, pack(head, [PackedBlock(2, [bytes(block)])]))


def _damaged(text, changes):
    damaged = bytearray(text)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    return bytes(damaged)


changing = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)


def test_what_is_not_damaged_is_read():
    assert _is_read_or_refused(_stored(BLOCK))
    assert _is_read_or_refused(encode_runtime_text(TEXT))


# NumPy warns of names for types that only damage brings up.
@pytest.mark.filterwarnings("ignore:Data type alias:DeprecationWarning")
@quick
@given(changing)
def test_changed_bytes_of_a_stored_result(changes):
    _is_read_or_refused(_stored(_damaged(BLOCK, changes)))


@quick
@given(st.binary(max_size=80))
def test_random_bytes_for_a_stored_result(block):
    _is_read_or_refused(_stored(block))
    _is_read_or_refused(_stored(BLOCK, head=block))


def test_every_cut_of_a_stored_result_is_refused():
    for length in range(len(BLOCK)):
        assert not _is_read_or_refused(_stored(BLOCK[:length]))


@quick
@given(changing)
def test_changed_bytes_of_the_services_text(changes):
    _is_read_or_refused(encode_runtime_text(_damaged(TEXT, changes)))


def _tree_of(value):
    pub = {"__type__": "PubResult", "__value__": {"data": value, "metadata": {}}}
    return {"__type__": "PrimitiveResult", "__value__": {"pub_results": [pub], "metadata": {}}}


def _data(fields, shape=()):
    return {"__type__": "DataBin", "__value__": {"fields": fields, "shape": list(shape)}}


def _array(data):
    packed = base64.standard_b64encode(zlib.compress(data)).decode()
    return {"__type__": "ndarray", "__value__": packed}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
typed = st.builds(
    lambda kind, value: {"__type__": kind, "__value__": value},
    st.sampled_from([*ibm_json._BUILDERS, "other"]),
    plain
    | st.fixed_dictionaries({"array": plain, "num_bits": plain})
    | st.fixed_dictionaries({"fields": plain, "shape": plain})
    | st.fixed_dictionaries({"data": plain, "metadata": plain}),
)


@quick
@given(typed | plain)
def test_odd_values_of_known_types(value):
    text = json.dumps(_tree_of(_data({"evs": value})))
    _is_read_or_refused(encode_runtime_text(text))
    _is_read_or_refused(encode_runtime_text(json.dumps(_tree_of(value))))


HEADER = io.BytesIO()
np.lib.format.write_array(HEADER, np.arange(6.0).reshape(2, 3))
NPY = HEADER.getvalue()


@quick
@given(changing)
def test_changed_bytes_of_an_array_inside(changes):
    tree = _tree_of(_data({"evs": _array(_damaged(NPY, changes))}))
    _is_read_or_refused(encode_runtime_text(json.dumps(tree)))


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"__type__":"set","__value__":['])
@pytest.mark.parametrize("depth", [300, 900, 10**5])
@pytest.mark.parametrize("where", ["whole", "metadata", "field"])
def test_what_is_nested_beyond_measure_is_refused(opening, depth, where):
    closing = "".join({"[": "]", "{": "}"}[each] for each in reversed(opening) if each in "[{")
    nest = opening * depth + "1" + closing * depth
    if where == "whole":
        text = nest
    else:
        tree = _tree_of(_data({"evs": "HERE" if where == "field" else 1}))
        tree["__value__"]["metadata"] = "HERE" if where == "metadata" else {}
        text = json.dumps(tree).replace('"HERE"', nest)
    read = _is_read_or_refused(encode_runtime_text(text))
    assert not read or depth < 10**5


def test_a_bomb_is_stopped_before_it_is_inflated(monkeypatch):
    monkeypatch.setattr(ibm_json, "_LARGEST_ARRAY_BYTES", 10**6)
    for size in (900_000, 1_100_000):
        file = io.BytesIO()
        np.lib.format.write_array(file, np.zeros(size, np.uint8))
        text = json.dumps(_tree_of(_data({"evs": _array(file.getvalue())})))
        reader = open_result(encode_runtime_text(text))
        if size < 10**6:
            assert reader.pub_result(0).data.evs.nbytes == size
        else:
            with pytest.raises(CodecError, match="more than 1,000,000 bytes"):
                reader.pub_result(0)


def test_an_array_that_claims_more_than_it_has_is_refused():
    header = NPY.replace(b"(2, 3)", b"(2, 3**40)"[:6])  # the length of the header stays
    claim = NPY.replace(b"'shape': (2, 3), }  ", b"'shape': (2, 300000),}"[:20])
    for data in (header, claim, NPY[:-1]):
        text = json.dumps(_tree_of(_data({"evs": _array(data)})))
        assert not _is_read_or_refused(encode_runtime_text(text))


def test_arrays_of_objects_are_not_unpickled():
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([{"a": 1}], object), allow_pickle=True)
    text = json.dumps(_tree_of(_data({"evs": _array(file.getvalue())})))
    with pytest.raises(CodecError, match="damaged"):
        open_result(encode_runtime_text(text)).pub_result(0)
