"""Job sets on V2 primitives, from `run` to results, on real stores."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import zz_feature_map
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BasePrimitiveJob,
    BaseSamplerV2,
    PrimitiveResult,
    PubResult,
    SamplerPubResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import JobStatus
from qiskit.providers.basic_provider import BasicSimulator
from qiskit_aer import AerSimulator
from qiskit_aer import primitives as aer
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager import (
    InvalidArgumentError,
    InvalidExperimentError,
    JobManager,
    JobManagerInvalidStateError,
    Limits,
    ManagedResultDataNotAvailable,
    NameInUseError,
    PlanError,
    RetryPolicy,
)
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of

SAMPLERS = {
    "statevector": StatevectorSampler,
    "aer": lambda: aer.SamplerV2(options={"backend_options": {"max_parallel_threads": 1}}),
    "over aer": lambda: BackendSamplerV2(backend=AerSimulator(max_parallel_threads=1)),
    "over basic": lambda: BackendSamplerV2(backend=BasicSimulator()),
    "by name": lambda: "sampler:statevector",
    "unseen": lambda: Provider(),  # noqa: PLW0108  # defined below
}


class DoneJob(BasePrimitiveJob):
    """The job of a provider; what its result is, is up to who made it."""

    def __init__(self, job_id, answer):
        super().__init__(job_id)
        self.answer = answer

    def result(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def status(self):
        return JobStatus.RUNNING if self.answer is None else JobStatus.DONE

    done = running = cancelled = cancel = lambda self: False

    def in_final_state(self):
        return self.answer is not None


class Provider(BaseSamplerV2):
    """A sampler that nobody has seen, and that is not known to be local.

    Args:
        bend: Makes the answer to each job of the name of its first circuit and its right result.
    """

    def __init__(self, bend=lambda first, result: result):
        self.bend = bend
        self.sent = []

    def run(self, pubs, *, shots=None):
        number = len(self.sent)
        self.sent.append([pub.circuit.name for pub in pubs])
        result = StatevectorSampler().run(pubs, shots=shots).result()
        return DoneJob(f"provider-{number}", self.bend(pubs[0].circuit.name, result))


@pytest.fixture
def two_registers():
    """A circuit whose registers read 01 and 110, that of the last register first: "110 01"."""
    a, b = ClassicalRegister(2, "a"), ClassicalRegister(3, "b")
    circuit = QuantumCircuit(QuantumRegister(5), a, b, name="registers")
    circuit.x([0, 3, 4])
    circuit.measure(range(5), range(5))
    return circuit


@pytest.fixture
def sweep():
    """A circuit that turns one qubit, and the angles for never and always."""
    circuit = QuantumCircuit(1, 1, name="sweep")
    circuit.rx(Parameter("angle"), 0)
    circuit.measure(0, 0)
    return circuit, np.array([[0, np.pi, 0], [np.pi, np.pi, 0]])[..., None]


def states(job_set):
    return [job.state for job in job_set.managed_jobs()]


def spans(job_set):
    """The first and the last experiment of each job."""
    return [(job.start_index, job.end_index) for job in job_set.managed_jobs()]


def records(job_set):
    source = source_of(job_set)
    return source.store.jobs(source.record.key)


# -- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SAMPLERS)
def test_a_sampler_counts_as_backend_run_does(manager, circuits, two_registers, kind, aer):
    experiments = [*circuits(6), two_registers]
    job_set = manager.run(experiments, SAMPLERS[kind](), shots=20, max_experiments_per_job=3)
    results = job_set.results(timeout=60)
    assert results.success, job_set.error_messages()
    expected = aer.run(experiments, shots=20, memory=True).result()
    for index, circuit in enumerate(experiments):
        assert results.get_counts(index) == expected.get_counts(index)
        assert results.get_counts(circuit.name) == expected.get_counts(index)
        assert results.get_memory(index) == expected.get_memory(index)
    assert results.get_counts("registers") == {"110 01": 20}


def test_a_sweep_keeps_the_shape_of_its_parameters(manager, sweep):
    job_set = manager.run([sweep], StatevectorSampler(), shots=7)
    results = job_set.results(timeout=60)
    counts = results.get_counts(0)
    assert counts.shape == (2, 3)
    assert [[dict(each) for each in row] for row in counts] == [
        [{"0": 7}, {"1": 7}, {"0": 7}],
        [{"1": 7}, {"1": 7}, {"0": 7}],
    ]
    real = results.pub_result(0)
    assert isinstance(real, SamplerPubResult)
    assert real.data.c.shape == (2, 3)
    assert real.data.c.num_shots == 7


def test_the_whole_is_one_primitive_result_in_the_order_of_the_input(manager, circuits):
    job_set = manager.run(circuits(7), StatevectorSampler(), shots=3, max_experiments_per_job=2)
    whole = job_set.result(timeout=60)
    assert isinstance(whole, PrimitiveResult)
    assert [pub.data.c.get_counts() for pub in whole] == [{format(i, "05b"): 3} for i in range(7)]
    assert len({job.job_id() for job in job_set.jobs()}) == 4


@pytest.mark.parametrize(
    "make",
    [
        StatevectorEstimator,
        aer.EstimatorV2,
        lambda: BackendEstimatorV2(backend=AerSimulator(max_parallel_threads=1)),
        lambda: "estimator:aer",
    ],
)
def test_an_estimator_gives_values_in_the_shape_of_its_observables(manager, make):
    circuit = QuantumCircuit(2, name="state")
    circuit.x(0)
    pubs = [(circuit, [["ZZ"], ["IZ"]]), (circuit.copy("again"), "ZI")]
    job_set = manager.run(pubs, make(), precision=0.1)
    results = job_set.results(timeout=60)
    assert results.success, job_set.error_messages()
    first, second = results.pub_result(0), results.pub_result("again")
    assert isinstance(first, PubResult)
    assert first.data.evs.shape == (2, 1)
    assert np.sign(first.data.evs).tolist() == [[-1], [-1]]
    assert np.sign(second.data.evs) == np.sign(results.data(1)["evs"]) == 1


def test_a_sampler_of_ibms_client_is_rehearsed_without_its_service(manager):
    from qiskit_ibm_runtime import SamplerV2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the class, in favour of another
        sampler = SamplerV2(mode=FakeManilaV2())
    circuit = QuantumCircuit(1, 1, name="flip")
    circuit.x(0)
    circuit.measure(0, 0)
    job_set = manager.run([circuit, (circuit, None, 50)], sampler, shots=200)
    results = job_set.results(timeout=60)
    assert results.success, job_set.error_messages()
    assert results.get_counts(0)["1"] > 150
    assert sum(results.get_counts(1).values()) == 50


# -- PUBs on a BackendV2 --------------------------------------------------------------------------


@pytest.mark.parametrize("make", [AerSimulator, BasicSimulator, lambda: "basic"])
def test_pubs_on_a_backend_run_through_qiskits_sampler(manager, circuits, sweep, make):
    job_set = manager.run([*circuits(1), sweep, (circuits(1)[0], None, 5)], make(), shots=7)
    results = job_set.results(timeout=60)
    assert job_set.backend_name.startswith("BackendSamplerV2(")
    assert results.get_counts(0) == {"00000": 7}
    assert dict(results.get_counts(1)[1, 0]) == {"1": 7}
    assert results.get_counts(2) == {"00000": 5}


def test_pubs_from_an_iterator_run_through_qiskits_sampler(manager, sweep):
    job_set = manager.run((pub for pub in [sweep, sweep]), AerSimulator(), shots=7)
    assert job_set.results(timeout=60).get_counts(1).shape == (2, 3)


def test_a_set_of_pubs_goes_on_with_the_backend_that_was_handed_over(store_path, sweep):
    backend = AerSimulator(noise_model=None, shots=5)
    with JobManager(store_path) as one:
        job_set = one.run([sweep], backend, name="pubs", shots=7)
        job_set.wait(60)
    with JobManager(store_path) as other:
        again = other.retrieve_job_set("pubs", backend=backend)
        assert again.results(timeout=60).get_counts(0).shape == (2, 3)
        with pytest.raises(InvalidArgumentError, match="runs on"):
            other.retrieve_job_set("pubs", backend=StatevectorSampler())


def test_circuits_alone_stay_circuits_on_a_backend(manager, circuits):
    from qiskit.result import Result

    job_set = manager.run(circuits(2), AerSimulator(), shots=7)
    assert isinstance(job_set.result(timeout=60), Result)


# -- shots and precision --------------------------------------------------------------------------


def test_shots_are_those_of_the_pub_or_else_of_run(manager, circuits):
    [circuit] = circuits(1)
    pubs = [circuit, (circuit, None, 11), SamplerPub(circuit, shots=12), (circuit,)]
    job_set = manager.run(pubs, StatevectorSampler(default_shots=5), shots=10)
    results = job_set.results(timeout=60)
    assert [sum(results.get_counts(i).values()) for i in range(4)] == [10, 11, 12, 10]
    plain = manager.run(pubs, StatevectorSampler(default_shots=5)).results(timeout=60)
    assert [sum(plain.get_counts(i).values()) for i in range(4)] == [5, 11, 12, 5]


@pytest.mark.parametrize("make", [StatevectorSampler, aer.SamplerV2])
def test_shares_of_a_seeded_sampler_do_not_repeat_each_other(manager, make):
    circuit = QuantumCircuit(8, 8, name="dice")
    circuit.h(range(8))
    circuit.measure(range(8), range(8))
    limits = Limits(shots_per_experiment=40)
    job_set = manager.run([circuit], make(seed=9), shots=100, limits=limits)
    results = job_set.results(timeout=60)
    assert [job.shots for job in job_set.managed_jobs()] == [34, 33, 33]
    memory = results.get_memory(0)
    assert len(memory) == 100
    assert memory[:34] == make(seed=9).run([circuit], shots=34).result()[0].data.c.get_bitstrings()
    assert memory[:33] != memory[34:67]
    assert memory[34:67] != memory[67:]
    again = manager.run([circuit], make(seed=9), shots=100, limits=limits).results(timeout=60)
    assert again.get_memory(0) == memory


def test_an_estimate_is_divided_only_when_asked_for(manager):
    circuit = QuantumCircuit(1, name="plus")
    circuit.h(0)
    limits = Limits(shots_per_experiment=4000)
    with pytest.raises(PlanError, match=r"0 \('plus'\).*10000.*shots_per_experiment"):
        manager.run([(circuit, "Z", None, 0.01)], "estimator:over:aer", limits=limits)
    assert manager.job_sets() == []
    job_set = manager.run(
        [(circuit, ["Z", "X"])],
        "estimator:over:aer",
        limits=limits,
        precision=0.01,
        split_shots=True,
    )
    results = job_set.results(timeout=60)
    assert results.success, job_set.error_messages()
    merged = results.pub_result(0)
    assert job_set.n_jobs == 3
    assert abs(merged.data.evs[0]) < 0.06
    assert merged.data.evs[1] == 1
    assert merged.data.stds == pytest.approx([0.01, 0], rel=0.02)


def test_pubs_of_other_precision_are_sent_apart(manager):
    circuit = QuantumCircuit(1)
    pubs = [(circuit, "Z"), (circuit, "Z", None, 0.5), (circuit, "X", None, 0.5), (circuit, "Z")]
    job_set = manager.run(pubs, StatevectorEstimator(), precision=0.1)
    assert spans(job_set) == [(0, 0), (1, 2), (3, 3)]
    results = job_set.results(timeout=60)
    told = [results.pub_result(i).metadata["target_precision"] for i in range(4)]
    assert told == [0.1, 0.5, 0.5, 0.1]


def test_a_limit_on_executions_counts_the_points_of_a_sweep(manager, sweep):
    job_set = manager.run(
        [sweep] * 4, StatevectorSampler(), shots=10, limits=Limits(executions_per_job=120)
    )
    assert spans(job_set) == [(0, 1), (2, 3)]
    assert job_set.results(timeout=60).success


# -- trouble --------------------------------------------------------------------------------------


def fewer(result):
    return PrimitiveResult(list(result)[:-1])


def other_shots(result):
    circuit = QuantumCircuit(5, 5)
    circuit.measure(range(5), range(5))
    return StatevectorSampler().run([circuit] * len(result), shots=1).result()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (fewer, "1 results for 2 experiments"),
        (other_shots, "1 shots instead of 9"),
        (lambda result: ["junk", "junk"], "."),
    ],
)
def test_a_wrong_answer_is_a_failure_that_is_kept_and_hides_no_other(
    manager, circuits, wrong, words
):
    provider = Provider(lambda first, result: wrong(result) if first == "c2" else result)
    job_set = manager.run(circuits(6), provider, shots=9, max_experiments_per_job=2)
    results = job_set.results(timeout=60)
    assert states(job_set) == [JobState.DONE, JobState.FAILED, JobState.DONE]
    assert not results.success
    assert [job.has_result for job in records(job_set)] == [True, True, True]
    for index in (0, 1, 4, 5):
        assert results.get_counts(index) == {format(index, "05b"): 9}
    for index in (2, 3):
        with pytest.raises(ManagedResultDataNotAvailable, match=words):
            results.pub_result(index)


@pytest.mark.parametrize("answer", [7, RuntimeError("the machine is warm")])
def test_what_is_no_result_at_all_hides_no_other(manager, circuits, answer):
    provider = Provider(lambda first, result: answer if first == "c1" else result)
    job_set = manager.run(circuits(3), provider, shots=9, max_experiments_per_job=1, volatile=True)
    results = job_set.results(timeout=60)
    assert states(job_set) == [JobState.DONE, JobState.FAILED, JobState.DONE]
    assert results.get_counts(2) == {"00010": 9}
    with pytest.raises(ManagedResultDataNotAvailable, match=r"of type int|the machine is warm"):
        results.get_counts(1)


def test_a_job_that_failed_is_sent_again_as_the_policy_says(manager, circuits):
    answers = [RuntimeError("warm")]
    provider = Provider(lambda first, result: answers.pop() if answers else result)
    job_set = manager.run(
        circuits(2),
        provider,
        shots=9,
        volatile=True,
        retry=RetryPolicy(max_attempts=2, first_wait_s=0.01),
    )
    assert job_set.results(timeout=60).get_counts(1) == {"00001": 9}
    assert len(provider.sent) == 2


def test_a_job_of_an_unknown_primitive_waits_for_the_users_word_after_a_crash(store_path, circuits):
    provider = Provider(lambda first, result: None)  # its jobs never end
    with JobManager(store_path) as one:
        job_set = one.run(circuits(2), provider, name="unseen", shots=9)
        end_s = time.monotonic() + 60
        while states(job_set) != [JobState.ACTIVE]:
            assert time.monotonic() < end_s
            time.sleep(0.01)
    fresh = Provider()
    with JobManager(store_path) as other:
        again = other.retrieve_job_set("unseen", backend=fresh)
        again.wait(60)
        assert states(again) == [JobState.IN_DOUBT]
        assert fresh.sent == []
        again.resubmit()
        assert again.results(timeout=60).get_counts(1) == {"00001": 9}


def test_a_killed_process_loses_nothing_of_a_known_primitive(store_path, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from qiskit import QuantumCircuit\n"
        "from qiskit_job_manager import JobManager\n"
        "def circuit(i):\n"
        "    made = QuantumCircuit(9, 9, name=f'c{i}')\n"
        "    made.h(range(9))\n"
        "    made.measure(range(9), range(9))\n"
        "    return made\n"
        "manager = JobManager(sys.argv[1])\n"
        "pubs = [(circuit(i), None, 1000) for i in range(100)]\n"
        "job_set = manager.run(pubs, 'sampler:statevector?seed=5', name='killed',\n"
        "    max_experiments_per_job=1, if_exists='resume')\n"
        "job_set.wait()\n"
    )
    child = subprocess.Popen([sys.executable, str(script), str(store_path)])
    try:
        done = wait_until_some_are_done(store_path, child)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait(60)
    with JobManager(store_path) as manager:
        job_set = manager.retrieve_job_set("killed")
        results = job_set.results(timeout=120)
        assert results.success
        memories = {tuple(results.get_memory(index)) for index in range(100)}
        assert len(memories) == 100  # each with a seed of its own
        assert {len(memory) for memory in memories} == {1000}
        attempts = [len(job.attempts()) for job in job_set.managed_jobs()]
        assert all(attempts[index] == 1 for index in done)


def wait_until_some_are_done(store_path, child):
    """Return the indices of the jobs that are done, when all are handed over and some done."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s and child.poll() is None:
        if store_path.exists():
            with JobManager(store_path) as manager:
                found = manager.job_sets("killed")
                if found and source_of(found[0]).record.complete:
                    jobs = found[0].managed_jobs()
                    done = [job.index for job in jobs if job.state is JobState.DONE]
                    if len(done) >= 3:
                        return done
        time.sleep(0.05)
    pytest.fail("the process did not get far enough")


