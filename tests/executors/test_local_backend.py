"""Job sets are computed by workers, with the results that this process would have given."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import cloudpickle  # noqa: TID251  # has loky carry a class of this test by value
import pytest
from local_tasks import ENDLESS, dynamic, flip, payload_of
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.backends.local.adapter import MOST_DEATHS, LocalBackend
from qiskit_job_manager.backends.local.executor import ExecutorTroubleError, WorkerDiedError
from qiskit_job_manager.backends.local.task import Answer, AnswerKind
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionTooLargeError,
)
from qiskit_job_manager.model import JobState, RemoteState

DEADLINE_S = 200.0


def bell(name, angle=0.0):
    circuit = QuantumCircuit(2, name=name)
    circuit.h(0)
    circuit.rx(angle, 1)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def noisy(**options):
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["h", "rx"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    return AerSimulator(noise_model=noise, **options)


BACKENDS = {
    "aer": lambda: "aer",
    "basic": lambda: "basic",
    "a noise model": noisy,
    "a seed in the simulator": lambda: noisy(seed_simulator=11),
    "Aer's sampler": lambda: "sampler:aer",
    "a state vector": lambda: StatevectorSampler(seed=5),
    "a sampler over an object": lambda: BackendSamplerV2(backend=noisy()),
}


@pytest.fixture(scope="module")
def in_workers(tmp_path_factory):
    """A manager whose workers are up."""
    with JobManager(tmp_path_factory.mktemp("store") / "store.db", workers=2) as manager:
        start_workers(manager)
        yield manager


def start_workers(manager):
    """Return when workers are up, as nothing else computes what takes long."""
    long = [dynamic(str(index)) for index in range(2)]
    manager.run(long, "aer", shots=30_000, max_experiments_per_job=1).results(DEADLINE_S)


def counts(manager, backend):
    """Return the counts of a seeded job set, and where its jobs were computed."""
    circuits = [bell(f"bell {index}", 0.1 * index) for index in range(12)]
    seeded = {} if not isinstance(backend, str) else {"seed_simulator": 7}
    if isinstance(backend, str) and backend.startswith("sampler"):
        seeded = {"seed": 7}
    if isinstance(backend, AerSimulator | BackendSamplerV2):
        seeded = {"seed_simulator": 7}
    options = {"shots": 500, "max_experiments_per_job": 3, **seeded}
    experiments = circuits if isinstance(backend, str | AerSimulator) else [(c,) for c in circuits]
    results = manager.run(experiments, backend, **options).results(DEADLINE_S)
    assert results.success
    return [dict(results.get_counts(index)) for index in range(12)]


@pytest.mark.parametrize("kind", BACKENDS)
def test_counts_do_not_depend_on_where_they_are_computed(kind, manager, in_workers):
    assert counts(in_workers, BACKENDS[kind]()) == counts(manager, BACKENDS[kind]())


def test_a_job_set_survives_workers_that_are_killed(in_workers, wait_until):
    """Two are killed, and no more: starting is given up after three; the counts are the same."""
    circuits = [dynamic(f"dynamic {index}") for index in range(8)]
    options = {"shots": 20_000, "seed_simulator": 3, "max_experiments_per_job": 1}
    expected = in_workers.run(circuits, "aer", **options).results(DEADLINE_S)
    job_set = in_workers.run(circuits, "aer", **options)
    killed = set()
    while len(killed) < 2 and not job_set.progress().ended:
        for pid in _children() - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
            break
        wait_until(lambda: _children() - killed or job_set.progress().ended, DEADLINE_S)
    results = job_set.results(DEADLINE_S)
    assert killed
    assert [results.get_counts(i) for i in range(8)] == [expected.get_counts(i) for i in range(8)]


def _children():
    """Return the worker processes of this process."""
    import psutil

    found = psutil.Process().children()
    return {
        each.pid
        for each in found
        if each.is_running()
        and each.status() != psutil.STATUS_ZOMBIE
        and "popen_loky_posix" in " ".join(each.cmdline())
    }


def test_a_job_that_is_cancelled_leaves_its_worker_to_the_next(in_workers):
    endless = in_workers.run(
        [dynamic("a"), dynamic("b")], "aer", shots=ENDLESS, max_experiments_per_job=1
    )
    endless.cancel()
    endless.wait(DEADLINE_S)
    assert {job.state for job in endless.managed_jobs()} == {JobState.CANCELLED}
    assert in_workers.run([flip()], "aer", shots=10).results(DEADLINE_S).success


class Deadly(AerSimulator):
    """Ends the process that simulates a circuit of a certain name."""

    def run(self, run_input, **options):
        if any(circuit.name == "deadly" for circuit in run_input):
            os.abort()
        return AerSimulator.run(self, run_input, **options)


Deadly.__module__ = "qiskit_aer.deadly"  # so that it counts as simulated here
Deadly.__qualname__ = "Deadly"
Deadly.run.__module__ = Deadly.__module__  # or workers would look for it among the tests


def test_the_one_circuit_that_ends_its_workers_fails_and_no_other(in_workers, monkeypatch):
    module = type(sys)("qiskit_aer.deadly")
    module.Deadly = Deadly
    monkeypatch.setitem(sys.modules, "qiskit_aer.deadly", module)
    cloudpickle.register_pickle_by_value(module)
    start_workers(in_workers)  # what is little work and computed here would end this process
    circuits = [bell(str(index)) for index in range(7)]
    circuits[4].name = "deadly"
    job_set = in_workers.run(circuits, Deadly(noise_model=NoiseModel()), shots=100)
    results = job_set.results(DEADLINE_S)
    assert not results.success
    failed = [job for job in job_set.managed_jobs() if job.state is JobState.FAILED]
    assert [(job.start_index, job.end_index) for job in failed] == [(4, 4)]
    assert f"{MOST_DEATHS} workers that simulated it died" in failed[0].error_message()
    assert "SIGABRT" in failed[0].error_message()
    for index in (0, 1, 2, 3, 5, 6):
        assert sum(results.get_counts(index).values()) == 100


# -- with an executor that does what a test says ---------------------------------------------------


class Scripted:
    """Answers nothing by itself."""

    places = 3
    keeps_tasks = False
    starts_for_work = False

    def __init__(self):
        self.given = []
        self.trouble = None
        self.cancelled = []

    def expect(self, seconds):
        pass

    def submit(self, task):
        if self.trouble:
            raise self.trouble
        future = Future()
        self.given.append((task, future))
        return future

    def find(self, key):
        return None

    def cancel(self, key):
        self.cancelled.append(key)

    def where(self, key):
        return "somewhere"

    def forget(self, key):
        pass

    def close(self):
        pass


@pytest.fixture
def executor():
    return Scripted()


@pytest.fixture
def backend(executor):
    return LocalBackend(adapt("aer"), executor)


@pytest.fixture
def payload(backend):
    return payload_of(backend, [flip(), flip()])


DIED = WorkerDiedError("it burst", was_killed=False)
ANSWER = Answer(AnswerKind.RESULT, "qiskit-result/1", b"bytes", "there")


def test_an_end_is_reported_once(backend, executor, payload):
    backend.submit(payload, {}, "tag")
    executor.given[0][1].set_result(ANSWER)
    assert [*backend.wait_for_ends(10.0)] == ["tag"]
    assert not backend.wait_for_ends(0.0)
    assert backend.fetch("tag").data == b"bytes"
    assert backend.fetch("tag").data == b"bytes", "the store may not have been able to take it"


def test_a_status_says_where(backend, payload):
    backend.submit(payload, {}, "tag")
    assert backend.status("tag").state is RemoteState.RUNNING
    assert "somewhere" in backend.status("tag").message
    assert backend.status("other").state is RemoteState.GONE


def test_a_job_whose_worker_died_is_computed_again(backend, executor, payload):
    backend.submit(payload, {}, "tag")
    executor.given[0][1].set_exception(DIED)
    assert executor.given[1][0].key == "tag"
    assert executor.given[1][0].only_in_worker, "or it might be the end of this process"
    executor.given[1][1].set_result(ANSWER)
    assert backend.fetch("tag").data == b"bytes"


def test_a_job_that_kills_its_workers_is_refused_the_next_time(backend, executor, payload):
    backend.submit(payload, {}, "tag")
    for place in range(MOST_DEATHS):
        executor.given[place][1].set_exception(DIED)
    with pytest.raises(ResultGoneError, match="it burst"):
        backend.fetch("tag")
    with pytest.raises(SubmissionTooLargeError, match=f"{MOST_DEATHS} workers.*it burst"):
        backend.submit(payload, {}, "again")
    assert backend.submit(payload, {"shots": 1}, "another") == "another"


def test_what_others_kill_is_computed_again_more_often(backend, executor, payload):
    backend.submit(payload, {}, "tag")
    for place in range(MOST_DEATHS + 2):
        executor.given[place][1].set_exception(WorkerDiedError("SIGKILL", was_killed=True))
    executor.given[-1][1].set_result(ANSWER)
    assert backend.fetch("tag").data == b"bytes"


def test_deaths_that_an_executor_reports_together_count_one_by_one(
    backend, executor, payload, caplog
):
    backend.submit(payload, {}, "tag")
    four = WorkerDiedError("it was too large", was_killed=True, n_workers=4)
    for place in range(3):
        executor.given[place][1].set_exception(four)
    assert "4 workers died, one after the other" in caplog.text
    with pytest.raises(ResultGoneError, match=r"12 workers .*it was too large"):
        backend.fetch("tag")


def test_jobs_wait_while_the_executor_takes_nothing(backend, executor, payload):
    executor.trouble = ExecutorTroubleError("it cannot be reached")
    with pytest.raises(SubmissionDeferredError, match="cannot be reached"):
        backend.submit(payload, {}, "tag")


def test_jobs_wait_while_workers_have_other_versions(backend, executor, payload):
    backend.submit(payload, {}, "tag")
    executor.given[0][1].set_result(Answer(AnswerKind.UNFIT, "other versions", b"", "there"))
    with pytest.raises(ResultGoneError, match="other versions"):
        backend.fetch("tag")
    with pytest.raises(SubmissionDeferredError, match="other versions"):
        backend.submit(payload, {}, "again")


def test_a_cancelled_job_stops_and_stays_cancelled(backend, executor, payload):
    backend.submit(payload, {}, "tag")
    backend.cancel("tag")
    assert executor.cancelled == ["tag"]
    executor.given[0][1].set_result(ANSWER)
    assert backend.status("tag").state is RemoteState.CANCELLED


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"workers": -1}, "workers is -1; it is a whole number"),
        ({"workers": True}, "workers is True"),
        ({"workers": 1.5}, "workers is 1.5"),
        ({"workers": 1, "executor": "dask:tcp://host:1"}, "give one"),
        ({"executor": "slurm"}, "executor is 'slurm'; it must be"),
        ({"executor": "dask:"}, "executor is 'dask:'; it must be"),
        ({"executor": "dask:no-such-file.json"}, "there is no file 'no-such-file.json'"),
        ({"executor": 5}, "executor is of type int"),
        ({"executor": ThreadPoolExecutor}, "executor is the class ThreadPoolExecutor, not"),
    ],
)
def test_what_cannot_be_used_is_named(arguments, words, store_path):
    with pytest.raises(InvalidArgumentError, match="^[^\n]*" + words.replace("'", ".")):
        JobManager(store_path, **arguments)
    assert not store_path.exists()


@pytest.mark.parametrize("text", ["-1", "many", "1.5"])
def test_a_variable_that_cannot_be_used_is_named(text, store_path, monkeypatch):
    monkeypatch.setenv("QISKIT_JOB_MANAGER_WORKERS", text)
    with pytest.raises(InvalidArgumentError, match="QISKIT_JOB_MANAGER_WORKERS"):
        JobManager(store_path)


# -- objects that an engine cannot carry -----------------------------------------------------------


def unsendable():
    backend = AerSimulator(noise_model=NoiseModel())
    backend.log = threading.Lock()  # no engine carries a lock
    return backend


def test_what_an_executor_cannot_carry_fails_with_the_reason(tmp_path):
    with ProcessPoolExecutor(1) as pool, JobManager(tmp_path / "s.db", executor=pool) as manager:
        job_set = manager.run([bell("one")], unsendable(), shots=100)
        assert job_set.wait(DEADLINE_S)
        assert "its attribute 'log' cannot be: TypeError" in job_set.error_messages()


def test_a_worker_gets_an_object_once_for_all_tasks_of_it(in_workers):
    sent = []

    class Counted:
        def __reduce__(self):
            sent.append(1)
            return int, ()

    start_workers(in_workers)
    backend = AerSimulator(noise_model=NoiseModel())
    backend.counted = Counted()
    circuits = [bell(str(index)) for index in range(12)]
    job_set = in_workers.run(circuits, backend, shots=50, max_experiments_per_job=1)
    assert job_set.results(DEADLINE_S).success
    assert 1 <= len(sent) <= 2  # there are two workers
