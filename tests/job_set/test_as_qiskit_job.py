"""A job set stands where a Qiskit job is expected."""

from __future__ import annotations

import inspect
import time

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2, BasePrimitiveJob
from qiskit.providers import JobStatus, JobTimeoutError, JobV1

from qiskit_job_manager import (
    InvalidArgumentError,
    JobManagerTimeoutError,
    ManagedResultDataNotAvailable,
)
from qiskit_job_manager.job_set.status import name_of_whole
from qiskit_job_manager.model import JobState, RemoteState
from qiskit_job_manager.model.progress import Activity, Progress
from qiskit_job_manager.testing import JobStory
from qiskit_job_manager.testing.scripts import Call, Hang, LoseAnswer

ASKED = ("job_id", "result", "status", "done", "running", "cancelled", "in_final_state", "cancel")


@pytest.mark.parametrize("name", [*ASKED, "wait_for_final_state"])
def test_it_can_be_called_as_qiskits_own_can(manager, backend, circuits, name):
    job_set = manager.run(circuits(1), backend)
    theirs = inspect.signature(getattr(JobV1, name)).parameters
    ours = inspect.signature(getattr(job_set, name)).parameters
    assert {each for each in theirs if each != "self"} <= set(ours)


def test_it_counts_as_a_job_of_qiskit(manager, backend, circuits):
    job_set = manager.run(circuits(1), backend)
    assert isinstance(job_set, JobV1)
    assert isinstance(job_set, BasePrimitiveJob)


def test_its_result_has_all_experiments_in_order(manager, circuits):
    job_set = manager.run(circuits(7), "aer", shots=10, max_experiments_per_job=2)
    result = job_set.result(timeout=60)
    assert [each.header["name"] for each in result.results] == [f"c{i}" for i in range(7)]
    assert result.get_counts("c6") == {"00": 10}
    assert (result.success, result.job_id) == (True, job_set.job_id())
    assert (job_set.status(), job_set.done(), job_set.in_final_state()) == (
        JobStatus.DONE,
        True,
        True,
    )


def test_while_one_runs_it_is_running_and_not_final(manager, backend, circuits):
    gate = Hang()
    backend.script(Call.STATUSES, gate)
    job_set = manager.run(circuits(1), backend)
    assert gate.reached.wait(60)
    try:
        until = time.monotonic() + 60  # that a local job was accepted is written a moment later
        while not job_set.running():
            assert time.monotonic() < until
            time.sleep(0.01)
        assert (job_set.status(), job_set.running()) == (JobStatus.RUNNING, True)
        assert not job_set.in_final_state()
        with pytest.raises(JobManagerTimeoutError, match="experiment 0") as raised:
            job_set.result(timeout=0)
        assert isinstance(raised.value, JobTimeoutError)
    finally:
        gate.release()
    job_set.wait_for_final_state(timeout=10)
    assert job_set.done()


def test_one_that_waits_in_a_queue_is_queued(manager, remote, circuits):
    remote.tell(JobStory.ending(RemoteState.DONE, queued=10_000))
    job_set = manager.run(circuits(1), remote)
    with pytest.raises(JobTimeoutError):
        job_set.wait_for_final_state(
            timeout=10, wait=0.01, callback=lambda *_: raise_if_queued(job_set)
        )
    assert job_set.status() is JobStatus.QUEUED


def raise_if_queued(job_set):
    if job_set.status() is JobStatus.QUEUED:
        raise JobTimeoutError("seen")


def test_the_callback_gets_id_status_and_job_set_until_the_end(manager, remote, circuits):
    remote.tell(JobStory.ending(RemoteState.DONE, queued=5, running=5))
    job_set = manager.run(circuits(1), remote)
    heard = []
    job_set.wait_for_final_state(10, 0.001, lambda *told: heard.append(told))
    assert heard
    assert {told[0] for told in heard} == {job_set.job_id()}
    assert {told[2] for told in heard} == {job_set}
    assert {told[1] for told in heard} <= set(JobStatus) - {JobStatus.DONE}
    assert job_set.done()


