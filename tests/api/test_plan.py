"""What a run would come to is told before anything is stored or sent."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorSampler

from qiskit_job_manager import Limits
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidExperimentError, PlanError
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend


@pytest.fixture
def costly():
    return ScriptedBackend(
        SystemClock(),
        Capabilities(findable=True),
        limits=Limits(experiments_per_job=4, submissions_per_minute=2),
        usage_s=1.5,
    )


def test_a_plan_is_the_split_that_run_makes_and_costs_nothing(manager, circuits, costly):
    plan = manager.plan(circuits(10), costly, shots=100)
    assert (plan.n_jobs, plan.n_experiments, plan.executions) == (3, 10, 1000)
    assert plan.usage_s == 15.0
    assert plan.submission_s == 60.0
    assert plan.payload_bytes > 0
    assert costly.ledger.calls == []
    assert manager.job_sets() == []
    job_set = manager.run(circuits(10), costly, shots=100)
    spans = [(job.start_index, job.end_index + 1) for job in job_set.managed_jobs()]
    assert spans == [(job.start, job.stop) for job in plan.jobs]
    assert job_set.usage().estimated_s <= 15.0


def test_shots_beyond_the_limit_are_planned_as_shares(manager, circuits, costly):
    limits = Limits(shots_per_experiment=100)
    plan = manager.plan(circuits(4), costly, shots=250, limits=limits)
    assert [job.shots for job in plan.jobs] == [84, 83, 83]
    assert plan.executions == 1000


def test_a_sweep_counts_the_circuits_that_its_values_make(manager):
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    circuit.measure_all()
    pub = (circuit, np.zeros((3, 5, 1)))
    plan = manager.plan([pub], StatevectorSampler(), shots=10)
    assert (plan.n_experiments, plan.executions) == (1, 150)
    assert plan.usage_s is None


def test_without_shots_nobody_knows_the_executions(manager, circuits):
    plan = manager.plan(circuits(3), "basic")
    assert (plan.executions, plan.usage_s, plan.submission_s) == (None, None, 0.0)


def test_what_cannot_run_is_not_planned(manager, circuits, costly):
    with pytest.raises(PlanError, match="c0"):
        manager.plan(circuits(1), costly, shots=100, limits=Limits(payload_bytes_per_job=10))
    with pytest.raises(InvalidExperimentError, match="experiment 1"):
        manager.plan([*circuits(1), "no circuit"], "basic")
    with pytest.raises(InvalidExperimentError, match="no experiments"):
        manager.plan(iter([]), "basic")
