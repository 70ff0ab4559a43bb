"""Results of primitives to bytes and back, and IBM's own text of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Parameter, QuantumRegister
from qiskit.primitives import (
    BitArray,
    DataBin,
    PrimitiveResult,
    PubResult,
    SamplerPubResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.result import Result
from qiskit_aer import AerSimulator

from qiskit_job_manager.codec.ibm_json import encode_runtime_text
from qiskit_job_manager.codec.primitive_results import encode_primitive_result
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import CodecError

client = pytest.importorskip("qiskit_ibm_runtime")


def _as_text(result):
    return encode_runtime_text(json.dumps(result, cls=client.RuntimeEncoder))


FORMS = [encode_primitive_result, _as_text]


def _same_value(a, b):
    if isinstance(a, BitArray):
        return a == b and a.shape == b.shape and a.num_shots == b.num_shots
    return np.asarray(a).dtype == np.asarray(b).dtype and np.array_equal(a, b)


def _same_pub(a, b):
    return (
        type(a) is type(b)
        and a.data.shape == b.data.shape
        and list(a.data) == list(b.data)
        and all(_same_value(a.data[name], b.data[name]) for name in a.data)
        and a.metadata == b.metadata
    )


def _registers():
    quantum = QuantumRegister(11)
    circuit = QuantumCircuit(quantum, ClassicalRegister(2, "low"), ClassicalRegister(9, "high"))
    circuit.h(range(11))
    circuit.measure(range(11), range(11))
    return circuit


def _sweep():
    angle = Parameter("angle")
    circuit = QuantumCircuit(2, metadata={"set": "sweep"})
    circuit.ry(angle, 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return (circuit, np.linspace(0, np.pi, 6).reshape(2, 3, 1))


@pytest.fixture(scope="module")
def sampled():
    return StatevectorSampler(seed=5).run([_registers(), _sweep()], shots=300).result()


@pytest.fixture(scope="module")
def estimated():
    angle = Parameter("angle")
    circuit = QuantumCircuit(1)
    circuit.ry(angle, 0)
    pubs = [(circuit, "Z", 0.3), (circuit, [["Z"], ["X"]], np.linspace(0, 1, 4), 0.01)]
    return StatevectorEstimator(seed=5).run(pubs).result()


@pytest.mark.parametrize("encode", FORMS)
@pytest.mark.parametrize("which", ["sampled", "estimated"])
def test_results_of_primitives_come_back_equal(encode, which, request):
    result = request.getfixturevalue(which)
    reader = open_result(encode(result))
    back = reader.result()
    assert reader.n_experiments == len(result) == len(back)
    assert type(back) is PrimitiveResult
    assert back.metadata == result.metadata
    assert all(map(_same_pub, back, result))
    assert _same_pub(reader.pub_result(1), result[1])


def test_ibms_text_reads_as_its_own_decoder_reads_it(sampled, estimated):
    for result in (sampled, estimated):
        text = json.dumps(result, cls=client.RuntimeEncoder)
        wanted = json.loads(text, cls=client.RuntimeDecoder)
        back = open_result(encode_runtime_text(text)).result()
        assert all(map(_same_pub, back, wanted))
        assert back.metadata == wanted.metadata


@pytest.mark.parametrize("encode", FORMS)
def test_registers_read_as_backend_run_gives_them(encode):
    circuit = _registers()
    run = AerSimulator(max_parallel_threads=1, seed_simulator=3).run(
        circuit, shots=200, memory=True
    )
    wanted = run.result()
    memory = wanted.get_memory()
    # The same shots, as a sampler keeps them: a bit array for each register.
    high, low = zip(*(shot.split(" ") for shot in memory), strict=True)
    arrays = {"low": BitArray.from_samples(low, 2), "high": BitArray.from_samples(high, 9)}
    reader = open_result(encode(PrimitiveResult([SamplerPubResult(DataBin(**arrays))])))
    for found in (reader.experiment_result(0), reader.readout(0)):
        result = Result(results=[found], success=True)
        assert result.get_counts() == wanted.get_counts()
        assert result.data()["counts"] == wanted.data()["counts"]
    result = Result(results=[reader.experiment_result(0)], success=True)
    assert result.get_memory() == memory
    assert result.data()["memory"] == wanted.data()["memory"]
    assert reader.each("shots") == [200]


@pytest.mark.parametrize("bits", [1, 8, 9, 63, 64, 65, 130])
def test_outcomes_of_any_width_are_counted(bits):
    draw = np.random.default_rng(bits)
    array = BitArray.from_bool_array(draw.random((40, bits)) < 0.1)
    reader = open_result(encode_primitive_result([SamplerPubResult(DataBin(c=array))]))
    wanted = {hex(number): count for number, count in array.get_int_counts().items()}
    assert reader.counts(0) == wanted
    assert reader.experiment(0)["data"]["memory"] == [
        hex(int(bitstring, 2)) for bitstring in array.get_bitstrings()
    ]


def test_a_sweep_keeps_the_parameters_shape(sampled):
    reader = open_result(encode_primitive_result(sampled))
    data = reader.experiment(1)["data"]
    assert data["counts"].shape == (2, 3)
    bits = sampled[1].data.meas
    assert data["counts"][1, 2] == {hex(n): c for n, c in bits.get_int_counts((1, 2)).items()}
    assert reader.counts(1) is None
    assert reader.readout(1) is None


def test_whatever_a_primitive_returns_is_kept():
    odd = object()
    pubs = [PubResult(DataBin(evs=np.array(1j), thing=odd), {"odd": odd}), odd]
    reader = open_result(encode_primitive_result(PrimitiveResult(pubs, {"m": odd})))
    assert reader.pub_result(0).data.evs == 1j
    assert reader.pub_result(0).data.thing.type_name == "builtins.object"
    with pytest.raises(CodecError, match="no result of a PUB"):
        reader.pub_result(1)


@pytest.mark.parametrize(
    "text",
    ["<html>502</html>", "", '{"__type__": "PrimitiveRes', "[]", "null", '{"a": 1}', b"\xff\xfe"],
)
def test_text_that_is_no_result_is_kept_and_refused(text):
    with pytest.raises(CodecError, match="What the service sent"):
        open_result(encode_runtime_text(text))


def test_nothing_that_a_payload_names_is_imported():
    named = {"__type__": "settings", "__module__": "antigravity", "__class__": "x", "__value__": {}}
    data = {"__type__": "DataBin", "__value__": {"fields": {"evs": named}, "shape": []}}
    pub = {"__type__": "PubResult", "__value__": {"data": data, "metadata": named}}
    whole = {"__type__": "PrimitiveResult", "__value__": {"pub_results": [pub], "metadata": {}}}
    reader = open_result(encode_runtime_text(json.dumps(whole)))
    assert reader.pub_result(0).metadata == reader.pub_result(0).data.evs == named
