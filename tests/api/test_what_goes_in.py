"""What runs is what was handed over; what cannot be kept is refused before anything is stored."""

from __future__ import annotations

import logging
from uuid import uuid4

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm2, transpile
from qiskit.circuit import AnnotatedOperation, Gate, InverseModifier, Parameter
from qiskit.circuit.library import RXGate, StatePreparation, UCGate
from qiskit.primitives import StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import random_unitary
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager import InvalidExperimentError, JobManager, NameInUseError


@pytest.fixture
def manager(tmp_path):
    with JobManager(store=tmp_path / "store.db") as manager:
        yield manager


class Odd(Gate):
    def __init__(self):
        super().__init__("odd", 1, [])
        self._params = [object()]


def _odd(name="bad"):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.append(Odd(), [0])
    circuit.measure(0, 0)
    return circuit


# -- as alone ------------------------------------------------------------------------------------


def test_a_t1_experiment_decays(manager):  # Qiskit/qiskit#10662, qiskit-experiments#1509
    circuits = []
    for us in (0, 100, 200):
        circuit = QuantumCircuit(1, 1, name=f"t1_{us}us")
        circuit.x(0)
        circuit.delay(us, 0, unit="us")
        circuit.measure(0, 0)
        circuits.append(circuit)
    backend = AerSimulator.from_backend(FakeManilaV2(), seed_simulator=7)
    alone = backend.run(circuits, shots=600, seed_simulator=7).result()
    results = manager.run(circuits, backend, shots=600, seed_simulator=7).results(timeout=60)
    assert alone.get_counts(2)["1"] < 300 < alone.get_counts(0)["1"]
    counts = [results.get_counts(index)["1"] for index in range(3)]
    assert counts[0] > 500
    assert counts[2] < 300


def _same_as_alone(manager, pub, register):
    right = StatevectorSampler(seed=1).run([pub], shots=200).result()[0].data[register]
    run = manager.run([pub], StatevectorSampler(seed=1), shots=200)
    seen = run.results(timeout=60).pub_result(0).data[register]
    assert seen.shape == right.shape
    for place in np.ndindex(right.shape):
        assert seen.get_counts(place) == right.get_counts(place)


def test_a_swept_delay_runs(manager):  # Qiskit/qiskit#10662
    t = Parameter("t")
    circuit = QuantumCircuit(1, 1, name="echo")
    circuit.x(0)
    circuit.delay(t, 0, unit="us")
    circuit.measure(0, 0)
    _same_as_alone(manager, (circuit, [[1.0], [2.5]]), "c")


def test_the_inverse_of_a_preparation_runs_as_its_inverse(manager):  # Qiskit/qiskit#17000
    amplitudes = np.array([1, 1j, 0.5, -1]) / np.sqrt(3.25)
    circuit = QuantumCircuit(2, name="mirror")
    circuit.append(StatePreparation(amplitudes), [0, 1])
    circuit.append(StatePreparation(amplitudes).inverse(), [0, 1])
    circuit.measure_all()
    results = manager.run([circuit], StatevectorSampler(seed=1), shots=500).results(timeout=60)
    assert results.get_counts(0) == {"00": 500}


def test_a_parameter_in_an_annotated_operation_is_bound(manager):  # Qiskit/qiskit#11088
    circuit = QuantumCircuit(1, name="lazy")
    circuit.append(AnnotatedOperation(RXGate(Parameter("a")), [InverseModifier()]), [0])
    circuit.measure_all()
    _same_as_alone(manager, (circuit, [0.7]), "meas")


def test_a_multiplexer_runs_among_its_siblings(manager):  # Qiskit/qiskit#7847, Qiskit/qiskit#11158
    circuits = [QuantumCircuit(2, name=name) for name in ("first", "bad", "last")]
    circuits[1].append(UCGate([random_unitary(2, seed=s).data for s in (1, 2)]), [0, 1])
    for circuit in circuits:
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.measure_all()
    results = manager.run(circuits, AerSimulator(), shots=100).results(timeout=60)
    assert [sum(results.get_counts(index).values()) for index in range(3)] == [100] * 3
    assert set(results.get_counts(2)) <= {"00", "11"}


def test_metadata_comes_back_in_headers(manager):  # qiskit-ibm-provider#582, qiskit-ibm-runtime#984
    for metadata in ({"xval": np.int64(5)}, {"qubits": (0, 1)}, {3: "key", "z": 1j, "n": None}):
        circuit = QuantumCircuit(1, 1, name="point", metadata=metadata)
        circuit.measure(0, 0)
        job_set = manager.run([circuit], AerSimulator(), shots=10)
        header = job_set.results(timeout=60) and job_set.result().results[0].header
        assert header["metadata"] == metadata
        assert type(header["metadata"]) is dict


