"""A Dask cluster of real processes computes job sets, and keeps them while drivers die."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from local_tasks import ENDLESS, dynamic, flip, is_gone, payload_of, task_of
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.backends.local.adapter import LocalBackend
from qiskit_job_manager.backends.local.task import AnswerKind

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

from qiskit_job_manager.backends.local.dask import DaskCluster  # noqa: E402

DEADLINE_S = 200.0
pytestmark = pytest.mark.filterwarnings("default")  # Dask's own, of its closing


@pytest.fixture(scope="module")
def cluster():
    """Two workers of one thread each, which are started again when they die."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=DEADLINE_S)
        yield client


def test_counts_are_those_of_this_process(client, manager, store_path):
    circuits = [dynamic(str(index)) for index in range(6)]
    options = {"shots": 300, "seed_simulator": 3, "max_experiments_per_job": 2}
    here = manager.run(circuits, "aer", **options).results(DEADLINE_S)
    with JobManager(store_path.with_name("other.db"), executor=client) as other:
        there = other.run(circuits, "aer", **options).results(DEADLINE_S)
        assert [there.get_counts(i) for i in range(6)] == [here.get_counts(i) for i in range(6)]
    assert not client.list_datasets(), "nothing is left on the scheduler"


def test_a_worker_that_is_killed_gives_its_task_back(client, store_path, wait_until):
    circuits = [dynamic(str(index)) for index in range(4)]
    pids = client.run(os.getpid)
    with JobManager(store_path, executor=client) as manager:
        job_set = manager.run(circuits, "aer", shots=50_000, max_experiments_per_job=1)
        wait_until(lambda: any(client.processing().values()), DEADLINE_S)
        os.kill(next(iter(pids.values())), signal.SIGKILL)
        assert job_set.results(DEADLINE_S).success


def test_a_task_that_is_cancelled_is_computed_no_more(client, wait_until):
    executor = DaskCluster(client)
    task = task_of(experiments=[dynamic()], options={"shots": ENDLESS})
    pids = client.run(os.getpid)  # a worker that simulates answers nothing
    executor.submit(task)

    def worker():
        return next((w for w, keys in client.processing().items() if task.key in keys), None)

    pid = pids[wait_until(worker, DEADLINE_S)]
    executor.cancel(task.key)
    wait_until(lambda: is_gone(pid), DEADLINE_S)
    client.wait_for_workers(2, timeout=DEADLINE_S)
    next_one = task_of()
    assert executor.submit(next_one).result(DEADLINE_S).kind == AnswerKind.RESULT
    executor.forget(next_one.key)
    assert not client.list_datasets()


def test_a_worker_without_a_nanny_is_not_ended_with_its_task(wait_until):
    """Nothing would start it again."""
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as bare,
        distributed.Client(bare, set_as_default=False) as client,
    ):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", bare.scheduler_address]
        with subprocess.Popen(
            [*command, "--no-nanny", "--no-dashboard", "--nthreads", "1"]
        ) as worker:
            client.wait_for_workers(1, timeout=DEADLINE_S)
            executor = DaskCluster(client)
            task = task_of(experiments=[dynamic()], options={"shots": ENDLESS})
            executor.submit(task)
            wait_until(lambda: any(client.processing().values()), DEADLINE_S)
            executor.cancel(task.key)
            assert not client.list_datasets()
            assert len(client.nthreads()) == 1
            assert worker.poll() is None
            worker.kill()


def test_a_task_that_dask_gives_up_is_computed_again(wait_until):
    """Dask gives up a task after some workers died under it; the job has a say of its own."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as strict,
        distributed.Client(strict, set_as_default=False) as client,
    ):
        endless = task_of(experiments=[dynamic()], options={"shots": ENDLESS})
        pid = next(iter(client.run(os.getpid).values()))
        answer = DaskCluster(client).submit(endless)
        wait_until(lambda: any(client.processing().values()), DEADLINE_S)
        os.kill(pid, signal.SIGKILL)
        assert "GiB of memory" in answer.exception(DEADLINE_S).reason
        client.wait_for_workers(1, timeout=DEADLINE_S)
        backend = LocalBackend(adapt("aer"), DaskCluster(client))
        payload = payload_of(adapt("aer"), [dynamic()])
        pid = next(iter(client.run(os.getpid).values()))
        tag = backend.submit(payload, {"shots": 100_000}, "qjm-tag")
        wait_until(lambda: any(client.processing().values()), DEADLINE_S)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: tag in backend.wait_for_ends(1.0), DEADLINE_S)
        assert backend.fetch(tag).data


DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from local_tasks import dynamic
from qiskit_job_manager import JobManager
if __name__ == "__main__":
    manager = JobManager(sys.argv[2], executor="dask:" + sys.argv[3])
    circuits = [dynamic(str(index)) for index in range(2)]
    job_set = manager.run(circuits, "aer", shots=100_000, max_experiments_per_job=1)
    print(job_set.job_set_id(), flush=True)
    job_set.results()
"""


