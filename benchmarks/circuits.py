"""The circuits that are measured with: 5 qubits, depth 20, some 30 different outcomes."""

from __future__ import annotations

import random

from qiskit import QuantumCircuit

N_QUBITS = 5
N_LAYERS = (
    10  # each a layer of turns and a layer of entanglement, so 20 deep without the measurements
)


def make(n_circuits: int) -> list[QuantumCircuit]:
    """Return different circuits, named by their index, in gates that Aer runs as they are."""
    chance = random.Random(20)
    return [_circuit(f"circuit_{index}", chance) for index in range(n_circuits)]


def _circuit(name: str, chance: random.Random) -> QuantumCircuit:
    circuit = QuantumCircuit(N_QUBITS, name=name)
    for layer in range(N_LAYERS):
        for qubit in range(N_QUBITS):
            circuit.u(chance.uniform(0, 3), chance.uniform(0, 3), chance.uniform(0, 3), qubit)
        for qubit in range(layer % 2, N_QUBITS - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit
