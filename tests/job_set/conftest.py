"""Circuits and scripted backends."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend


@pytest.fixture
def circuits():
    """Circuits that are told apart by their names."""

    def make(count, name="c{}"):
        made = []
        for i in range(count):
            circuit = QuantumCircuit(2, 2, name=name.format(i))
            circuit.measure(range(2), range(2))
            made.append(circuit)
        return made

    return make


@pytest.fixture
def backend():
    """One whose jobs die with the process, so that it is polled often."""
    return ScriptedBackend(SystemClock(), Capabilities(volatile=True))


@pytest.fixture
def remote(short_polls):
    """One whose jobs outlive the process, with short polls."""
    return ScriptedBackend(SystemClock(), Capabilities())
