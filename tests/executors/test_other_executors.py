"""Any executor of `concurrent.futures` computes job sets; what it lacks is told."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import cloudpickle  # noqa: TID251  # to see what can be carried
import pytest
from local_tasks import flip, task_of
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends.local.any_executor import AnyExecutor
from qiskit_job_manager.backends.local.executor import ExecutorTroubleError, WorkerDiedError
from qiskit_job_manager.backends.local.task import AnswerKind
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerTimeoutError

DEADLINE_S = 150.0


def test_loky_computes_a_job_set(store_path, manager):
    loky = pytest.importorskip("loky")
    circuits = [flip(2, str(index)) for index in range(6)]
    options = {"shots": 50, "seed_simulator": 3, "max_experiments_per_job": 2, "memory": True}
    here = manager.run(circuits, "aer", **options).results(DEADLINE_S)
    with (
        loky.ProcessPoolExecutor(2) as executor,
        JobManager(store_path.with_name("other.db"), executor=executor) as other,
    ):
        there = other.run(circuits, "aer", **options).results(DEADLINE_S)
        assert [there.get_memory(i) for i in range(6)] == [here.get_memory(i) for i in range(6)]


def test_executorlib_computes_a_job_set(store_path, manager):
    executorlib = pytest.importorskip("executorlib")
    circuits = [flip(2, str(index)) for index in range(6)]
    options = {"shots": 50, "seed_simulator": 3, "max_experiments_per_job": 2, "memory": True}
    here = manager.run(circuits, "aer", **options).results(DEADLINE_S)
    with (
        executorlib.SingleNodeExecutor(
            max_workers=2, block_allocation=True, hostname_localhost=True
        ) as executor,
        JobManager(store_path.with_name("other.db"), executor=executor) as other,
    ):
        there = other.run(circuits, "aer", **options).results(DEADLINE_S)
        assert [there.get_memory(i) for i in range(6)] == [here.get_memory(i) for i in range(6)]


def test_one_that_is_shut_down_in_mid_run_makes_jobs_wait(store_path, wait_until, caplog):
    """Nothing is lost: with another one the job set goes on."""
    circuits = [flip(2, str(index)) for index in range(4)]
    executor = Held()
    with JobManager(store_path, executor=executor) as manager:
        job_set = manager.run(circuits, "aer", shots=20, max_experiments_per_job=1)
        wait_until(lambda: executor.given)
        executor.shutdown()
        wait_until(lambda: "takes no more tasks" in caplog.text, DEADLINE_S)
        with pytest.raises(JobManagerTimeoutError, match="takes no more tasks"):
            job_set.results(timeout=0.5)
        assert job_set.progress().n_ended == 0
        job_set_id = job_set.job_set_id()
    with JobManager(store_path, workers=0) as manager:
        assert manager.retrieve_job_set(job_set_id).results(DEADLINE_S).success


class Held(Executor):
    """Computes nothing, and gives everything up when it is shut down."""

    def __init__(self):
        self.given = []
        self.is_shut_down = False

    def submit(self, function, /, *args, **kwargs):
        if self.is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self.given.append(Future())
        return self.given[-1]

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.is_shut_down = True
        for future in self.given:
            future.cancel()
            future.set_running_or_notify_cancel()


class Raising(Executor):
    """Raises in place of an answer."""

    def __init__(self, error):
        self.error = error

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_exception(self.error)
        return future


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'qiskit_job_manager'"), "install qiskit-job-manager"),
        (AttributeError("no attribute 'compute'"), "install qiskit-job-manager"),
    ],
)
def test_workers_without_this_package_are_told_of(error, words):
    found = AnyExecutor(Raising(error)).submit(task_of()).exception(DEADLINE_S)
    assert isinstance(found, ExecutorTroubleError)
    assert words in str(found)


class Refusing(Executor):
    """Raises as soon as it is given what it cannot carry, as some executors do."""

    def submit(self, function, /, *args, **kwargs):
        cloudpickle.dumps(args)
        future = Future()
        future.set_result(None)
        return future


def test_what_an_executor_refuses_at_once_is_named():
    simulator = AerSimulator(noise_model=NoiseModel())
    simulator.log = threading.Lock()
    with pytest.raises(InvalidArgumentError, match="its attribute 'log' cannot be: TypeError"):
        AnyExecutor(Refusing()).submit(task_of(simulator))


def test_a_broken_pool_gives_its_tasks_back():
    from concurrent.futures.process import BrokenProcessPool

    found = AnyExecutor(Raising(BrokenProcessPool("burst"))).submit(task_of())
    assert isinstance(found.exception(DEADLINE_S), WorkerDiedError)


def test_what_waits_is_dropped_when_it_is_cancelled(wait_until):
    with ThreadPoolExecutor(1) as pool:
        executor = AnyExecutor(pool)
        gate = Future()
        pool.submit(gate.result)
        task = task_of()
        answer = executor.submit(task)
        assert executor.where(task.key) is None
        executor.cancel(task.key)
        gate.set_result(None)
        assert executor.submit(task_of()).result(DEADLINE_S).kind == AnswerKind.RESULT
        assert not answer.done()


def test_places_are_those_that_an_executor_states():
    with ThreadPoolExecutor(7) as pool:
        assert AnyExecutor(pool).places == 7
    assert AnyExecutor(Held()).places > 7
