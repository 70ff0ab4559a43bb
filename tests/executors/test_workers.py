"""Tasks are computed by worker processes: which die, are cancelled, and end with this process."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from local_tasks import ENDLESS, dynamic, flip, is_gone, pid_in, task_of
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_job_manager.backends.local import memory
from qiskit_job_manager.backends.local import workers as workers_module
from qiskit_job_manager.backends.local.executor import WorkerDiedError
from qiskit_job_manager.backends.local.task import AnswerKind, compute, own_versions
from qiskit_job_manager.backends.local.workers import Workers

DEADLINE_S = 150.0


def in_worker(*experiments, backend="aer", **options):
    return task_of(backend, experiments, {"shots": 100, **options}, only_in_worker=True)


def endless():
    return in_worker(dynamic(), shots=ENDLESS)


def pid_of(workers, task, wait_until):
    return wait_until(lambda: pid_in(workers.where(task.key)), DEADLINE_S)


def test_little_work_is_computed_in_this_process(workers):
    answer = workers.submit(task_of()).result(DEADLINE_S)
    assert answer.kind == AnswerKind.RESULT
    assert pid_in(answer.where) == os.getpid()


def test_much_work_is_computed_by_worker_processes(workers, wait_until):
    workers.expect(100.0)

    def place():
        found = pid_in(workers.submit(task_of()).result(DEADLINE_S).where)
        return found if found != os.getpid() else None

    assert wait_until(place, DEADLINE_S)


def test_what_takes_long_is_left_to_a_worker(workers, wait_until):
    task = task_of(experiments=[dynamic()], options={"shots": ENDLESS})
    workers.submit(task)
    other = {None, os.getpid()}
    assert wait_until(lambda: pid_in(workers.where(task.key)) not in other, DEADLINE_S)


def test_without_workers_this_process_computes_all():
    pool = Workers(0)
    assert pid_in(pool.submit(in_worker()).result(DEADLINE_S).where) == os.getpid()
    pool.close()


def test_a_worker_that_is_killed_takes_no_other_task_with_it(workers, wait_until):
    first, second = endless(), endless()
    killed, other = workers.submit(first), workers.submit(second)
    pid = pid_of(workers, first, wait_until)
    beside = pid_of(workers, second, wait_until)
    assert pid != beside
    os.kill(pid, signal.SIGKILL)
    error = killed.exception(DEADLINE_S)
    assert isinstance(error, WorkerDiedError)
    assert error.was_killed
    assert "SIGKILL" in error.reason
    assert workers.submit(in_worker()).result(DEADLINE_S).kind == AnswerKind.RESULT
    assert not other.done()
    assert pid_of(workers, second, wait_until) == beside


def test_a_task_that_is_cancelled_is_computed_no_more(workers, wait_until):
    task, waiting = endless(), [endless() for _ in range(3)]
    workers.submit(task)
    for each in waiting:
        workers.submit(each)
    pid = pid_of(workers, task, wait_until)
    workers.cancel(task.key)
    wait_until(lambda: is_gone(pid), DEADLINE_S)
    for each in waiting:
        workers.cancel(each.key)
    assert workers.submit(in_worker()).result(DEADLINE_S).kind == AnswerKind.RESULT


def test_workers_end_when_they_are_idle(workers, wait_until, monkeypatch):
    monkeypatch.setattr(workers_module, "IDLE_S", 0.1)
    pid = pid_in(workers.submit(in_worker()).result(DEADLINE_S).where)
    wait_until(lambda: is_gone(pid), DEADLINE_S)
    assert workers.submit(in_worker()).result(DEADLINE_S).kind == AnswerKind.RESULT


def noisy():
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["x", "h"])
    return AerSimulator(noise_model=noise)


def test_what_cannot_be_sent_is_computed_here_and_the_log_says_which_part(
    workers, caplog, wait_until
):
    simulator = noisy()
    simulator.beside = threading.Lock()
    workers.submit(in_worker()).result(DEADLINE_S)
    with caplog.at_level(logging.WARNING):
        answer = workers.submit(task_of(simulator)).result(DEADLINE_S)
        assert pid_in(answer.where) == os.getpid()
        wait_until(lambda: "not sent" in {getattr(r, "event", "") for r in caplog.records}, 20)
    assert "attribute 'beside' cannot be: TypeError" in caplog.text


def test_workers_that_cannot_be_started_are_done_without(workers, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(workers_module, "get_ready", _unready)
    answer = workers.submit(in_worker()).result(DEADLINE_S)
    assert pid_in(answer.where) == os.getpid()
    assert "cannot be started" in caplog.text


def _unready():
    raise AssertionError("it is never called, as no worker can import this module")


# -- memory ---------------------------------------------------------------------------------------


def test_what_is_wide_is_not_begun_in_too_little_memory():
    task = in_worker(flip(20), method="statevector")
    answer = compute(
        "aer", task.payload.format, task.payload.data, json.dumps(task.options), own_versions(), 1
    )
    assert answer.kind == AnswerKind.WIDE
    assert answer.bytes_needed == 16 << 20


@pytest.mark.parametrize("room", [20, 10])
def test_what_is_wider_than_a_share_is_computed_when_there_is_room(monkeypatch, room):
    monkeypatch.setattr(workers_module, "usable_bytes", lambda: room << 20)
    pool = Workers(2)
    wide = [in_worker(flip(20), method="statevector") for _ in range(3)]
    answers = [pool.submit(task) for task in [*wide, in_worker()]]
    assert {each.result(DEADLINE_S).kind for each in answers} == {AnswerKind.RESULT}
    pool.close()


def test_a_gpu_has_one_task_at_a_time(workers, wait_until):
    first, second = (replace(endless(), on_device=True) for _ in range(2))
    workers.submit(first)
    workers.submit(second)
    pid_of(workers, first, wait_until)
    assert workers.where(second.key) is None
    workers.cancel(first.key)
    pid_of(workers, second, wait_until)


def test_memory_is_known():
    assert memory.usable_bytes() > 1 << 20
    assert memory.oom_kills() >= 0


# -- versions -------------------------------------------------------------------------------------


def test_another_version_is_named_in_one_sentence():
    task = task_of()
    theirs = own_versions().replace("qiskit-aer ", "qiskit-aer 9.")
    answer = compute("aer", task.payload.format, task.payload.data, "{}", theirs)
    assert answer.kind == AnswerKind.UNFIT
    assert "and not qiskit-aer 9." in answer.text


def test_a_backend_that_a_worker_cannot_open_is_named():
    task = task_of()
    answer = compute("no-such", task.payload.format, task.payload.data, "{}", own_versions())
    assert answer.kind == AnswerKind.UNFIT
    assert "no-such" in answer.text


def test_what_cannot_be_read_is_refused():
    answer = compute("aer", "qpy-frames/2", b"damaged", "{}", own_versions())
    assert answer.kind == AnswerKind.REFUSED


# -- the end of this process ----------------------------------------------------------------------

SCRIPT = """
import os, signal, sys, threading
import psutil
sys.path.insert(0, sys.argv[1])
from local_tasks import ENDLESS, dynamic, pid_in, task_of
from qiskit_job_manager.backends.local.workers import Workers
signal.signal(signal.SIGINT, signal.default_int_handler)
pool = Workers(2)
tasks = [task_of("aer", [dynamic()], {"shots": ENDLESS}) for _ in range(2)]
futures = [pool.submit(task) for task in tasks]
while {pid_in(pool.where(task.key)) for task in tasks} & {None, os.getpid()}:
    threading.Event().wait(0.01)
