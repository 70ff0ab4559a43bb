"""A seed in the object that is handed over: samples are independent, and come again.

Public sources: qiskit-aer#585, qiskit-aer#1511, Qiskit/qiskit#6501.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import qiskit_ibm_runtime
from qiskit import QuantumCircuit
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import Options
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import EstimatorV2, SamplerV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager import JobManager, Limits
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.errors import InvalidArgumentError, NameInUseError

pytestmark = pytest.mark.filterwarnings("ignore:The (Sampler|Estimator)V2 class is deprecated")


def seeded(backend, seed=42):
    backend.set_options(seed_simulator=seed)
    return backend


class MySampler(StatevectorSampler):
    """A class of somebody's own."""


BACKENDS = {
    "aer": lambda: AerSimulator(seed_simulator=42),
    "aer, set later": lambda: seeded(AerSimulator()),
    "aer, a NumPy integer": lambda: AerSimulator(seed_simulator=np.int64(42)),
    "aer, by name": lambda: "aer?seed_simulator=42",
    "basic": lambda: seeded(BasicSimulator()),
    "fake": lambda: seeded(FakeManilaV2()),
    "generic": lambda: seeded(GenericBackendV2(3, seed=1)),
}
SAMPLERS = {
    "statevector": lambda: StatevectorSampler(seed=42),
    "of a derived class": lambda: MySampler(seed=42),
    "over seeded aer": lambda: BackendSamplerV2(backend=AerSimulator(seed_simulator=42)),
    "seeded over aer": lambda: BackendSamplerV2(
        backend=AerSimulator(), options={"seed_simulator": 42}
    ),
    "over a fake": lambda: BackendSamplerV2(backend=seeded(FakeManilaV2())),
    "aer's": lambda: SamplerV2(seed=42),
    "aer's, backend options": lambda: SamplerV2(
        options={"backend_options": {"seed_simulator": 42}}
    ),
    "aer's, run options": lambda: SamplerV2(options={"run_options": {"seed_simulator": 42}}),
    "aer's, from a backend": lambda: SamplerV2.from_backend(AerSimulator(seed_simulator=42)),
    "by name": lambda: "sampler:aer?seed_simulator=42",
    "IBM's, local": lambda: qiskit_ibm_runtime.SamplerV2(mode=AerSimulator(seed_simulator=42)),
}
SAMPLING = {f"backend {k}": v for k, v in BACKENDS.items()} | {
    f"sampler {k}": v for k, v in SAMPLERS.items()
}
ESTIMATORS = {
    "statevector": lambda: StatevectorEstimator(seed=42),
    "over seeded aer": lambda: BackendEstimatorV2(backend=AerSimulator(seed_simulator=42)),
    "aer's, run options": lambda: EstimatorV2(options={"run_options": {"seed_simulator": 42}}),
    "aer's, backend options": lambda: EstimatorV2(
        options={"backend_options": {"seed_simulator": 42}}
    ),
}


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def plus():
    circuit = QuantumCircuit(3, name="plus")
    for qubit in range(3):  # what all of them run without being transpiled
        circuit.sx(qubit)
    circuit.measure_all()
    return circuit


def pubs_or_circuits(backend, circuit, times=1):
    is_sampler = hasattr(backend, "default_shots") or "ampler" in f"{backend!r}"
    return [(circuit,) if is_sampler else circuit] * times


def counts_of_shares(manager, make, circuit):
    """Return the counts of 1,000 shots in four jobs."""
    backend, limits = make(), Limits(shots_per_experiment=250)
    experiments = pubs_or_circuits(backend, circuit)
    job_set = manager.run(experiments, backend, shots=1000, limits=limits)
    return job_set.results(timeout=300).get_counts(0)


@pytest.mark.parametrize(
    "make", [*BACKENDS.values(), *SAMPLERS.values()], ids=[*BACKENDS, *SAMPLERS]
)
def test_shares_of_shots_are_independent_and_the_same_script_gives_the_same(manager, make, plus):
    counts = counts_of_shares(manager, make, plus)
    assert sum(counts.values()) == 1000
    assert any(count % 4 for count in counts.values()), "the four shares are equal"
    assert counts_of_shares(manager, make, plus) == counts


@pytest.mark.parametrize(
    "make", [*BACKENDS.values(), *SAMPLERS.values()], ids=[*BACKENDS, *SAMPLERS]
)
def test_equal_circuits_of_several_jobs_are_independent(manager, make, plus):
    backend = make()
    experiments = pubs_or_circuits(backend, plus, times=3)
    results = manager.run(experiments, backend, shots=300, max_experiments_per_job=1).results(300)
    assert len({tuple(sorted(results.get_counts(index).items())) for index in range(3)}) == 3


