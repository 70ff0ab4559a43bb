"""What differs between a stored experiment and one that was handed over is said in words."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2

from qiskit_job_manager.codec.differences import difference
from qiskit_job_manager.codec.experiments import (
    encode_experiment,
    metadata_differs,
    pack_experiments,
    part_of,
    read_experiments,
)
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob, ExperimentKind

CIRCUIT, SAMPLER, ESTIMATOR = (
    ExperimentKind.CIRCUIT,
    ExperimentKind.SAMPLER_PUB,
    ExperimentKind.ESTIMATOR_PUB,
)


def _stored(experiment, kind=CIRCUIT):
    [read] = read_experiments(pack_experiments([encode_experiment(experiment, kind)], kind))
    return read


def _circuit(angle=0.5, label=None, name=None, metadata=None):
    circuit = QuantumCircuit(2, 2, name=name, metadata=metadata)
    circuit.h(0)
    circuit.rx(angle, 1, label=label)
    circuit.measure([0, 1], [0, 1])
    return circuit


def _delay(unit):
    circuit = QuantumCircuit(1)
    circuit.delay(200, 0, unit=unit)
    return circuit


def _defined(angle):
    inner = QuantumCircuit(1, name="sub")
    inner.rx(angle, 0)
    circuit = QuantumCircuit(1)
    circuit.append(inner.to_gate(), [0])
    return circuit


def _registers(name):
    return QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(1, name))


def test_the_same_content_has_no_difference():
    assert difference(_stored(_circuit(name="a")), _circuit(name="b"), CIRCUIT) is None
    stored = _stored(_circuit(metadata={"a": 1}))
    assert difference(stored, _circuit(metadata={"a": 2}), CIRCUIT) is None


@pytest.mark.parametrize("kind", [CIRCUIT, SAMPLER, ESTIMATOR])
def test_other_metadata_is_noticed(kind):
    def given(metadata, name=None, unit="dt"):
        circuit = QuantumCircuit(1, 1, metadata=metadata, name=name)
        circuit.delay(100, 0, unit=unit)
        return {CIRCUIT: circuit, SAMPLER: (circuit,), ESTIMATOR: (circuit, "Z")}[kind]

    def frame(metadata):
        return encode_experiment(given(metadata), kind).data

    for one, other in (({"a": 1}, {"a": 2}), ({"a": (1,)}, {"a": [1]}), ({}, {"a": np.int64(1)})):
        for unit in ("dt", "us"):
            assert metadata_differs(frame(one), given(other, "other", unit), kind)
            assert not metadata_differs(frame(one), given(one, "other"), kind)
    assert metadata_differs(frame({}), given({"a": object()}), kind)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (
            _circuit(),
            _circuit(0.25),
            r"instruction 1 was rx\(0.5\) on \[1\] and is rx\(0.25\).*seed",
        ),
        (_circuit(), _circuit(label="here"), r"is rx\(0.5\) labelled 'here'"),
        (_delay("ns"), _delay("ms"), r"was delay\(200.* ns\) on \[0\] and is delay\(200.* ms\)"),
        (_defined(0.1), _defined(0.2), r"was sub on \[0\] and is sub .*definition"),
        (_registers("a"), _registers("b"), r"registers were .*'a'.* and are .*'b'"),
        (QuantumCircuit(1), QuantumCircuit(2), "number of qubits was 1 and is 2"),
        (QuantumCircuit(1), QuantumCircuit(1, global_phase=0.5), "global phase was 0.* and is 0.5"),
        (_circuit(), _circuit().copy_empty_like(), "it had 4 instructions and has 0"),
        (_circuit(Parameter("a")), _circuit(Parameter("b")), "parameters .*'a'.*'b'"),
    ],
)
def test_the_first_difference_of_circuits_is_said(before, now, said):
    assert re.search(said, difference(_stored(before), now, CIRCUIT))


def test_circuits_that_were_transpiled_again_are_guessed():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, [1, 2])
    circuit.measure_all()
    device = GenericBackendV2(5, seed=1)
    one, other = (
        transpile(circuit, device, seed_transpiler=1, initial_layout=layout)
        for layout in ([0, 1, 2], [2, 1, 0])
    )
    assert "seed_transpiler" in difference(_stored(one), other, CIRCUIT)


def test_the_first_difference_of_pubs_is_said():
    swept = _circuit(Parameter("a"))
    stored = _stored((swept, [0.5], 10), SAMPLER)
    assert difference(stored, (swept, [0.5], 10), SAMPLER) is None
    assert difference(stored, (swept, [0.5], 20), SAMPLER) == "its shots were 10 and are 20"
    assert "'a' are others" in difference(stored, (swept, [0.25], 10), SAMPLER)
    assert "'a' had the shape ()" in difference(stored, (swept, [[0.5]], 10), SAMPLER)
    plain = QuantumCircuit(2)
    stored = _stored((plain, "ZZ"), ESTIMATOR)
    assert difference(stored, (plain, "ZZ"), ESTIMATOR) is None
    assert difference(stored, (plain, "XX"), ESTIMATOR) == "its observables are others"
    assert "precision" in difference(stored, (plain, "ZZ", None, 0.5), ESTIMATOR)


# -- reading one by one ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CIRCUIT, SAMPLER, ESTIMATOR])
def test_what_can_be_read_is_read_and_the_rest_is_named(kind):
    plain = QuantumCircuit(1)
    experiments = {
        CIRCUIT: [_circuit(angle) for angle in (1, 2, 3)],
        SAMPLER: [(_circuit(angle), None, 10) for angle in (1, 2, 3)],
        ESTIMATOR: [(plain, "Z"), (plain, "X"), (plain, "Y")],
    }[kind]
    coded = [encode_experiment(each, kind) for each in experiments]
    data = bytearray(coded[1].data)
    place = data.index(b"QISKIT")
    data[place : place + 6] = b"BROKEN"
    payload = pack_experiments([coded[0], _with(coded[1], bytes(data)), coded[2]], kind)
    first, bad, last = read_experiments(payload)
    assert isinstance(bad, CodecError)
    assert "1 cannot be read" in str(bad)
    assert difference(first, experiments[0], kind) is None
    assert difference(last, experiments[2], kind) is None
    kept = read_experiments(part_of(payload, [0, 2]))
    assert [
        difference(one, other, kind) for one, other in zip(kept, (first, last), strict=True)
    ] == [
        None,
        None,
    ]


def _with(coded, data):
    return replace(coded, data=data)


def test_an_unknown_format_is_refused_as_a_whole():
    with pytest.raises(CodecError, match=r"'qasm/1'.*qpy-frames/2"):
        read_experiments(Blob("qasm/1", b""))
