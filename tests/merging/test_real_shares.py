"""Shares that a real simulator returned."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qiskit_job_manager.errors import MergeError
from qiskit_job_manager.merging import merge
from qiskit_job_manager.planning import derive_seed


@pytest.fixture(scope="module")
def simulator():
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.3, 1), ["x"])
    return AerSimulator(method="statevector", noise_model=noise, max_parallel_threads=1)


@pytest.fixture
def shares_of(simulator):
    def run(circuit, *shots):
        return [
            simulator.run(circuit, shots=number, memory=True, seed_simulator=derive_seed(7, index))
            .result()
            .results[0]
            .to_dict()
            for index, number in enumerate(shots)
        ]

    return run


def noisy(save):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    save(circuit)
    circuit.measure(0, 0)
    return circuit


def test_counts_and_memory_of_shares_agree_and_read_as_one_result(shares_of):
    from qiskit.result import Result
    from qiskit.result.models import ExperimentResult

    merged = merge(shares_of(noisy(lambda circuit: None), 300, 200, 100))
    assert Counter(merged["data"]["memory"]) == merged["data"]["counts"]
    result = Result(results=[ExperimentResult.from_dict(merged)])
    assert sum(result.get_counts().values()) == 600
    assert len(result.get_memory()) == 600


def test_shares_with_seeds_of_their_own_do_not_repeat_each_other(shares_of):
    one, other = shares_of(noisy(lambda circuit: None), 300, 300)
    assert one["data"]["memory"] != other["data"]["memory"]


def test_saved_averages_are_those_of_all_shots(shares_of):
    from qiskit.quantum_info import SparsePauliOp

    def save(circuit):
        circuit.save_expectation_value(SparsePauliOp("Z"), [0])
        circuit.save_expectation_value(SparsePauliOp("Z"), [0], label="each", pershot=True)
        circuit.save_density_matrix(label="mixed")

    data = merge(shares_of(noisy(save), 300, 100))["data"]
    assert len(data["each"]) == 400
    assert np.isclose(data["expectation_value"], np.mean(data["each"]))
    assert np.isclose(data["mixed"].data[1, 1].real, data["counts"]["0x1"] / 400)


def test_states_that_differ_from_shot_to_shot_are_refused(shares_of):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.save_statevector()
    shares = shares_of(circuit, *[1] * 8)
    with pytest.raises(MergeError, match="'statevector'"):
        merge(shares)
