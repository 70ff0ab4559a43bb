"""Backends, tasks and worker processes for the tests of executors."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path

from qiskit import QuantumCircuit

from qiskit_job_manager.backends import adapt
from qiskit_job_manager.backends.local.executor import Task
from qiskit_job_manager.backends.local.setup import Setup
from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments

ENDLESS = 100_000_000
"""Shots that would take hours."""


def flip(n_qubits=2, name="flip"):
    circuit = QuantumCircuit(n_qubits, name=name)
    circuit.x(range(n_qubits))
    circuit.measure_all()
    return circuit


def dynamic(name="dynamic"):
    """Return a circuit that Aer can only run shot by shot."""
    circuit = QuantumCircuit(2, 2, name=name)
    for _ in range(5):
        circuit.h(0)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def payload_of(adapter, experiments):
    return pack_experiments(
        [encode_experiment(each, adapter.takes) for each in experiments], adapter.takes
    )


def task_of(backend="aer", experiments=(), options=None, **more):
    adapter = backend if hasattr(backend, "submit") else adapt(backend)
    payload = payload_of(adapter, experiments or [flip()])
    key = f"qjm-{uuid.uuid4().hex}"
    return Task(key, adapter, Setup(adapter), payload, options or {"shots": 100}, **more)


def pid_in(where):
    """Return the process that a text on a place names."""
    found = re.search(r"process (\d+)", where or "")
    return int(found[1]) if found else None


def is_gone(pid):
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")  # an orphan that nobody reaps stays, and does nothing
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):  # at the latest while it was read
        return True
