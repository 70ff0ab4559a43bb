from __future__ import annotations

import json

import pytest

from qiskit_job_manager.backends import ibm as adapters
from qiskit_job_manager.backends.ibm import status
from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments
from qiskit_job_manager.model import ExperimentKind, RemoteState
from qiskit_job_manager.testing.ibm_service import IBMService, account_environment, pointed

LABEL = "qjm-set-1"
ENDED = {RemoteState.DONE, RemoteState.ERROR, RemoteState.CANCELLED, RemoteState.GONE}


@pytest.fixture
def ended(wait_until):
    """Ask until a job has ended, and return its last status."""

    def ended(adapter, remote_id):
        def told():
            found = adapter.statuses([remote_id]).values()
            return next((status for status in found if status.state in ENDED), None)

        return wait_until(told)

    return ended


@pytest.fixture(autouse=True)
def _asked_often(monkeypatch, short_polls):
    monkeypatch.setattr(status, "SHORTEST_S", 0.0)
    monkeypatch.setattr(status, "LONGEST_S", 0.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The unmodified client, logged in with a token that is not saved, and where it asks.

    It takes a third of a second to log in, so that the tests of a module share it; each has an
    emulator of its own there.
    """
    from qiskit_ibm_runtime import QiskitRuntimeService

    with IBMService() as emulator:
        port = int(emulator.address.rpartition(":")[2])
        with pointed(emulator.address, tmp_path_factory.mktemp("home")) as arguments:
            service = QiskitRuntimeService(**arguments)
            emulator.close()
            yield port, service, arguments


@pytest.fixture
def ibm(place):
    with IBMService(port=place[0]) as emulator:
        yield emulator


@pytest.fixture
def service(ibm, place):
    return place[1]


@pytest.fixture
def new_service(ibm, place):
    """A service that logged in with this very emulator."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    return QiskitRuntimeService(**place[2])


@pytest.fixture
def backend(service):
    return service.backend("ibm_manila")


@pytest.fixture
def account(ibm, monkeypatch):
    """The user's account, as the client finds it here and in processes started from here."""
    for name, value in account_environment(ibm.address).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def saved_account(ibm, tmp_path, monkeypatch):
    """The user's account, saved with the client under a name."""
    from qiskit_ibm_runtime.accounts import management

    said = account_environment(ibm.address)
    file = tmp_path / "qiskit-ibm.json"
    account = {
        "channel": "ibm_quantum_platform",
        "url": said["QISKIT_IBM_URL"],
        "token": said["QISKIT_IBM_TOKEN"],
        "instance": said["QISKIT_IBM_INSTANCE"],
        "private_endpoint": False,
    }
    file.write_text(json.dumps({"work": account}))
    # The client works out where the file is when it is imported.
    monkeypatch.setattr(management, "_DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(file))
    return file


@pytest.fixture
def adapter(backend):
    return adapters.adapted(backend, listing_lag_s=0.05)


@pytest.fixture
def circuits():
    """Circuits that the backend can run as they are."""
    from qiskit import QuantumCircuit

    def make(count):
        made = []
        for index in range(count):
            circuit = QuantumCircuit(5, 2, name=f"c{index}")
            circuit.x(index % 2)
            circuit.measure([0, 1], [0, 1])
            made.append(circuit)
        return made

    return make


@pytest.fixture
def payload_of():
    """Encode the experiments of a job."""

    def encode(experiments, kind=ExperimentKind.SAMPLER_PUB):
        return pack_experiments([encode_experiment(each, kind) for each in experiments], kind)

    return encode


@pytest.fixture
def payload(circuits, payload_of):
    return payload_of(circuits(3))


@pytest.fixture
def send(adapter, payload):
    """Send one job."""

    def send(tag="qjm-1", labels=(LABEL,), **options):
        return adapter.submit(payload, {"shots": 20, **options}, tag, labels)

    return send
