"""Managers on real stores, circuits, and backends that do as they are told."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.lifecycle import waits
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def manager(store_path):
    with JobManager(store_path) as manager:
        yield manager


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
    """One whose jobs die with the process, so that it is asked about them often."""
    return ScriptedBackend(SystemClock(), Capabilities(volatile=True))


@pytest.fixture
def remote(monkeypatch):
    """One that outlives the process, asked as often as if it were near."""
    monkeypatch.setattr(waits, "_REMOTE_POLL_S", (0.01, 0.02))
    return ScriptedBackend(SystemClock(), Capabilities())