def test_what_a_killed_driver_left_is_taken_up(cluster, client, store_path, wait_until):
    """The tasks of the driver are computed once, though another process fetches them."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", DRIVER, here, str(store_path), cluster.scheduler_address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        job_set_id = driver.stdout.readline().strip()
        wait_until(lambda: len(client.list_datasets()) == 2, DEADLINE_S)
        driver.kill()
    tags = set(client.list_datasets())
    with JobManager(store_path, executor=f"dask:{cluster.scheduler_address}") as manager:
        job_set = manager.retrieve_job_set(job_set_id)
        assert job_set.results(DEADLINE_S).success
        attempts = [job.attempts() for job in job_set.managed_jobs()]
    assert [len(each) for each in attempts] == [1, 1]
    assert {each.tag for each, *_ in attempts} == tags


@pytest.fixture
def dask_command(tmp_path):
    """Start `dask COMMAND` in a process of its own, which is ended with the test."""
    started = []

    def dask_command(name, *arguments, path=""):
        command = [sys.executable, "-m", "distributed.cli.dask_" + name, "--no-dashboard"]
        environment = {**os.environ, "PYTHONPATH": str(path)}
        process = subprocess.Popen(
            [*command, *arguments], cwd=tmp_path, env=environment, start_new_session=True
        )
        started.append(process)
        return process

    yield dask_command
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("lacks", ["qiskit_job_manager", "qiskit_aer"])
def test_workers_that_lack_a_package_are_named_and_jobs_wait(
    lacks, dask_command, store_path, tmp_path, wait_until, caplog
):
    (tmp_path / f"{lacks}.py").write_text(f"raise ImportError('there is no {lacks}')")
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0", host="127.0.0.1") as bare,
        distributed.Client(bare, set_as_default=False) as client,
        JobManager(store_path, executor=client) as manager,
    ):
        job_set = manager.run([flip()], AerSimulator(noise_model=NoiseModel()), shots=10)
        wait_until(lambda: "has no workers now" in caplog.text, DEADLINE_S)
        dask_command("worker", bare.scheduler_address, "--nthreads", "1", path=tmp_path)
        words = rf"cannot import what it needs .*{lacks}.*: install qiskit-job-manager"
        wait_until(lambda: re.search(words, caplog.text), DEADLINE_S)
        assert not job_set.progress().n_ended
        assert len(client.nthreads()) == 1, "the worker lives"


@pytest.mark.parametrize("is_named", [True, False])
def test_a_scheduler_that_dies_and_comes_again_loses_nothing(
    is_named, dask_command, store_path, tmp_path, wait_until, caplog
):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"

    def start():
        scheduler = dask_command("scheduler", "--host", "127.0.0.1", "--port", port)
        dask_command("worker", address, "--nthreads", "1", "--nworkers", "2")
        return scheduler

    scheduler = start()
    circuits = [dynamic(str(index)) for index in range(8)]
    options = {"shots": 20_000, "seed_simulator": 3, "max_experiments_per_job": 1}
    client = None if is_named else distributed.Client(address, set_as_default=False)
    with JobManager(store_path, executor=client or f"dask:{address}") as manager:
        job_set = manager.run(circuits, "aer", **options)
        wait_until(lambda: job_set.progress().n_ended, DEADLINE_S)
        os.killpg(scheduler.pid, signal.SIGKILL)
        wait_until(lambda: "the Dask" in caplog.text, DEADLINE_S)
        assert not job_set.progress().ended
        start()
        there = job_set.results(DEADLINE_S)
        with JobManager(store_path.with_name("here.db"), workers=0) as other:
            here = other.run(circuits, "aer", **options).results(DEADLINE_S)
            assert [there.get_counts(i) for i in range(8)] == [here.get_counts(i) for i in range(8)]
    if client is not None:
        client.close()


def test_the_part_of_an_object_that_cannot_be_sent_is_named(client, store_path):
    backend = AerSimulator(noise_model=NoiseModel())
    backend.log = threading.Lock()
    with JobManager(store_path, executor=client) as manager:
        job_set = manager.run([flip()], backend, shots=10)
        assert job_set.wait(DEADLINE_S)
        assert "its attribute 'log' cannot be: TypeError" in job_set.error_messages()


def test_a_scheduler_file_names_a_cluster(client, cluster, tmp_path):
    file = tmp_path / "scheduler.json"
    file.write_text(
        json.dumps(client.scheduler.identity and {"address": cluster.scheduler_address})
    )
    executor = DaskCluster.named(str(file), "executor")
    assert executor.submit(task_of()).result(DEADLINE_S).kind == AnswerKind.RESULT
    executor.close()


def test_jobs_wait_for_a_scheduler_that_cannot_be_reached(
    store_path, wait_until, monkeypatch, caplog
):
    from qiskit_job_manager.backends.local import dask

    monkeypatch.setattr(dask, "_CONNECT_S", 0.5)
    with JobManager(store_path, executor="dask:tcp://127.0.0.1:1") as manager:
        job_set = manager.run([flip()], "aer", shots=5)
        wait_until(lambda: "cannot be reached" in caplog.text, DEADLINE_S)
        assert not job_set.progress().n_ended
    with JobManager(store_path, workers=0) as manager:
        assert manager.retrieve_job_set(job_set.job_set_id()).results(DEADLINE_S).success
