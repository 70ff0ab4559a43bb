"""Unmodified libraries, with one line changed: what they run goes through the manager."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager import (
    JobManager,
    Limits,
    ManagedBackend,
    ManagedEstimator,
    ManagedSampler,
)

# Of the libraries: they use what newer versions of Qiskit and SciPy are about to drop.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


ENERGY = SparsePauliOp(["ZZ", "XI", "IX"], [1.0, 0.5, 0.5])


def found_by_vqe(estimator):
    from qiskit_algorithms import VQE
    from qiskit_algorithms.optimizers import COBYLA

    ansatz = efficient_su2(2, reps=1)
    start = np.full(ansatz.num_parameters, 0.1)
    vqe = VQE(estimator, ansatz, COBYLA(maxiter=25), initial_point=start)
    return vqe.compute_minimum_eigenvalue(ENERGY)


def test_a_variational_algorithm_finds_the_same_through_an_estimator_of_ours(manager):
    plain = found_by_vqe(StatevectorEstimator())
    ours = found_by_vqe(ManagedEstimator(StatevectorEstimator(), manager=manager))
    assert ours.eigenvalue == plain.eigenvalue < -0.9
    assert ours.optimal_point.tolist() == plain.optimal_point.tolist()
    assert len(manager.job_sets()) == ours.cost_function_evals


def test_a_variational_algorithm_that_was_cut_off_goes_on_with_what_it_did(manager):
    estimator = ManagedEstimator("estimator:statevector", manager=manager, name="vqe")
    calls = 0
    run = estimator.run

    def cut_off(pubs, *, precision=None):
        nonlocal calls
        calls += 1
        if calls > 8:
            raise KeyboardInterrupt
        return run(pubs, precision=precision)

    estimator.run = cut_off
    with pytest.raises(KeyboardInterrupt):
        found_by_vqe(estimator)
    assert len(manager.job_sets()) == 8
    ours = found_by_vqe(ManagedEstimator("estimator:statevector", manager=manager, name="vqe"))
    assert ours.eigenvalue == found_by_vqe(StatevectorEstimator()).eigenvalue
    assert len(manager.job_sets()) == ours.cost_function_evals


def test_an_algorithm_that_samples_finds_the_same_through_a_sampler_of_ours(manager):
    from qiskit.quantum_info import Statevector
    from qiskit_algorithms import AmplificationProblem, Grover

    def searched(sampler):
        problem = AmplificationProblem(Statevector.from_label("101"), is_good_state=["101"])
        return Grover(iterations=2, sampler=sampler).amplify(problem)

    plain = searched(StatevectorSampler(seed=3))
    ours = searched(ManagedSampler(StatevectorSampler(seed=3), manager=manager))
    assert ours.top_measurement == plain.top_measurement == "101"
    assert ours.circuit_results == plain.circuit_results
    assert manager.job_sets()


def coherence_time(data):
    assert data.status().name == "DONE", data.errors()
    [found] = [r for r in data.analysis_results(dataframe=True).itertuples() if r.name == "T1"]
    return found.value.nominal_value


def test_an_experiment_of_a_calibration_library_runs_on_a_backend_of_ours(manager):
    """By ``backend.run``, which it is asked for, or else by a sampler over the backend."""
    from qiskit_experiments.library import T1

    inner = FakeManilaV2()
    backend = ManagedBackend(inner, manager=manager, limits=Limits(experiments_per_job=7))
    experiment = T1([0], np.linspace(1e-6, 400e-6, 20), backend=backend)
    data = experiment.run(backend_run=True, shots=500).block_for_results()
    expected = inner.qubit_properties(0).t1
    assert coherence_time(data) == pytest.approx(expected, rel=0.5)
    [job_set] = manager.job_sets()
    assert (len(job_set), job_set.n_jobs) == (20, 3)
    assert data.job_ids == [job_set.job_id()]
    again = experiment.run(shots=500).block_for_results()
    assert coherence_time(again) == pytest.approx(expected, rel=0.5)
    assert len(manager.job_sets()) == 2


def test_randomized_benchmarking_in_one_large_call(manager):
    from qiskit_experiments.library import StandardRB

    backend = ManagedBackend(AerSimulator.from_backend(FakeManilaV2()), manager=manager)
    data = StandardRB([0], [1, 50, 200], num_samples=4, seed=1, backend=backend).run()
    data.block_for_results()
    assert data.status().name == "DONE", data.errors()
    assert [len(job_set) for job_set in manager.job_sets()] == [12]
