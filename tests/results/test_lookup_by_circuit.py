"""A circuit or a PUB finds the experiment with its content, or none: never another circuit's."""

from __future__ import annotations

import copy
import sqlite3

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit_aer import AerSimulator

from qiskit_job_manager import InvalidArgumentError, JobManager, JobManagerJobNotFound
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing.store_samples import hand_over, the_set


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def stored(manager):
    """Store experiments, and return what finds them."""

    def store(experiments, backend="aer", **options):
        job_set = manager.run(experiments, backend, drive=False, **options)
        return source_of(job_set).experiments

    return store


def rotated(angle, name=None):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    return circuit


def swept(name=None):
    theta = Parameter("theta")
    circuit = QuantumCircuit(1, name=name)
    circuit.rx(theta, 0)
    circuit.measure_all()
    return circuit


def test_each_circuit_finds_itself_whatever_it_is_called(stored):
    circuits = [rotated(k / 10) for k in range(5)]
    experiments = stored(circuits)
    names = [circuit.name for circuit in circuits]
    for circuit, name in zip(circuits, names[1:] + names[:1], strict=True):
        circuit.name = name
    assert [experiments.index(circuit) for circuit in circuits] == [0, 1, 2, 3, 4]
    assert [experiments.index(rotated(k / 10)) for k in range(5)] == [0, 1, 2, 3, 4]


def test_its_name_chooses_among_equals(stored):
    experiments = stored([rotated(0.5, "a"), rotated(0.5, "b"), rotated(0.7, "c")])
    assert experiments.index(rotated(0.5, "b")) == 1
    assert experiments.index(rotated(0.7, "b")) == 2


@pytest.mark.parametrize("name", ["a", "elsewhere"])
def test_equals_that_nothing_tells_apart_give_the_first_and_warn(stored, name):
    experiments = stored([rotated(0.5, "a"), rotated(0.5, "a")])
    with pytest.warns(UserWarning, match="several experiments with the content of"):
        assert experiments.index(rotated(0.5, name)) == 0


def test_the_original_of_a_transpiled_circuit_is_found_by_the_name_that_the_user_gave(stored):
    original = rotated(0.5, "mine")
    ran = transpile(original, basis_gates=["rz", "sx"], seed_transpiler=1)
    assert stored([ran, rotated(0.1, "other")]).index(original) == 0


def test_a_name_that_two_have_proves_nothing(stored):
    experiments = stored([rotated(0.1, "mine"), rotated(0.2, "mine")])
    with pytest.raises(JobManagerJobNotFound, match="several experiments have that name"):
        experiments.index(rotated(0.5, "mine"))


def bound(angle):
    return swept("ansatz").assign_parameters([angle])


@pytest.mark.parametrize("make", [rotated, bound], ids=["unnamed", "bound"])
def test_a_name_that_qiskit_counted_proves_nothing(stored, make):
    ran, other = make(0.1), make(0.2)
    other.name = ran.name
    with pytest.raises(JobManagerJobNotFound, match="Qiskit counted that name"):
        stored([ran]).index(other)


def test_a_circuit_that_was_changed_after_a_look_up_is_another(stored):
    circuit = rotated(0.5)
    experiments = stored([circuit])
    assert experiments.index(circuit) == 0
    circuit.x(0)
    with pytest.raises(JobManagerJobNotFound):
        experiments.index(circuit)


def test_the_message_names_the_nearest_name_and_the_way_out(stored):
    experiments = stored([rotated(0.1, "ramsey_10"), rotated(0.2, "echo_10")])
    with pytest.raises(
        JobManagerJobNotFound, match=r"nearest name is 'ramsey_10', of experiment 0"
    ):
        experiments.index(rotated(0.5, "ramsey_1"))
    with pytest.raises(JobManagerJobNotFound, match=r"nearest name is 'echo_10'"):
        experiments.index("eco_10")