def test_the_same_pubs_are_resumed_and_others_are_refused(store_path, sweep):
    circuit, values = sweep
    with JobManager(store_path) as manager:
        manager.run([(circuit, values, 9)], "sampler:aer", name="same").results(timeout=60)
        again = manager.run([(circuit, values, 9)], "sampler:aer", name="same", if_exists="resume")
        assert again.n_jobs == 1
        for other in ((circuit, values + 0.1, 9), (circuit, values, 8), (circuit, values[0], 9)):
            with pytest.raises(NameInUseError, match="experiment 0 is the first"):
                manager.run([other], "sampler:aer", name="same", if_exists="resume")
        with pytest.raises(NameInUseError, match="other backend"):
            manager.run([sweep], "sampler:statevector", name="same", if_exists="resume")


def test_the_same_script_with_a_feature_map_is_resumed(store_path):
    """Its angles are products of parameters, which Qiskit writes in any order."""
    values = np.arange(12).reshape(3, 4)
    for _ in range(8):
        circuit = zz_feature_map(4)
        circuit.measure_all()
        with JobManager(store_path) as manager:
            pubs = [(circuit, point, 5) for point in values]
            job_set = manager.run(pubs, "sampler:aer", name="same", if_exists="resume")
            assert job_set.results().success
            assert len(manager.job_sets()) == 1


