"""Same content, same hash, in every process; other content, another hash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import AnnotatedOperation, ControlModifier, Gate, InverseModifier, Parameter
from qiskit.circuit.library import MCXVChain, RXGate, StatePreparation, UCGate

from qiskit_job_manager.codec.circuits import encode_circuit
from qiskit_job_manager.codec.identity import HASH_VERSION

_KINDS = Path(__file__).with_name("identity_kinds.py")


def test_the_same_script_gives_the_same_hashes_in_every_process():
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(_KINDS), counted],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed, counted in (("0", "0"), ("1", "95"), ("4711", "995"))
    ]
    said = [json.loads(child.communicate()[0]) for child in children]
    for name, digest in said[0].items():
        assert [each[name] for each in said] == [digest] * 3, name
    assert len(set(said[0].values())) == len(said[0])


def _hash(circuit):
    return encode_circuit(circuit).content_hash


def _delay(duration, unit):
    circuit = QuantumCircuit(1)
    circuit.delay(duration, 0, unit=unit)
    return circuit


def _gate(gate, size=5):
    circuit = QuantumCircuit(size)
    circuit.append(gate, range(gate.num_qubits))
    return circuit


def _defined(angle, name="sub", label=None):
    inner = QuantumCircuit(1, name=name)
    inner.rx(angle, 0)
    return _gate(inner.to_gate(label=label))


def _others():
    for unit in ("ns", "us", "ms", "s", "dt", "ps"):
        yield f"200 {unit}", _delay(200, unit)
    yield "0.2 us", _delay(0.2, "us")
    yield "swept ns", _delay(Parameter("t"), "ns")
    yield "swept us", _delay(Parameter("t"), "us")
    yield "sub", _defined(0.1)
    yield "another definition", _defined(0.2)
    yield "another name", _defined(0.1, "other")
    yield "another label", _defined(0.1, label="here")
    for label in (None, "a", "b"):
        yield f"x {label}", _gate(_labelled(label))
        yield f"open {label}", _gate(RXGate(0.1).control(1, label, 0, annotated=False))
    yield "prepared", _gate(StatePreparation([0.6, 0.8]))
    yield "undone", _gate(StatePreparation([0.6, 0.8]).inverse())
    yield "annotated", _gate(AnnotatedOperation(RXGate(0.1), [InverseModifier()]))
    yield "annotated twice", _gate(AnnotatedOperation(RXGate(0.1), [InverseModifier()] * 2))
    for state in (0, 1):
        modifier = ControlModifier(1, state)
        yield f"controlled {state}", _gate(AnnotatedOperation(RXGate(0.1), [modifier]))
    yield "multiplexed", _gate(UCGate([np.eye(2), np.eye(2)[::-1]]))
    yield "multiplexed back", _gate(UCGate([np.eye(2)[::-1], np.eye(2)]))
    yield "opaque", _gate(Gate("opaque", 1, [0.5]))
    yield "registers", QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(1, "b"))
    yield "other registers", QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(1, "c"))
    yield "split otherwise", QuantumCircuit(QuantumRegister(1, "a"), QuantumRegister(2, "b"))
    yield "classical", QuantumCircuit(ClassicalRegister(2, "a"), ClassicalRegister(1, "b"))


def _labelled(label):
    from qiskit.circuit.library import XGate

    return XGate(label=label)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_other_content_has_another_hash():
    circuits = {
        **dict(_others()),
        "clean": _gate(MCXVChain(4), 7),
        "dirty": _gate(MCXVChain(4, dirty_ancillas=True), 7),
    }
    hashes = {name: _hash(circuit) for name, circuit in circuits.items()}
    assert len(set(hashes.values())) == len(hashes)


def test_counted_registers_are_told_by_their_order_and_named_ones_by_name():
    def registers(*names):
        circuit = QuantumCircuit(*(ClassicalRegister(1, name) for name in names))
        return _hash(circuit)

    assert registers("c7", "c9") == registers("c10", "c11")
    assert registers("c7") != registers("a7")
    assert registers("meas") != registers("other")


def test_a_hash_begins_with_the_version_of_its_rule():
    plain, noted = QuantumCircuit(1), _delay(1, "us")
    assert [_hash(each)[0] for each in (plain, noted)] == [HASH_VERSION] * 2
    assert [len(_hash(each)) for each in (plain, noted)] == [32] * 2
