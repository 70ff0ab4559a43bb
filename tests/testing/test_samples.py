"""The results that a scripted backend gives by itself, for real circuits."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qiskit_job_manager.testing import JobStory, ScriptedBackend
from qiskit_job_manager.testing.samples import count_experiments, expected_counts, sampled


@pytest.fixture(scope="module")
def circuits():
    from qiskit import QuantumCircuit

    made = []
    for name, qubits in [("a", 1), ("b", 3), ("c", 0)]:
        circuit = QuantumCircuit(qubits, qubits, name=name, metadata={"of": name})
        circuit.measure(range(qubits), range(qubits))
        made.append(circuit)
    return made


@pytest.fixture(scope="module")
def payload(circuits):
    from qiskit_job_manager.codec.circuits import encode_circuit, pack

    return pack([encode_circuit(circuit) for circuit in circuits])


@pytest.fixture(scope="module")
def read():
    from qiskit_job_manager.codec.results import open_result

    return lambda raw: open_result(raw).result()


def test_every_experiment_has_its_own_counts_in_its_place(clock, payload, read):
    backend = ScriptedBackend(clock)
    result = read(backend.fetch(backend.submit(payload, {"shots": 100}, "tag")))
    assert [experiment.header["name"] for experiment in result.results] == ["a", "b", "c"]
    assert result.success
    for name, bits, got in zip("abc", (1, 3, 0), result.results, strict=True):
        assert got.to_dict()["data"].get("counts", {}) == expected_counts(name, bits, 100)
    assert sum(result.get_counts("b").values()) == 100
    assert set(map(len, result.get_counts("b"))) == {3}


def test_the_same_job_gives_the_same_bytes(payload):
    assert sampled(payload, {"shots": 9}, 3) == sampled(payload, {"shots": 9}, 3)
    assert sampled(payload, {"shots": 9}, 3) != sampled(payload, {"shots": 8}, 3)


def test_failed_experiments_have_a_reason_and_no_data(clock, payload, read):
    backend = ScriptedBackend(clock)
    backend.tell(JobStory(run=lambda *job: sampled(*job, failed={1: "qubit 2 is asleep"})))
    result = read(backend.fetch(backend.submit(payload, {}, "tag")))
    assert [experiment.success for experiment in result.results] == [True, False, True]
    assert "qubit 2 is asleep" in result.results[1].status
    assert not result.success


def test_a_result_can_be_made_too_short(payload, read):
    assert len(read(sampled(payload, {}, count_experiments(payload) - 1)).results) == 2


@pytest.mark.parametrize("shots", [1, 2, 3, 4, 1001])
@pytest.mark.parametrize("bits", [1, 2, 70])
def test_no_shot_is_missing(shots, bits):
    counts = expected_counts("name", bits, shots)
    assert sum(counts.values()) == shots
    assert all(0 <= int(key, 16) < 2**bits and count > 0 for key, count in counts.items())


def test_submitting_imports_no_qiskit():
    program = (
        "import sys\n"
        "from qiskit_job_manager.model import Blob\n"
        "import qiskit_job_manager.errors\n"
        "before = set(sys.modules)\n"
        "from qiskit_job_manager.testing import FakeClock, ScriptedBackend\n"
        "backend = ScriptedBackend(FakeClock())\n"
        "backend.statuses([backend.submit(Blob('x', b'y'), {}, 'tag')])\n"
        "new = set(sys.modules) - before\n"
        "assert not any(name.startswith('qiskit.') for name in new), new\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # the errors alone may import it
