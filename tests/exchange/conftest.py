"""Job sets that have ended, in stores of their own, and ways to compare them."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager, Limits
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.exchange.export_source import ExportSource
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing import ScriptedBackend


def circuit(name, clbits=2):
    made = QuantumCircuit(clbits, clbits, name=name, metadata={"name": name})
    made.h(0)
    made.measure(range(clbits), range(clbits))
    return made


NAMES = ["plain", "a/../b", "=1+1", "two\nlines", "<b>html</b>", "😀", "n" * 10_000, "\x1b[31m"]


@pytest.fixture(autouse=True)
def decoded_here(request, monkeypatch):
    """Decodes circuits in this process, as a child takes seconds to start; not if marked so."""
    if "real_child" in request.fixturenames:
        return
    from qiskit_job_manager.codec.sandbox_child import reason_of
    from qiskit_job_manager.exchange import circuit_check, circuit_check_child

    def run(_module, file):
        try:
            for blob in circuit_check_child._payloads(file):
                circuit_check_child._decode(blob)
        except Exception as error:  # noqa: BLE001  # as in the child
            return reason_of(error)

    monkeypatch.setattr(circuit_check, "run_limited", run)


@pytest.fixture
def real_child():
    """Decodes circuits in a child process, as in production."""


@pytest.fixture
def names():
    """Names that may do harm where they are shown or used as file names."""
    return NAMES


@pytest.fixture
def circuits():
    return [circuit(name) for name in NAMES]


@pytest.fixture
def elsewhere(tmp_path):
    """A manager on another store, as on another machine."""
    with JobManager(tmp_path / "there.db") as manager:
        yield manager


@pytest.fixture(scope="session")
def scripted():
    def make(**limits):
        return ScriptedBackend(SystemClock(), Capabilities(volatile=True), limits=Limits(**limits))

    return make


def run_all(manager, scripted):
    """Run a set of several jobs and shares to its end."""
    backend = scripted(experiments_per_job=3, shots_per_experiment=50)
    circuits = [circuit(name) for name in NAMES]
    made = manager.run(circuits, backend, name="sweep", shots=80, job_tags=["a", "ü"])
    made.results(timeout=60)
    return made


@pytest.fixture
def job_set(manager, scripted):
    return run_all(manager, scripted)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, scripted):
    """An archive and a document of such a set, by their formats."""
    folder = tmp_path_factory.mktemp("exported")
    with JobManager(folder / "store.db") as manager:
        made = run_all(manager, scripted)
        return {kind: made.export(folder / kind, kind) for kind in ("archive", "json")}


@pytest.fixture
def everything():
    """Returns all that an export has of a job set, its story but for where it was taken in."""

    def read(job_set):
        source = source_of(job_set)
        out = ExportSource(source.store, source.record)
        events = [event for event in out.events() if event["event"] != "imported"]
        parts = [list(part()) for part in (out.experiments, out.payloads, out.jobs, out.results)]
        head = out.head()
        del head["job_set"]["name"]
        return [head, *parts, events]

    return read
