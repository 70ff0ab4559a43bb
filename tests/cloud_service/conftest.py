from __future__ import annotations

import pytest

from qiskit_job_manager.codec.circuits import encode_circuit, pack
from qiskit_job_manager.testing.cloud_service import CloudClient, CloudService


@pytest.fixture
def circuits():
    from qiskit import QuantumCircuit

    def make(count, tag="c"):
        made = []
        for i in range(count):
            circuit = QuantumCircuit(3, 3, name=f"{tag}{i}")
            circuit.x(i % 3)
            circuit.measure(range(3), range(3))
            made.append(circuit)
        return made

    return make


@pytest.fixture
def payload(circuits):
    return pack([encode_circuit(circuit) for circuit in circuits(3)])


@pytest.fixture
def cloud(tmp_path):
    with CloudService(ledger=tmp_path / "ledger.jsonl") as cloud:
        yield cloud


@pytest.fixture
def client(cloud):
    return CloudClient(cloud.address, timeout_s=5.0)


@pytest.fixture
def entry_point(tmp_path, monkeypatch):
    """Make the cloud open by its name, here and in processes started from here."""
    info = tmp_path / "site" / "cloud-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cloud\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[qiskit_job_manager.backends]\n"
        "cloud = qiskit_job_manager.testing.cloud_service.adapter:open_cloud\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(info.parent))
    monkeypatch.syspath_prepend(str(info.parent))
