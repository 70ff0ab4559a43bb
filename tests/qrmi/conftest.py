"""The unmodified package ``qrmi`` over a service on loopback, and a stand-in for direct access.

Direct access to an IBM Quantum System needs a store of S3, so that a module of ours stands in. It
has the names and the calls of version 0.26.4, and does what its source says: a resource that is
called while it is being called raises, and stopping a task deletes it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from enum import Enum
from types import ModuleType, SimpleNamespace

import pytest

from qiskit_job_manager.testing.ibm_service import CRN, Engine, IBMService
from qiskit_job_manager.testing.ibm_service.programs import run

QPU = "ibm_manila"


@pytest.fixture
def ibm():
    with IBMService(engine=Engine.AER) as service:
        yield service


@pytest.fixture
def slurm(monkeypatch):
    """Say which QPUs the workload manager gave to this job, as Slurm's plugin does."""

    def slurm(**types):
        monkeypatch.setenv("SLURM_JOB_QPU_RESOURCES", ",".join(types))
        monkeypatch.setenv("SLURM_JOB_QPU_TYPES", ",".join(types.values()))

    return slurm


@pytest.fixture
def qpu(ibm, slurm, monkeypatch):
    """One QPU of this job, which IBM's service on loopback runs; return its name."""
    pytest.importorskip("qrmi")
    base = f"http://{ibm.address}"
    for name, value in {
        "ENDPOINT": f"{base}/api/v1",
        "IAM_ENDPOINT": base,
        "IAM_APIKEY": "emulated",
        "SERVICE_CRN": CRN,
    }.items():
        monkeypatch.setenv(f"{QPU}_QRMI_IBM_QCS_{name}", value)
    slurm(**{QPU: "ibm-quantum-compute-service"})
    return QPU


@pytest.fixture
def stand_in(slurm, monkeypatch):
    """A package of our own in the place of ``qrmi``, with a ledger."""
    package = StandIn()
    for name, module in package.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    slurm(**{QPU: "ibm-quantum-system"})
    return package


@pytest.fixture
def circuits():
    """Circuits that the device can run as they are, with the outcomes 00 01 10 11."""
    from qiskit import QuantumCircuit

    made = []
    for number in range(4):
        circuit = QuantumCircuit(5, 2, name=f"is {number}")
        for qubit in range(2):
            if number >> qubit & 1:
                circuit.x(qubit)
        circuit.measure([0, 1], [0, 1])
        made.append(circuit)
    return made


# -- the stand-in ---------------------------------------------------------------------------------


class TaskStatus(Enum):
    Queued = "Queued"
    Running = "Running"
    Completed = "Completed"
    Failed = "Failed"
    Cancelled = "Cancelled"

    def __str__(self):
        return f"TaskStatus.{self.name}"


class QrmiError(RuntimeError):
    """The base class of QRMI's errors."""


class TaskNotFoundError(QrmiError):
    pass


class TaskNotReadyError(QrmiError):
    pass


class InvalidInputError(QrmiError):
    pass


class StandIn:
    """The package, and what its one QPU did.

    Attributes:
        started: Inputs of the tasks that were accepted, by id.
        calls: How often each method was called.
        status: The status that a task gets when it is started.
        reason: Why tasks fail; ``None``: they do not.
        refusal: What ``task_start`` raises instead of accepting a task.
    """

    TaskStatus = TaskStatus
    InvalidInputError = InvalidInputError

    def __init__(self):
        self.started = {}
        self.calls = Counter()
        self.status = TaskStatus.Completed
        self.reason = None
        self.refusal = None
        self._states = {}
        self._lock = threading.Lock()

    def modules(self):
        """Return the modules by name."""
        names = ("qrmi", "qrmi.primitives", "qrmi.primitives.ibm", "qrmi.primitives.ibm.backend")
        package, *folders, backend = map(ModuleType, names)
        package.TaskStatus = TaskStatus
        package.ResourceType = SimpleNamespace(IBMQuantumSystem="IBMQuantumSystem")
        package.Payload = SimpleNamespace(QiskitPrimitive=SimpleNamespace)
        package.QuantumResource = type("QuantumResource", (_Resource,), {"qpu": self})
        package.get_job_qpu_resources_and_types = _job_resources
        backend.get_backend = lambda resource: _device()
        return {each.__name__: each for each in (package, *folders, backend)}

    def state(self, task_id):
        if task_id not in self._states:
            raise TaskNotFoundError(f"task not found: {task_id}")
        return self._states[task_id]

    def start(self, task):
        if self.refusal is not None:
            raise self.refusal
        with self._lock:
            task_id = f"task-{len(self.started)}"
            self.started[task_id] = (task.program_id, json.loads(task.input))
            self._states[task_id] = self.status
        return task_id

    def stop(self, task_id):
        self.state(task_id)
        del self._states[task_id]


class _Resource:
    qpu = None

    def __init__(self, resource_id, resource_type):
        self._id = resource_id
        self._busy = threading.Lock()

    def resource_id(self):
        return self._id

    def task_start(self, task):
        return self._call("task_start", lambda: self.qpu.start(task))

    def task_status(self, task_id):
        return self._call("task_status", lambda: self.qpu.state(task_id))

    def task_stop(self, task_id):
        return self._call("task_stop", lambda: self.qpu.stop(task_id))

    def task_logs(self, task_id):
        return self._call("task_logs", lambda: self.qpu.reason or "")

    def task_result(self, task_id):
        return self._call("task_result", lambda: self._result(task_id))

    def _result(self, task_id):
        state = self.qpu.state(task_id)
        if state is not TaskStatus.Completed:
            text = f"unable to retrieve result for task {task_id}: task {state.name}"
            raise TaskNotReadyError(text)
        program, said = self.qpu.started[task_id]
        return SimpleNamespace(value=run(program, said, Engine.AER))

    def _call(self, name, work):
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("Already borrowed")
        try:
            self.qpu.calls[name] += 1
            return work()
        finally:
            self._busy.release()


def _job_resources():
    names, types = (os.environ.get(f"SLURM_JOB_QPU_{which}") for which in ("RESOURCES", "TYPES"))
    if names is None or types is None:
        raise RuntimeError("The environment variable `QRMI_JOB_QPU_RESOURCES` is not set.")
    return names.split(","), types.split(",")


def _device():
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    return FakeManilaV2()