@pytest.mark.parametrize("what", [3.5, None, object(), [], ("a", "b")])
def test_what_is_no_experiment_is_refused(stored, what):
    with pytest.raises(InvalidArgumentError, match="index, its name, or the circuit"):
        stored([rotated(0.1)]).index(what)


def test_circuits_in_a_store_of_others_bytes_raise_and_nothing_else(tmp_path):
    from qiskit_job_manager.results import Experiments
    from qiskit_job_manager.stores import open_store

    store = open_store(tmp_path / "bytes.db")
    hand_over(store, [["a", "b"]])
    with pytest.raises(JobManagerJobNotFound):
        Experiments(store, the_set(store)).index(rotated(0.5, "c"))
    store.close()


def test_what_an_earlier_version_hashed_in_another_way_is_found_by_name_and_content(
    stored, tmp_path
):
    circuits = [rotated(0.1), rotated(0.2)]
    experiments = stored(circuits)
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("UPDATE experiment SET content_hash = zeroblob(32)")
    connection.commit()
    connection.close()
    assert [experiments.index(circuit) for circuit in circuits] == [0, 1]
    other = rotated(0.3)
    other.name = circuits[0].name
    with pytest.raises(JobManagerJobNotFound):
        experiments.index(other)


# -- PUBs -----------------------------------------------------------------------------------------


def test_each_pub_finds_itself(stored):
    circuit = swept()
    pubs = [(circuit, [k / 10]) for k in range(4)]
    experiments = stored(pubs, StatevectorSampler())
    assert [experiments.index(pub) for pub in pubs] == [0, 1, 2, 3]
    again = swept()
    again.name = "circuit-99999"
    assert experiments.index((again, np.array([0.2]))) == 2
    with pytest.raises(JobManagerJobNotFound, match="content of the PUB"):
        experiments.index((circuit, [0.05]))


def test_a_pub_with_other_values_is_not_found_by_its_name(stored):
    circuit = swept("ising")
    experiments = stored([(circuit, [0.1])], StatevectorSampler())
    with pytest.raises(JobManagerJobNotFound):
        experiments.index((circuit, [0.2]))


def test_the_circuit_of_a_pub_finds_it(stored):
    circuits = [swept(), rotated(0.3), swept()]
    circuits[2].name = circuits[0].name
    circuits[2].data.pop(0)
    circuits[2].ry(Parameter("phi"), 0)
    pubs = [(circuits[0], [0.1]), (circuits[1], None, 7), (circuits[2], [0.1])]
    experiments = stored(pubs, StatevectorSampler())
    assert [experiments.index(circuit) for circuit in circuits] == [0, 1, 2]


def test_the_circuit_of_an_estimators_pub_finds_it(stored):
    circuit = QuantumCircuit(1)
    circuit.h(0)
    experiments = stored(
        [(circuit, "Z"), (rotated(0.1).remove_final_measurements(False), "Z")],
        StatevectorEstimator(),
    )
    assert experiments.index(circuit) == 0
    assert experiments.index((circuit, "Z")) == 0
    with pytest.raises(JobManagerJobNotFound):
        experiments.index((circuit, "X"))


# -- everything that takes an experiment ----------------------------------------------------------


def test_every_reader_answers_with_the_circuits_own_result(manager):
    circuits = [QuantumCircuit(1, name="state") for _ in range(2)]
    circuits[1].x(0)
    for circuit in circuits:
        circuit.save_statevector()
        circuit.measure_all()
    job_set = manager.run(circuits, AerSimulator(), shots=5, memory=True)
    results = job_set.results(timeout=60)
    for bit, circuit in enumerate(map(copy.deepcopy, circuits)):
        assert results.get_counts(circuit) == {str(bit): 5}
        assert results.get_memory(circuit) == [str(bit)] * 5
        assert results.data(circuit)["counts"] == {hex(bit): 5}
        assert abs(results.get_statevector(circuit).data[bit]) == pytest.approx(1)
        assert job_set.job(circuit)[1] == bit
    with pytest.raises(JobManagerJobNotFound):
        results.get_unitary(rotated(0.1, "state"))