@pytest.mark.parametrize("wait", [-1, "soon"])
def test_an_impossible_wait_is_named(manager, backend, circuits, wait):
    job_set = manager.run(circuits(1), backend)
    with pytest.raises(InvalidArgumentError, match=str(wait)):
        job_set.wait_for_final_state(wait=wait)


def test_one_failed_job_makes_the_whole_an_error_and_says_why(manager, backend, circuits):
    backend.tell(JobStory(), JobStory.ending(RemoteState.ERROR, "the fridge is warm"))
    job_set = manager.run(circuits(2), backend, max_experiments_per_job=1)
    with pytest.raises(ManagedResultDataNotAvailable, match="the fridge is warm"):
        job_set.result(timeout=10)
    assert job_set.status() is JobStatus.ERROR
    assert (job_set.done(), job_set.cancelled(), job_set.in_final_state()) == (False, False, True)


def test_one_that_was_cancelled_says_so(manager, remote, circuits):
    remote.tell(JobStory.ending(RemoteState.DONE, queued=10_000))
    job_set = manager.run(circuits(1), remote)
    job_set.cancel()
    job_set.wait_for_final_state(timeout=60)
    assert (job_set.status(), job_set.cancelled()) == (JobStatus.CANCELLED, True)


def test_one_that_only_the_user_can_decide_about_does_not_keep_anybody_waiting(
    manager, remote, circuits
):
    remote.script(Call.SUBMIT, LoseAnswer())
    job_set = manager.run(circuits(1), remote)
    job_set.wait_for_final_state(timeout=60)
    assert job_set.status() is JobStatus.ERROR
    with pytest.raises(ManagedResultDataNotAvailable, match="resubmit"):
        job_set.result(timeout=10)


def whole(activity=None, *, complete=True, needs_user=0, **jobs):
    counts = {JobState[name.upper()]: count for name, count in jobs.items()}
    n_jobs = sum(counts.values())
    progress = Progress(n_jobs, n_jobs, counts, counts, complete, needs_user)
    return name_of_whole(progress, activity or Activity(0, 0))


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"planned": 2}, "INITIALIZING"),
        ({"submitting": 1, "planned": 1}, "INITIALIZING"),
        ({"active": 1, "planned": 1, "activity": Activity(0, 1)}, "QUEUED"),
        ({"active": 2, "activity": Activity(1, 1)}, "RUNNING"),
        ({"collecting": 1}, "RUNNING"),
        ({"done": 1, "planned": 1}, "RUNNING"),
        ({"failed": 1, "planned": 1}, "RUNNING"),
        ({"done": 2}, "DONE"),
        ({"done": 2, "complete": False}, "RUNNING"),
        ({"done": 1, "failed": 1}, "ERROR"),
        ({"done": 1, "cancelled": 1}, "CANCELLED"),
        ({"cancelled": 1, "failed": 1}, "ERROR"),
        ({"done": 1, "lost": 1}, "ERROR"),
        ({"done": 1, "in_doubt": 1}, "RUNNING"),
        ({"done": 1, "in_doubt": 1, "needs_user": 1}, "ERROR"),
    ],
)
def test_the_status_of_the_whole_follows_from_that_of_the_jobs(facts, status):
    assert whole(**facts) == status


def test_a_library_that_knows_backends_alone_takes_it_for_a_job(manager):
    from qiskit_aer import AerSimulator

    aer = AerSimulator(max_parallel_threads=1)

    class Through(AerSimulator):
        """A backend whose jobs are job sets."""

        def run(self, circuits, **options):
            options.pop("seed_simulator", None)
            return manager.run(circuits, aer, max_experiments_per_job=2, **options)

    flipped = []
    for i in range(5):
        circuit = QuantumCircuit(2, 2)
        if i % 2 == 0:
            circuit.x(0)
        circuit.measure(range(2), range(2))
        flipped.append((circuit, None, 20))
    result = BackendSamplerV2(backend=Through()).run(flipped).result()
    assert [each.data.c.get_counts() for each in result] == [
        {"01": 20} if i % 2 == 0 else {"00": 20} for i in range(5)
    ]
    assert [job_set.n_jobs for job_set in manager.job_sets()] == [3]
