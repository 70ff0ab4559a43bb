"""The result of a whole set has the fields of a direct run's, and empty sweeps have results."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit_aer import AerSimulator

from qiskit_job_manager import JobManager, ManagedBackend
from qiskit_job_manager.results.pub_results import common_fields


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


def circuits(count):
    made = []
    for k in range(count):
        circuit = QuantumCircuit(1, 1, name=f"c{k}")
        circuit.measure(0, 0)
        made.append(circuit)
    return made


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_job_sets_result_has_the_fields_of_a_direct_runs(manager, n_jobs):
    alone = AerSimulator().run(circuits(1), shots=10).result()
    options = {"shots": 10, "max_experiments_per_job": 1}
    job_set = manager.run(circuits(n_jobs), AerSimulator(), **options)
    results = job_set.results(timeout=60)
    times = [job.result().time_taken for job in job_set.managed_jobs()]
    through = ManagedBackend(AerSimulator(), manager=manager).run(circuits(n_jobs), **options)
    for result in (results.combine_results(), job_set.result(), through.result()):
        assert result.backend_version == alone.backend_version
        assert set(alone.metadata) <= {*result.metadata, *result.metadata.get("jobs", [{}])[0]}
        assert set(alone.to_dict()) <= set(result.to_dict())
        assert len(result.metadata.get("jobs", [])) == (0 if n_jobs == 1 else n_jobs)
    assert job_set.result().time_taken == pytest.approx(sum(times))
    assert job_set.result().job_id == job_set.job_set_id()


def test_the_fields_of_several_results_are_what_they_say_alike():
    one = {"backend_name": "b", "backend_version": "1", "header": {"a": 1}, "time_taken": 1.5}
    other = {"backend_name": "b", "backend_version": "2", "header": {"a": 1}, "time_taken": 2.0}
    fields = common_fields([{**one, "metadata": {"x": 1, "y": 1}}, {**other, "metadata": {"x": 1}}])
    assert fields == {
        "header": {"a": 1},
        "time_taken": 3.5,
        "metadata": {"x": 1, "jobs": [{"x": 1, "y": 1}, {"x": 1}]},
    }
    assert common_fields([]) == {}
    assert common_fields([{"time_taken": None, "metadata": None}]) == {}


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_a_pub_without_points_gives_the_empty_result_that_the_primitive_gives(manager, shape):
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta, 0)
    measured = circuit.copy()
    measured.measure_all()
    sampled = [(measured, np.zeros((*shape, 1))), (measured, [0.0])]
    results = manager.run(sampled, StatevectorSampler(), shots=10).results(timeout=60)
    direct = StatevectorSampler().run(sampled, shots=10).result()
    assert results.success
    assert results.pub_result(0).data.meas.shape == direct[0].data.meas.shape == shape
    assert results.get_counts(0).shape == shape
    assert results.get_counts(1) == {"0": 10}
    estimated = [(circuit, "Z", np.zeros((*shape, 1)))]
    results = manager.run(estimated, StatevectorEstimator()).results(timeout=60)
    assert results.pub_result(0).data.evs.shape == shape


def test_pubs_without_points_are_planned_and_sent_like_others(manager):
    circuit = circuits(1)[0]
    pubs = [(circuit, np.zeros((0, 0))), (circuit, np.zeros((3, 0)))]
    plan = manager.plan(pubs, StatevectorSampler(), max_experiments_per_job=1, shots=10)
    assert (plan.n_jobs, plan.executions) == (2, 30)
