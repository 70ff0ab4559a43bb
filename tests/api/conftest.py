"""Managers on real stores in temporary folders, and circuits to run."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager import Limits
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend

LOCAL = Capabilities(volatile=True)


@pytest.fixture
def aer():
    from qiskit_aer import AerSimulator

    return AerSimulator(max_parallel_threads=1)


@pytest.fixture
def circuits():
    """Distinct circuits whose outcome is certain: circuit i measures i in binary."""

    def make(count, qubits=5, prefix="c"):
        made = []
        for i in range(count):
            circuit = QuantumCircuit(qubits, qubits, name=f"{prefix}{i}")
            for qubit in range(qubits):
                if i >> qubit & 1:
                    circuit.x(qubit)
            circuit.measure(range(qubits), range(qubits))
            made.append(circuit)
        return made

    return make


@pytest.fixture
def scripted():
    """Makes scripted backends that are polled as often as local ones."""

    def make(*, limits=None, **can):
        return ScriptedBackend(
            SystemClock(), Capabilities(**can) if can else LOCAL, limits=limits or Limits()
        )

    return make
