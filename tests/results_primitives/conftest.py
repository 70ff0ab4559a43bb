"""Job sets run by primitives, and what is needed to compare their results."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives import BitArray


@pytest.fixture
def registers():
    """Random outcomes of twelve qubits, in registers of 2, 9 and 1 bits."""
    sizes = {"low": 2, "middle": 9, "high": 1}
    cregs = [ClassicalRegister(size, name) for name, size in sizes.items()]
    circuit = QuantumCircuit(QuantumRegister(12), *cregs, name="registers")
    circuit.h(range(12))
    circuit.measure(range(12), range(12))
    return circuit


@pytest.fixture
def sweep():
    """A circuit of two qubits, and six angles of shape (2, 3)."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(2, name="sweep", metadata={"kind": "sweep"})
    circuit.ry(angle, 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit, np.linspace(0, np.pi, 6).reshape(2, 3, 1)


@pytest.fixture
def observed():
    """A circuit without measurements, two observables, and three angles."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, name="observed")
    circuit.ry(angle, 0)
    return circuit, [["Z"], ["X"]], np.linspace(0, 1, 3)


def _same_value(a, b):
    if isinstance(a, BitArray):
        return a == b and a.shape == b.shape and a.num_shots == b.num_shots
    return np.asarray(a).dtype == np.asarray(b).dtype and np.array_equal(a, b)


@pytest.fixture(scope="session")
def same_pub():
    """Tell whether two results of PUBs are the same in all they say."""

    def same(a, b):
        return (
            type(a) is type(b)
            and a.data.shape == b.data.shape
            and list(a.data) == list(b.data)
            and all(_same_value(a.data[name], b.data[name]) for name in a.data)
            and a.metadata == b.metadata
        )

    return same