def test_a_generator_of_random_numbers_cannot_be_opened_again_and_says_so(store_path, circuits):
    sampler = StatevectorSampler(seed=np.random.default_rng(1))
    with JobManager(store_path) as manager:
        manager.run(circuits(1), sampler, name="generator", shots=3).wait(60)
    with JobManager(store_path) as manager, pytest.raises(JobManagerInvalidStateError):
        manager.find("generator").backend()


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["sampler:statevector", "aer"])
def test_a_pub_in_place_of_a_list_of_pubs_is_told_where_to_stand(manager, sweep, backend):
    with pytest.raises(InvalidArgumentError, match=r"run\(\[\(circuit, values\)\]"):
        manager.run(sweep, backend)
    assert manager.job_sets() == []


def test_a_single_circuit_or_pub_object_is_one_experiment(manager, circuits):
    [circuit] = circuits(1)
    assert len(manager.run(circuit, "sampler:statevector", shots=2)) == 1
    assert len(manager.run(SamplerPub(circuit, shots=2), "sampler:statevector")) == 1


def test_an_estimator_takes_no_shots(manager):
    with pytest.raises(InvalidArgumentError, match="precision="):
        manager.run([(QuantumCircuit(1), "Z")], StatevectorEstimator(), shots=100)


@pytest.mark.parametrize("backend", ["aer", "fake:manila", "sampler:aer"])
def test_observables_without_an_estimator_are_told_to_take_one(manager, backend):
    with pytest.raises(InvalidExperimentError, match=r"0 \('seen'\).*estimator"):
        manager.run([(QuantumCircuit(1, name="seen"), "Z")], backend)
    assert manager.job_sets() == []


def test_one_bad_pub_in_a_list_leaves_nothing(manager, circuits, sweep):
    for wrong in ((sweep[0], None), (circuits(1)[0], None, 0), QuantumCircuit(1), "text"):
        with pytest.raises(InvalidExperimentError, match="experiment 2 "):
            manager.run([*circuits(2), wrong], StatevectorSampler())
    assert manager.job_sets() == []
