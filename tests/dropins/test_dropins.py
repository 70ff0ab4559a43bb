"""The drop-ins are what they stand for, and every call is a job set that can be found again."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qiskit import transpile
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import (
    BackendSamplerV2,
    BaseEstimatorV2,
    BasePrimitiveJob,
    BaseSamplerV2,
    PrimitiveResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import BackendV2, JobStatus
from qiskit.result import Result
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager import (
    InvalidArgumentError,
    InvalidExperimentError,
    JobManager,
    JobManagerTimeoutError,
    Limits,
    ManagedBackend,
    ManagedEstimator,
    ManagedResultDataNotAvailable,
    ManagedSampler,
    NameInUseError,
)


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def aer():
    return AerSimulator(max_parallel_threads=1)


def numbered(count):
    """Circuits of which circuit i measures i in binary."""
    made = []
    for number in range(count):
        circuit = QuantumCircuit(3, 3, name=f"c{number}")
        for qubit in range(3):
            if number >> qubit & 1:
                circuit.x(qubit)
        circuit.measure(range(3), range(3))
        made.append(circuit)
    return made


def counts_of(number, shots):
    return {format(number, "03b"): shots}


# -- the backend ----------------------------------------------------------------------------------


def test_a_managed_backend_describes_the_device_behind_it(manager):
    inner = FakeManilaV2()
    backend = ManagedBackend(inner, manager=manager)
    assert isinstance(backend, BackendV2)
    assert backend.name == inner.name
    assert backend.target is inner.target
    assert backend.num_qubits == 5
    assert backend.coupling_map == inner.coupling_map
    assert backend.operation_names == inner.operation_names
    assert backend.max_circuits is None
    assert backend.options is inner.options
    assert backend.qubit_properties(0).t1 == inner.qubit_properties(0).t1
    assert backend.properties().to_dict() == inner.properties().to_dict()
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    assert transpile(circuit, backend) == transpile(circuit, inner)
    with pytest.raises(AttributeError, match="no_such_thing"):
        backend.no_such_thing  # noqa: B018


def test_its_job_is_split_and_its_result_is_one(manager, aer):
    backend = ManagedBackend(aer, manager=manager, limits=Limits(experiments_per_job=3), shots=9)
    job = backend.run(numbered(8))
    result = job.result(timeout=60)
    assert isinstance(result, Result)
    assert job.n_jobs == 3
    assert [result.get_counts(i) for i in range(8)] == [counts_of(i, 9) for i in range(8)]
    assert job.status() is JobStatus.DONE
    assert manager.retrieve_job_set(job.job_id()).job_id() == job.job_id()


def test_what_run_is_told_wins_over_the_defaults(manager, aer):
    backend = ManagedBackend(aer, manager=manager, shots=9, job_tags=["mine"])
    job = backend.run(numbered(2)[1], shots=4, memory=True)
    assert job.result(timeout=60).get_memory(0) == ["001"] * 4
    assert job.tags() == ["mine"]


def test_options_that_are_set_on_it_are_those_of_the_backend_behind_it(manager, aer):
    backend = ManagedBackend(aer, manager=manager)
    backend.set_options(shots=6)
    assert sum(backend.run(numbered(1)).result(timeout=60).get_counts().values()) == 6


def test_it_opens_a_backend_by_its_name(manager):
    assert ManagedBackend("fake:manila", manager=manager).name == "fake_manila"


@pytest.mark.parametrize("wrong", ["sampler:statevector", StatevectorSampler(), 7, None])
def test_what_runs_no_circuits_is_no_managed_backend(manager, wrong):
    with pytest.raises(InvalidArgumentError, match="BackendV2"):
        ManagedBackend(wrong, manager=manager)


def test_qiskits_sampler_over_a_managed_backend_runs_through_the_manager(manager, aer):
    backend = ManagedBackend(aer, manager=manager)
    sampler = BackendSamplerV2(backend=backend)
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("a"), 0)
    circuit.measure(0, 0)
    result = sampler.run([(circuit, [[0], [np.pi]])], shots=5).result()
    assert [result[0].data.c.get_counts(i) for i in range(2)] == [{"0": 5}, {"1": 5}]
    [job_set] = manager.job_sets()
    assert len(job_set) == 2


# -- the primitives -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler",
    [StatevectorSampler(), "sampler:statevector", AerSimulator(), "basic"],
    ids=["statevector", "by name", "over aer", "over basic"],
)
def test_a_managed_sampler_samples(manager, sampler):
    managed = ManagedSampler(sampler, manager=manager)
    assert isinstance(managed, BaseSamplerV2)
    job = managed.run(numbered(4), shots=7)
    assert isinstance(job, BasePrimitiveJob)
    result = job.result(timeout=60)
    assert isinstance(result, PrimitiveResult)
    assert [pub.data.c.get_counts() for pub in result] == [counts_of(i, 7) for i in range(4)]
    assert job.done()
    assert job.in_final_state()
    assert not job.running()
    assert not job.cancelled()
    assert job.status() is JobStatus.DONE
    assert job.job_id() == job.job_set.job_set_id()


@pytest.mark.parametrize(
    "estimator",
    [StatevectorEstimator(), "estimator:aer", AerSimulator()],
    ids=["statevector", "by name", "over aer"],
)
def test_a_managed_estimator_estimates(manager, estimator):
    managed = ManagedEstimator(estimator, manager=manager)
    assert isinstance(managed, BaseEstimatorV2)
    circuit = QuantumCircuit(1)
    circuit.x(0)
    result = managed.run([(circuit, ["Z", "I"])], precision=0.1).result()
    assert np.sign(result[0].data.evs).tolist() == [-1, 1]
    assert result[0].metadata["target_precision"] == 0.1


def test_attributes_that_libraries_look_for_are_those_of_the_primitive(manager, aer):
    managed = ManagedSampler(BackendSamplerV2(backend=aer), manager=manager)
    assert managed.options.default_shots == 1024
    assert managed.backend is aer
    with pytest.raises(AttributeError):
        managed.no_such_thing  # noqa: B018


def test_a_job_that_failed_says_why_and_keeps_the_rest(manager):
    late = QuantumCircuit(1, 1, name="late")
    late.measure(0, 0)
    late.x(0)  # a state vector cannot be asked for after a measurement
    late.measure(0, 0)
    managed = ManagedSampler("sampler:statevector", manager=manager)
    job = managed.run([numbered(1)[0], (late, None, 3)], shots=5)
    with pytest.raises(ManagedResultDataNotAvailable, match="mid-circuit"):
        job.result(timeout=60)
    assert job.status() is JobStatus.ERROR
    assert job.job_set.results(timeout=0).get_counts(0) == counts_of(0, 5)


def test_a_deadline_is_kept(manager):
    job = ManagedSampler("sampler:statevector", manager=manager).run(numbered(2))
    with pytest.raises(JobManagerTimeoutError):
        job.result(timeout=0)
    job.cancel()
    assert job.job_set.wait(60)


@pytest.mark.parametrize(
    ("make", "wrong", "words"),
    [
        (ManagedSampler, StatevectorEstimator(), "hand over a sampler"),
        (ManagedEstimator, "sampler:aer", "hand over an estimator"),
        (ManagedSampler, 7, "backend is of type int"),
    ],
)
def test_what_takes_no_such_pubs_is_refused_at_once(manager, make, wrong, words):
    with pytest.raises(InvalidArgumentError, match=words):
        make(wrong, manager=manager)


@pytest.mark.parametrize("wrong", [{"manager": "store.db"}, {"name": ""}, {"name": 7}])
def test_arguments_that_cannot_be_are_refused(manager, wrong):
    with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
        ManagedSampler("sampler:statevector", **{"manager": manager, **wrong})


def test_a_pub_that_cannot_run_is_named_and_nothing_is_stored(manager):
    with pytest.raises(InvalidExperimentError, match="experiment 1"):
        ManagedSampler("sampler:aer", manager=manager).run([numbered(1)[0], QuantumCircuit(1)])
    assert manager.job_sets() == []


# -- names ----------------------------------------------------------------------------------------


def test_a_script_that_is_run_again_goes_on_with_what_it_did(tmp_path):
    def script(pubs):
        with JobManager(tmp_path / "store.db") as manager:
            sampler = ManagedSampler("sampler:statevector", manager=manager, name="script")
            found = [
                sampler.run([pub], shots=50).result()[0].data.c.get_bitstrings() for pub in pubs
            ]
            return found, [job_set.name() for job_set in manager.job_sets()]

    coin = QuantumCircuit(3, 3)
    coin.h(range(3))
    coin.measure(range(3), range(3))
    first, names = script([coin, coin])
    assert names == ["script-2", "script-1"]
    again, names = script([coin, coin, coin])
    assert again[:2] == first
    assert names == ["script-3", "script-2", "script-1"]
    with pytest.raises(NameInUseError, match="script-2"):
        script([coin, numbered(1)[0]])


def test_a_named_backend_numbers_its_job_sets(manager, aer):
    backend = ManagedBackend(aer, manager=manager, name="sweep", shots=1)
    jobs = [backend.run(numbered(2)) for _ in range(2)]
    assert [job.name() for job in jobs] == ["sweep-1", "sweep-2"]
    assert backend.run(numbered(1), name="own").name() == "own"


def test_without_a_manager_one_on_the_default_store_is_shared(tmp_path, monkeypatch):
    from qiskit_job_manager import dropins

    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", str(tmp_path / "default.db"))
    monkeypatch.setattr(dropins, "_managers", [])
    one = ManagedSampler("sampler:statevector").run(numbered(1), shots=2)
    other = ManagedBackend("basic").run(numbered(1), shots=2)
    assert one.result(60)[0].data.c.get_counts() == other.result(60).get_counts() == counts_of(0, 2)
    [manager] = dropins._managers
    assert len(manager.job_sets()) == 2
    manager.close()


def test_hundreds_of_tiny_jobs_of_a_loop_are_as_many_job_sets(manager):
    managed = ManagedEstimator("estimator:statevector", manager=manager)
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    values = [
        float(managed.run([(circuit, "Z", [angle])]).result()[0].data.evs)
        for angle in np.linspace(0, np.pi, 100)
    ]
    assert np.allclose(values, np.cos(np.linspace(0, np.pi, 100)))
    assert len(manager.job_sets()) == 100


def test_calls_one_after_the_other_leave_nothing_that_waits(manager):
    """What waited for each call's end would soon take all places, and later calls be looked at."""
    before = set(threading.enumerate())
    estimator = ManagedEstimator(StatevectorEstimator(), manager=manager)
    circuit = QuantumCircuit(1)
    for _ in range(20):
        estimator.run([(circuit, "Z")]).result()
    assert len(set(threading.enumerate()) - before) < 16
