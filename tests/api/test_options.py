"""Options of `run`: misspelt ones are refused, those of the backend pass."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorSampler
from qiskit.providers import Options
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

from qiskit_job_manager import InvalidArgumentError, JobManager
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.clock import FakeClock


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def circuit():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit


class Device(GenericBackendV2):
    """A backend with two options, whose ``run`` takes any."""

    def __init__(self):
        super().__init__(2, seed=1)

    @classmethod
    def _default_options(cls):
        return Options(shots=100, rep_delay=None)

    def run(self, run_input, **options):
        raise NotImplementedError


class Strict(Device):
    """One whose ``run`` takes two options only."""

    def run(self, run_input, shots=100, rep_delay=None):
        raise NotImplementedError


MISSPELT = [
    ("max_usage", "max_usage_s"),
    ("shot", "shots"),
    ("max_experiment_per_job", "max_experiments_per_job"),
    ("if_exist", "if_exists"),
    ("tags", "job_tags"),
    ("retries", "retry"),
    ("optimisation_level", "optimization_level"),
    ("transpiler", "transpile"),
]


@pytest.mark.parametrize(("name", "meant"), MISSPELT)
@pytest.mark.parametrize("backend", [Device(), ScriptedBackend(FakeClock())], ids=type)
def test_a_name_that_is_close_to_an_argument_is_refused(manager, circuit, backend, name, meant):
    with pytest.raises(InvalidArgumentError, match=f"'{name}' .* did you mean '{meant}'"):
        manager.run([circuit], backend, **{name: 7}, drive=False)
    assert manager.job_sets() == []


@pytest.mark.parametrize(
    ("backend", "name", "meant"),
    [
        (Device(), "rep_delays", "rep_delay"),
        (AerSimulator(), "seed_simulater", "seed_simulator"),
        (AerSimulator(), "noisemodel", "noise_model"),
    ],
)
def test_a_name_that_is_close_to_an_option_of_the_backend_is_refused(
    manager, circuit, backend, name, meant
):
    with pytest.raises(InvalidArgumentError, match=f"did you mean '{meant}'"):
        manager.run([circuit], backend, **{name: 7}, drive=False)
    with pytest.raises(InvalidArgumentError, match=f"did you mean '{meant}'"):
        manager.plan([circuit], backend, **{name: 7})


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        (Device(), "rep_delay"),  # among its options
        (Device(), "meas_level"),  # it takes any name
        (Strict(), "rep_delay"),  # a parameter of its run()
        (AerSimulator(), "memory"),
        (AerSimulator(), "max_shot_size"),  # near to one of ours, and one of its own
        ("aer", "seed_simulator"),
        (StatevectorSampler(), "seed"),
        (ScriptedBackend(FakeClock()), "anything"),
    ],
)
def test_what_the_backend_has_or_may_have_passes(manager, circuit, backend, name):
    job_set = manager.run([circuit], backend, **{name: 7}, drive=False)
    assert job_set.n_experiments == 1


def test_what_a_backend_cannot_have_is_refused_with_what_it_has(manager, circuit):
    with pytest.raises(InvalidArgumentError, match=r"'meas_level' .* which has .*rep_delay"):
        manager.run([circuit], Strict(), meas_level=1, drive=False)


def test_parameter_binds_are_refused_with_advice_that_works(manager):
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    circuit.measure_all()
    aer = AerSimulator()
    with pytest.raises(InvalidArgumentError, match=r"PUB, run\(\[\(circuit, values\)\].*assign_pa"):
        manager.run([circuit], aer, parameter_binds=[{theta: [0.0, 1.0]}], shots=10)
    pi = 3.141592653589793
    pub = manager.run([(circuit, [[0.0], [pi]])], aer, shots=10).results(timeout=60)
    assert list(pub.get_counts(0)) == [{"0": 10}, {"1": 10}]
    bound = [circuit.assign_parameters([point]) for point in (0.0, pi)]
    results = manager.run(bound, aer, shots=10).results(timeout=60)
    assert [results.get_counts(each) for each in bound] == [{"0": 10}, {"1": 10}]