@pytest.mark.parametrize("make", BACKENDS.values(), ids=BACKENDS)
def test_one_job_gives_what_the_object_alone_gives(manager, make, plus):
    backend = make()
    alone = adapt(backend).qiskit_backend.run([plus], shots=500).result().get_counts()
    assert manager.run([plus], make(), shots=500).results(300).get_counts(0) == dict(alone)


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_equal_estimates_of_several_jobs_are_independent(manager, make, plus):
    pub = (plus.remove_final_measurements(inplace=False), "ZZZ")

    def values():
        job_set = manager.run([pub] * 3, make(), precision=0.1, max_experiments_per_job=1)
        results = job_set.results(timeout=300)
        return [float(results.data(index)["evs"]) for index in range(3)]

    assert len(set(values())) == 3
    assert values() == values()


# -- whose seed counts ----------------------------------------------------------------------------


@pytest.mark.parametrize("option", [{"seed_simulator": 7}, {"seed_simulator": np.int32(7)}])
def test_a_seed_among_the_run_options_counts_in_place_of_the_objects(manager, plus, option):
    one = manager.run([plus], AerSimulator(seed_simulator=42), shots=500, **option)
    other = manager.run([plus], AerSimulator(), shots=500, seed_simulator=7)
    assert one.results(300).get_counts(0) == other.results(300).get_counts(0)


def test_none_is_no_seed_as_in_aer(manager, plus):
    limits = Limits(shots_per_experiment=250)
    backend = AerSimulator(seed_simulator=42)
    job_set = manager.run([plus], backend, shots=1000, limits=limits, seed_simulator=None)
    assert any(count % 4 for count in job_set.results(300).get_counts(0).values())


@pytest.mark.parametrize("option", [{"seed": 7}, {"seed_simulator": 7}])
def test_so_it_does_for_a_sampler_whatever_its_name(manager, plus, option):
    one = manager.run([(plus,)], StatevectorSampler(seed=42), shots=500, **option)
    other = manager.run([(plus,)], StatevectorSampler(seed=7), shots=500)
    assert one.results(300).get_counts(0) == other.results(300).get_counts(0)


@pytest.mark.parametrize("other", [AerSimulator(seed_simulator=43), AerSimulator()])
def test_the_same_script_with_another_seed_is_refused(manager, plus, other):
    manager.run([plus], AerSimulator(seed_simulator=42), name="mine", shots=10).results(300)
    with pytest.raises(NameInUseError, match=r"seed_simulator.*42"):
        manager.run([plus], other, name="mine", shots=10, if_exists="resume")


@pytest.mark.parametrize("seed", [None, 42, 43])
def test_a_set_goes_on_with_its_own_seed_and_says_so(manager, plus, seed, caplog):
    run = manager.run([plus], AerSimulator(seed_simulator=42), shots=10, drive=False)
    again = manager.retrieve_job_set(run.job_set_id(), AerSimulator(seed_simulator=seed))
    alone = AerSimulator(seed_simulator=42).run(plus, shots=10).result().get_counts()
    assert again.results(300).get_counts(0) == dict(alone)
    assert ("seed_simulator=43 of aer_simulator has no effect" in caplog.text) == (seed == 43)


def test_a_seed_that_was_given_in_place_of_the_objects_is_no_other_seed(manager, plus):
    backend = AerSimulator(seed_simulator=42)
    run = manager.run([plus], backend, shots=10, drive=False, seed_simulator=7)
    alone = AerSimulator(seed_simulator=7).run(plus, shots=10).result().get_counts()
    again = manager.retrieve_job_set(run.job_set_id(), backend)
    assert again.results(300).get_counts(0) == dict(alone)


def test_a_set_without_a_seed_refuses_an_object_with_one(manager, plus):
    run = manager.run([plus], AerSimulator(), shots=10, drive=False)
    with pytest.raises(InvalidArgumentError, match=r"is 43, and .* begun without a seed"):
        manager.retrieve_job_set(run.job_set_id(), AerSimulator(seed_simulator=43))


# -- providers that nobody has seen ---------------------------------------------------------------


def test_a_provider_gets_a_seed_only_by_an_option_that_it_has_and_takes(manager, plus, providers):
    class Seeded(providers["Provider"]):
        seeds: ClassVar[list[int | None]] = []

        @classmethod
        def _default_options(cls):
            return Options(shots=100, seed_simulator=5)

        def run(self, run_input, **options):
            self.seeds.append(options.get("seed_simulator"))
            return super().run(run_input, **options)

    class Strict(Seeded):
        def run(self, run_input, shots=100):
            return super().run(run_input, shots=shots)

    manager.run([plus] * 2, Seeded(), shots=10, max_experiments_per_job=1).results(300)
    assert 5 in Seeded.seeds
    assert len(set(Seeded.seeds)) == 2
    Seeded.seeds.clear()
    assert manager.run([plus], Strict(), shots=10).results(300).success
    assert Seeded.seeds == [None]


def test_a_random_generator_is_no_seed(manager, plus):
    sampler = StatevectorSampler(seed=np.random.default_rng(3))
    counts = counts_of_shares(manager, lambda: sampler, plus)
    assert any(count % 4 for count in counts.values())
