"""PUBs to bytes and back."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import StatevectorEstimator
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments, split_payload
from qiskit_job_manager.codec.pubs import unpack_estimator_pubs, unpack_sampler_pubs
from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob, ExperimentKind

SAMPLER, ESTIMATOR = ExperimentKind.SAMPLER_PUB, ExperimentKind.ESTIMATOR_PUB
UNPACK = {SAMPLER: unpack_sampler_pubs, ESTIMATOR: unpack_estimator_pubs}


def _circuit(name="ansatz"):
    circuit = QuantumCircuit(2, name=name)
    circuit.ry(Parameter("a"), 0)
    circuit.rz(Parameter("b"), 1)
    circuit.cx(0, 1)
    return circuit


def _measured(name="measured"):
    circuit = _circuit(name)
    circuit.measure_all()
    return circuit


def _same_bindings(one, other):
    return (
        one.shape == other.shape
        and one.data.keys() == other.data.keys()
        and all(one.data[k].tobytes() == other.data[k].tobytes() for k in one.data)
    )


def _same_pub(one, other):
    same = one.circuit == other.circuit and one.circuit.name == other.circuit.name
    same = same and _same_bindings(one.parameter_values, other.parameter_values)
    if isinstance(one, SamplerPub):
        return same and one.shots == other.shots
    a, b = one.observables, other.observables
    flat = [list(each.sparse_observables_array().ravel()) for each in (a, b)]
    return same and a.shape == b.shape and flat[0] == flat[1] and one.precision == other.precision


def _back(pub, kind):
    [back] = UNPACK[kind](pack_experiments([encode_experiment(pub, kind)], kind))
    return back


VALUES = {
    "list": [0.1, 0.2],
    "array": np.linspace(0, 1, 6).reshape(3, 2),
    "by name": {"a": [0.0, 1.0, 2.0], "b": [3.0, 4.0, 5.0]},
    "by names": {("b", "a"): np.arange(24.0).reshape(3, 4, 2)},
    "bindings": BindingsArray({"a": np.zeros((2, 1, 3)), "b": np.ones((2, 1, 3))}),
    "odd floats": {"a": [-0.0, 1e-300], "b": [np.pi, 1e300]},
    "one of one": BindingsArray({("a", "b"): [[0.5, 0.25]]}, shape=(1,)),
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("shots", [None, 17, np.int64(5)])
def test_a_samplers_pub_comes_back_equal(values, shots):
    pub = SamplerPub.coerce((_measured(), values, shots))
    encoded = encode_experiment((pub.circuit, values, shots), SAMPLER)
    assert (encoded.name, encoded.circuits, encoded.shots) == ("measured", pub.size, shots)
    assert _same_pub(_back(pub, SAMPLER), pub)


def test_a_circuit_alone_is_a_samplers_pub():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    for form in (circuit, (circuit,), (circuit, None, None), SamplerPub(circuit)):
        assert _same_pub(_back(form, SAMPLER), SamplerPub.coerce(circuit))


def test_a_vector_of_parameters_and_a_parameter_as_key_come_back():
    vector, angle = ParameterVector("v", 11), Parameter("θ")
    circuit = QuantumCircuit(1)
    for each in vector:
        circuit.rx(each, 0)
    circuit.ry(angle, 0)
    circuit.measure_all()
    values = {tuple(vector): np.random.default_rng(1).random((2, 11)), angle: [1.0, 2.0]}
    pub = SamplerPub.coerce((circuit, values))
    assert _same_pub(_back(pub, SAMPLER), pub)


OBSERVABLES = {
    "text": "ZI",
    "pauli": Pauli("-XY"),
    "paulis": PauliList(["XX", "YY", "ZZ"]),
    "sum": SparsePauliOp(["ZZ", "XI", "II"], [0.5, -1.25, 1e-3]),
    "dict": {"ZZ": 1.0, "IX": -2.0},
    "projectors": {"01": 0.5, "+-": 1.0, "rl": -0.25, "Z1": 2.0},
    "sparse": SparseObservable.from_list([("1Z", 0.125), ("II", 3.0)]),
    "many": [["ZZ", Pauli("XI"), {"YY": 2}], [SparsePauliOp("IZ"), "rI", "0+"]],
    "array": ObservablesArray([["XX"], ["ZZ"]]),
    "mixed phases": {Pauli("-ZI"): 2.0, "ZZ": 1.0},
}


@pytest.mark.parametrize("observables", OBSERVABLES.values(), ids=OBSERVABLES)
@pytest.mark.parametrize("precision", [None, 0.015625, 0])
def test_an_estimators_pub_comes_back_equal(observables, precision):
    form = (_circuit(), observables, [0.1, 0.2], precision)
    pub = EstimatorPub.coerce(form)
    encoded = encode_experiment(form, ESTIMATOR)
    assert (encoded.name, encoded.circuits, encoded.shots) == ("ansatz", 1, None)
    assert encoded.precision == precision
    assert _same_pub(_back(form, ESTIMATOR), pub)


def test_observables_are_broadcast_against_parameters_as_before():
    pub = EstimatorPub.coerce((_circuit(), [["ZZ"], ["XX"], ["IY"]], np.ones((4, 2))))
    encoded = encode_experiment(pub, ESTIMATOR)
    back = _back(pub, ESTIMATOR)
    assert encoded.circuits == 4
    assert back.shape == pub.shape == (3, 4)
    wanted, got = (
        StatevectorEstimator(seed=1).run([each]).result()[0].data.evs for each in (pub, back)
    )
    assert np.array_equal(wanted, got)


def test_an_observable_of_a_large_device_takes_the_room_of_its_letters():
    circuit = QuantumCircuit(133)
    paulis = [("ZZ", [n, n + 1], 1.0) for n in range(132)]
    observable = SparsePauliOp.from_sparse_list(paulis, 133)
    pub = EstimatorPub.coerce((circuit, observable))
    plain = len(encode_experiment((circuit, "I" * 132 + "Z"), ESTIMATOR).data)
    assert len(encode_experiment(pub, ESTIMATOR).data) - plain < 132 * 60
    assert _same_pub(_back(pub, ESTIMATOR), pub)


def test_pubs_keep_their_order_and_payloads_divide():
    circuit = _measured()
    pubs = [SamplerPub.coerce((circuit, [n, n / 2], n + 1)) for n in range(300)]
    payload = pack_experiments([encode_experiment(pub, SAMPLER) for pub in pubs], SAMPLER)
    first, second = split_payload(payload, 100)
    for got, wanted in ((payload, pubs), (first, pubs[:100]), (second, pubs[100:])):
        assert [each.shots for each in unpack_sampler_pubs(got)] == [p.shots for p in wanted]
    assert all(map(_same_pub, unpack_sampler_pubs(second), pubs[100:]))


# -- identity ----------------------------------------------------------------------------------


def _digest(pub, kind=SAMPLER):
    return encode_experiment(pub, kind).content_hash


def test_a_pub_is_the_same_however_it_was_spelled_and_named():
    by_name = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    at_once = {("b", "a"): [[3.0, 1.0], [4.0, 2.0]]}
    as_list = [[1.0, 3.0], [2.0, 4.0]]
    hashes = {_digest((_measured(str(n)), v)) for n, v in enumerate((by_name, at_once, as_list))}
    assert len(hashes) == 1
    observed = {
        _digest((_circuit(), each, [1, 2]), ESTIMATOR)
        for each in ("ZI", Pauli("ZI"), {"ZI": 1.0}, SparsePauliOp(["ZI", "ZI"], [0.5, 0.5]))
    }
    assert len(observed) == 1


def test_whatever_changes_a_pub_changes_its_identity():
    circuit = _measured()
    hashes = [
        _digest((circuit, [1.0, 2.0])),
        _digest((circuit, [2.0, 1.0])),
        _digest((circuit, [[1.0, 2.0]])),
        _digest((circuit, [1.0, 2.0], 10)),
        _digest((circuit, [1.0, 2.0], 11)),
        *(
            _digest((_circuit(), observables, [1.0, 2.0], precision), ESTIMATOR)
            for observables in ("ZI", "IZ", ["ZI"], {"ZI": 2.0})
            for precision in (None, 0.1)
        ),
    ]
    assert len(set(hashes)) == len(hashes)


_HASH_AGAIN = """
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_job_manager.codec.experiments import encode_experiment
from qiskit_job_manager.model import ExperimentKind
circuit = QuantumCircuit(2)
circuit.ry(Parameter("a"), 0)
circuit.rz(Parameter("b"), 1)
circuit.cx(0, 1)
pub = (circuit, [["ZZ"], [{"X1": 0.5}]], {"a": np.ones((3, 1)), "b": np.zeros((3, 1))}, 0.5)
print(encode_experiment(pub, ExperimentKind.ESTIMATOR_PUB).content_hash.hex())
"""


def test_another_process_gives_a_pub_the_same_identity():
    values = {"a": np.ones((3, 1)), "b": np.zeros((3, 1))}
    here = _digest((_circuit(), [["ZZ"], [{"X1": 0.5}]], values, 0.5), ESTIMATOR).hex()
    there = subprocess.run(
        [sys.executable, "-c", _HASH_AGAIN], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pub", "kind", "words"),
    [
        (3, SAMPLER, "int"),
        ("text of no use", SAMPLER, "The length of pub must be 1, 2 or 3"),
        ((1, 2), SAMPLER, "parameters"),
        (_measured(), SAMPLER, "number of parameters"),
        ((_measured(), [1.0]), SAMPLER, "inconsistent"),
        ((_measured(), [1.0, 2.0], 0), SAMPLER, "shots must be positive"),
        ((_measured(), [1.0, 2.0], 1.5), SAMPLER, "shots must be an integer"),
        ((_measured(), {"a": 1.0, "c": 2.0}), SAMPLER, r"\['a', 'b'\].*\['a', 'c'\]"),
        (_circuit(), ESTIMATOR, "wrap it"),
        ((_circuit(), "ZZZ", [1, 2]), ESTIMATOR, "number of qubits"),
        ((_circuit(), SparsePauliOp("ZZ", 1j), [1, 2]), ESTIMATOR, "Non-Hermitian"),
        ((_circuit(), "ZZ", [1, 2], -1.0), ESTIMATOR, "non-negative"),
        ((_circuit(), [["ZZ", "XX"]], np.ones((3, 2))), ESTIMATOR, "broadcast"),
        ((_measured(), [1.0, 2.0]), ExperimentKind.CIRCUIT, "a PUB needs a primitive"),
    ],
)
def test_what_is_no_pub_is_refused_in_words(pub, kind, words):
    with pytest.raises(CodecError, match=words):
        encode_experiment(pub, kind)


def test_observables_that_qiskit_never_coerced_are_refused():
    odd = np.empty((), object)
    odd[()] = SparseObservable.from_list([("ZZ", 1j)])
    observables = ObservablesArray(odd, validate=False)
    pub = EstimatorPub(_circuit(), observables, BindingsArray({("a", "b"): [1, 2]}))
    with pytest.raises(CodecError, match="a coefficient is not real"):
        encode_experiment(pub, ESTIMATOR)


# -- damage ------------------------------------------------------------------------------------


def test_a_payload_is_read_as_its_own_kind_only():
    blob = pack_experiments([encode_experiment((_measured(), [1, 2]), SAMPLER)], SAMPLER)
    with pytest.raises(CodecError, match="sampler-pubs/2"):
        unpack_estimator_pubs(blob)


FRAMES = {
    SAMPLER: encode_experiment((_measured(), np.ones((2, 2)), 9), SAMPLER).data,
    ESTIMATOR: encode_experiment(
        (_circuit(), ["ZZ", {"01": 1, "XX": 2}], np.ones((2, 2)), 0.5), ESTIMATOR
    ).data,
}


def _unpacked(frame, kind):
    from qiskit_job_manager.model import EncodedExperiment

    return UNPACK[kind](pack_experiments([EncodedExperiment("", b"", frame)], kind))


@pytest.mark.parametrize("kind", FRAMES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_pubs_are_refused_or_read_and_nothing_else(kind, data):
    # The circuit inside has a test of its own; what is around it is what is damaged here.
    circuit, *rest = decode_value(FRAMES[kind])
    tail = bytearray(encode_value((circuit, *rest)))
    start = tail.index(circuit) + len(circuit)
    for _ in range(data.draw(st.integers(1, 4))):
        tail[data.draw(st.integers(start, len(tail) - 1))] = data.draw(st.integers(0, 255))
    try:
        [pub] = _unpacked(bytes(tail), kind)
    except CodecError:
        return
    assert pub.size <= 2**33


_ODD = [
    None,
    -1,
    2**62,
    "x",
    b"",
    (),
    (2**40, 2**40),
    (-1,),
    ((("a",), 3),),
    (("a", "b"), "c"),
    1.5,
]


@pytest.mark.parametrize("kind", FRAMES)
def test_odd_parts_are_refused_as_stored_bytes(kind):
    parts = decode_value(FRAMES[kind])
    refused = 0
    for place in range(len(parts)):
        for odd in _ODD:
            try:
                _unpacked(encode_value((*parts[:place], odd, *parts[place + 1 :])), kind)
            except CodecError:
                refused += 1
    assert refused >= len(parts) * (len(_ODD) - 3)


@pytest.mark.parametrize("place", range(7))
def test_columns_of_observables_that_do_not_fit_are_refused(place):
    parts = decode_value(FRAMES[ESTIMATOR])
    columns = parts[4]
    odd = [columns[place][:-1]] if place else [-1, 2**40]
    odd += [np.array([-1, 3]), np.array([2**62, 2**62]), np.zeros((1, 1)), "?" * 9]
    for each in odd:
        changed = (*columns[:place], each, *columns[place + 1 :])
        with pytest.raises(CodecError):
            _unpacked(encode_value((*parts[:4], changed)), ESTIMATOR)


def test_a_frame_that_is_no_pub_is_refused():
    for frame in (encode_value(3), encode_value(()), encode_value((b"",)), b"", b"\xff"):
        with pytest.raises(CodecError):
            _unpacked(frame, SAMPLER)
    with pytest.raises(CodecError, match="Stored circuit 0"):
        _unpacked(encode_value((b"QISKIT", (), (), None)), SAMPLER)
    with pytest.raises(CodecError):
        unpack_sampler_pubs(Blob("sampler-pubs/1", b"\1\2\3"))