# -- refused -------------------------------------------------------------------------------------


def test_a_list_is_refused_before_anything_is_stored(manager, circuits, scripted):
    experiments = [*circuits(3), _odd(), *circuits(3)]
    with pytest.raises(
        InvalidExperimentError, match=r"experiment 3 \('bad'\).*'odd', a Odd.*[Tt]r"
    ):
        manager.run(experiments, scripted(), max_experiments_per_job=1, drive=False)
    assert not manager.job_sets()


def test_a_pub_is_refused_by_the_name_of_its_circuit(manager):
    with pytest.raises(InvalidExperimentError, match=r"experiment 0 \('bad'\).*'odd'"):
        manager.run([(_odd(), None, 10)], StatevectorSampler(), drive=False)


def test_metadata_is_refused_by_its_key(manager, scripted):
    circuit = QuantumCircuit(1, 1, name="mine", metadata={"fine": 1, "bad": object()})
    with pytest.raises(InvalidExperimentError, match=r"'mine'.*metadata 'bad'"):
        manager.run([circuit], scripted(), drive=False)


# -- known again ---------------------------------------------------------------------------------


def _again(manager, first, second, backend="aer"):
    name = f"again-{uuid4()}"
    for experiments in (first, second):
        manager.run(experiments, backend, name=name, if_exists="resume", drive=False)


SOURCE = """OPENQASM 2.0; include "qelib1.inc";
gate there a,b { h a; cx a,b; } gate back a,b { cx a,b; h a; }
qreg q[2]; creg c[2]; there q[0],q[1]; back q[0],q[1]; there q[1],q[0]; measure q -> c;"""


def test_openqasm_2_attaches(manager):  # Qiskit/qiskit#5082, Qiskit/qiskit#13166
    sampler = StatevectorSampler(seed=1)
    _again(manager, [qasm2.loads(SOURCE)], [qasm2.loads(SOURCE)], sampler)


def test_unnamed_registers_attach(manager):  # Qiskit/documentation#1130
    from qiskit import ClassicalRegister, QuantumRegister

    def cell():
        qubits, bits = QuantumRegister(2), ClassicalRegister(2)
        circuit = QuantumCircuit(qubits, bits, name="cell")
        circuit.h(0)
        circuit.measure(qubits, bits)
        return circuit

    _again(manager, [cell()], [cell()])


def _wait(unit, metadata=None):
    circuit = QuantumCircuit(1, 1, name="wait", metadata=metadata)
    circuit.x(0)
    circuit.delay(200, 0, unit=unit)
    circuit.measure(0, 0)
    return circuit


def test_another_unit_does_not_attach(manager):  # Qiskit/qiskit#10662
    with pytest.raises(NameInUseError, match=r"delay\(200.0 ns\).*delay\(200.0 ms\)"):
        _again(manager, [_wait("ns")], [_wait("ms")])


def test_a_circuit_that_was_transpiled_again_is_refused_with_the_cause(manager):
    circuit = QuantumCircuit(4, name="ghz")
    circuit.h(0)
    circuit.cx(0, [1, 2, 3])
    circuit.measure_all()
    device = GenericBackendV2(6, seed=1)
    one, other = (
        transpile(circuit, device, seed_transpiler=1, initial_layout=layout)
        for layout in ([0, 1, 2, 3], [3, 2, 1, 0])
    )
    with pytest.raises(NameInUseError, match=r"experiment 0 is the first.*seed_transpiler"):
        _again(manager, [one], [other], device)


def test_other_metadata_attaches_and_the_log_says_that_the_stored_stays(manager, caplog):
    with caplog.at_level(logging.WARNING):
        _again(manager, [_wait("ns", {"a": 1})], [_wait("ns", {"a": 2})])
    assert "stored metadata stays" in caplog.text
    caplog.clear()
    _again(manager, [_wait("ns", {"a": 1})], [_wait("ns", {"a": 1})])
    assert not caplog.text


def test_a_hash_of_another_version_is_no_difference(manager, monkeypatch):
    from qiskit_job_manager.codec import identity

    monkeypatch.setattr(identity, "HASH_VERSION", 1)
    manager.run([_wait("ns")], "aer", name="old", drive=False)
    monkeypatch.undo()
    manager.run([_wait("ns")], "aer", name="old", if_exists="resume", drive=False)
    with pytest.raises(NameInUseError, match="delay"):
        manager.run([_wait("us")], "aer", name="old", if_exists="resume", drive=False)