workers = [psutil.Process(pid_in(pool.where(task.key))) for task in tasks]
begun_s = [worker.cpu_times().user for worker in workers]
while min(w.cpu_times().user - b for w, b in zip(workers, begun_s)) < 0.2:  # Aer is at it
    threading.Event().wait(0.01)
print(*(worker.pid for worker in workers), flush=True)
futures[0].result()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_this_process(how, wait_until):
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.send_signal(how)
        process.wait(DEADLINE_S)
    assert len(pids) == 2
    wait_until(lambda: all(map(is_gone, pids)), DEADLINE_S)


def test_a_script_is_not_run_again_by_its_workers(tmp_path):
    """It has no main guard, as the scripts of most users."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "print('begun', flush=True)\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from local_tasks import task_of\n"
        "from qiskit_job_manager.backends.local.workers import Workers\n"
        "pool = Workers(1)\n"
        "answer = pool.submit(task_of(only_in_worker=True)).result()\n"
        "pool.close()\n"
        "print(answer.kind)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stdout.split() == ["begun", "result"]


def test_a_killed_program_leaves_no_warning_on_the_terminal():
    script = """
import time
from local_tasks import ENDLESS, dynamic, task_of
from qiskit_job_manager.backends.local.workers import Workers
workers, task = Workers(1), task_of("aer", [dynamic()], {"shots": ENDLESS}, only_in_worker=True)
workers.submit(task)
while not workers.where(task.key):
    time.sleep(0.01)
print("computing", flush=True)
time.sleep(1000)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, **pipes) as process:
        assert process.stdout.readline() == "computing\n"
        process.kill()
        # The pipes end with the last process that has them.
        assert process.communicate(timeout=DEADLINE_S) == ("", "")
