"""Circuits and PUBs that hypothesis makes: each comes back, and each is known again."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from library_gates import forms, library_gates
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import CircuitError, Gate, Parameter, ParameterVector
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qiskit_job_manager.codec.circuit_content import circuit_content
from qiskit_job_manager.codec.circuits import encode_circuit, load_circuit
from qiskit_job_manager.codec.differences import difference
from qiskit_job_manager.codec.experiments import (
    encode_experiment,
    pack_experiments,
    read_experiments,
)
from qiskit_job_manager.model import ExperimentKind

pytestmark = pytest.mark.filterwarnings("ignore")

_WIDTH = 4
_PARAMETERS = [Parameter("a"), Parameter("b"), *ParameterVector("v", 3)]
_GATES = [gate for _, gate in library_gates() if gate.num_qubits < _WIDTH]

numbers = st.floats(-10, 10, allow_nan=False)
_TAKEN = ["x", "z", "barrier", "measure", "unitary", "delay", "mcx", "Gate"]
# A user may give a gate any name, that of another gate too.
names = st.sampled_from(_TAKEN) | st.text("abcxyz_é", min_size=1, max_size=6)


def _sum(terms):
    total = 0
    for factor, parameter in terms:
        total = factor * parameter + total
    return total


def _function(pair):
    return getattr(*pair)()


sums = st.lists(st.tuples(numbers, st.sampled_from(_PARAMETERS)), min_size=1, max_size=3).map(_sum)
functions = st.tuples(sums, st.sampled_from(["sin", "cos", "exp", "arctan", "abs"])).map(_function)
products = st.tuples(sums, functions).map(lambda pair: pair[0] * pair[1] - pair[0] ** 2)
angles = st.one_of(numbers, st.sampled_from(_PARAMETERS), sums, functions, products)
durations = st.one_of(
    st.tuples(st.integers(0, 2**40), st.sampled_from(["dt", "ns", "us", "ms", "s", "ps"])),
    st.tuples(st.floats(0, 1e6), st.sampled_from(["ns", "us", "ms", "s", "ps"])),
    st.tuples(st.sampled_from(_PARAMETERS), st.sampled_from(["dt", "ns", "us", "s"])),
)


@st.composite
def circuits(draw, depth=0):
    circuit = QuantumCircuit(
        name=draw(names),
        global_phase=draw(angles),
        metadata=draw(st.dictionaries(names, st.one_of(st.none(), numbers, names))),
    )
    qubits, bits = QuantumRegister(2, draw(names)), ClassicalRegister(_WIDTH, draw(names))
    try:
        circuit.add_register(qubits, QuantumRegister(_WIDTH - 2), bits)
    except CircuitError:  # before Qiskit 2.6, of two registers with one name
        reject()
    for _ in range(draw(st.integers(0, 6))):
        draw(st.sampled_from(_STEPS if depth == 0 else _STEPS[: -1 if depth == 1 else -2]))(
            draw, circuit, depth
        )
    return circuit


def _qubits(draw, count):
    return draw(st.permutations(range(_WIDTH)))[:count]


def _rotation(draw, circuit, _):
    gate = draw(st.sampled_from(["rx", "ry", "rz", "p", "rzz", "cp", "crx"]))
    qubits = _qubits(draw, 2 if gate in ("rzz", "cp", "crx") else 1)
    getattr(circuit, gate)(draw(angles), *qubits)


def _library(draw, circuit, _):
    gate = draw(st.sampled_from(_GATES))
    _, operation = draw(st.sampled_from(forms(gate)))
    broken = any(isinstance(each, type) for each in getattr(operation, "modifiers", ()))
    if operation.num_qubits <= _WIDTH and not broken:
        bits = list(range(operation.num_clbits))
        circuit.append(operation, _qubits(draw, operation.num_qubits), bits)


def _delay(draw, circuit, _):
    duration, unit = draw(durations)
    circuit.delay(duration, _qubits(draw, 1), unit=unit)


def _measure(draw, circuit, _):
    circuit.measure(_qubits(draw, 1), [draw(st.integers(0, _WIDTH - 1))])


def _opaque(draw, circuit, _):
    gate = Gate(draw(names), 1, draw(st.lists(angles, max_size=2)), draw(st.none() | names))
    circuit.append(gate, _qubits(draw, 1))


def _custom(draw, circuit, depth):
    inner = draw(circuits(depth + 1))
    circuit.append(inner.to_instruction(), _qubits(draw, _WIDTH), list(range(_WIDTH)))


def _flow(draw, circuit, depth):
    body = draw(circuits(depth + 1))
    with circuit.if_test((draw(st.integers(0, _WIDTH - 1)), draw(st.booleans()))):
        for each in body.data:
            bits = [body.find_bit(bit).index for bit in each.clbits]
            qubits = [body.find_bit(bit).index for bit in each.qubits]
            circuit.append(each.operation, qubits, bits)


_STEPS = [_rotation, _rotation, _library, _library, _delay, _measure, _opaque, _custom, _flow]

few = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@few
@given(circuits())
def test_a_circuit_comes_back_as_it_was_and_is_known_again(circuit):
    encoded = encode_circuit(circuit)
    back = load_circuit(encoded.data, 0)
    assert repr(circuit_content(back)) == repr(circuit_content(circuit))
    assert (back.name, back.metadata) == (circuit.name, circuit.metadata)
    assert [each.name for each in back.qregs] == [each.name for each in circuit.qregs]
    assert [each.name for each in back.parameters] == [each.name for each in circuit.parameters]
    assert difference(back, circuit, ExperimentKind.CIRCUIT) is None
    again = encode_circuit(back)
    assert again.content_hash == encoded.content_hash


@few
@given(circuits(), st.data())
def test_a_circuit_with_values_comes_back_and_binds_alike(circuit, data):
    shape = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    values = {
        parameter: np.array(
            data.draw(st.lists(numbers, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        ).reshape(shape)
        for parameter in circuit.parameters
    }
    kind = ExperimentKind.SAMPLER_PUB
    pub = SamplerPub.coerce((circuit, values))
    [back] = read_experiments(pack_experiments([encode_experiment(pub, kind)], kind))
    assert difference(back, pub, kind) is None
    assert back.parameter_values.shape == pub.parameter_values.shape
    for names_, array in pub.parameter_values.data.items():
        assert np.array_equal(array, back.parameter_values.data[names_])


@few
@given(circuits(), circuits())
def test_circuits_have_one_hash_only_if_they_say_the_same(one, other):
    same = repr(circuit_content(one)) == repr(circuit_content(other))
    assert same == (difference(one, other, ExperimentKind.CIRCUIT) is None)
    hashes = {encode_circuit(each).content_hash for each in (one, other)}
    assert same == (len(hashes) == 1)
