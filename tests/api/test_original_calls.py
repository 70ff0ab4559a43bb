"""Calls that behave as those of the original Job Manager: cancel, jobs, providers, old ids."""

from __future__ import annotations

import warnings

import pytest
from qiskit.providers import JobStatus

from qiskit_job_manager import JobManagerUnknownJobSet, Limits, UnknownBackendError
from qiskit_job_manager.errors import SubmissionRefusedError
from qiskit_job_manager.ibmq import IBMQJobManager
from qiskit_job_manager.job_set import requests
from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus
from qiskit_job_manager.testing import Call, Hang, JobStory, Raise
from qiskit_job_manager.testing.cloud_service import CloudAdapter, CloudService, Faults

REMOTE = {"volatile": False}
RUNNING = JobStory((RemoteStatus(RemoteState.RUNNING),))
OLD_ID = "0123456789abcdef0123456789abcdef-15912345671234567"


class Provider:
    """Stands for the provider of the retired package."""

    def get_backend(self, name):
        raise NotImplementedError(name)


# -- cancel() --------------------------------------------------------------------------------------


@pytest.mark.parametrize("can", [{}, REMOTE, {"volatile": False, "bulk_status": True}])
def test_statuses_right_after_cancel_say_cancelled(manager, scripted, circuits, wait_until, can):
    backend = scripted(limits=Limits(pending_jobs=3), **can)
    backend.tell(*[RUNNING] * 3)
    job_set = manager.run(circuits(8), backend, max_experiments_per_job=1)
    wait_until(lambda: job_set.progress().jobs.get(JobState.ACTIVE) == 3)
    job_set.cancel()
    assert job_set.statuses() == [JobStatus.CANCELLED] * 8
    assert len(backend.ledger.cancelled) == 3


def test_statuses_right_after_the_cancel_of_one_job_say_cancelled(
    manager, scripted, circuits, wait_until
):
    backend = scripted(**REMOTE)
    backend.tell(RUNNING, RUNNING)
    job_set = manager.run(circuits(2), backend, max_experiments_per_job=1)
    wait_until(lambda: job_set.progress().jobs.get(JobState.ACTIVE) == 2)
    job_set.managed_jobs()[1].cancel()
    assert job_set.statuses() == [JobStatus.RUNNING, JobStatus.CANCELLED]
    job_set.cancel()
    assert job_set.statuses() == [JobStatus.CANCELLED] * 2


def test_cancel_returns_once_each_job_was_asked_although_they_go_on(
    manager, scripted, circuits, wait_until, monkeypatch
):
    monkeypatch.setattr(requests, "CANCEL_WITHIN_S", 60.0)
    backend = scripted(cancels=False, volatile=False)
    backend.tell(*[RUNNING] * 3)
    job_set = manager.run(
        circuits(5), backend, limits=Limits(pending_jobs=3, experiments_per_job=1)
    )
    wait_until(lambda: job_set.progress().jobs.get(JobState.ACTIVE) == 3)
    job_set.cancel()
    told = [each.event for job in range(3) for each in job_set.events(job)]
    assert told.count("cancel sent") == 3
    assert [str(job.state) for job in job_set.managed_jobs()] == ["active"] * 3 + ["cancelled"] * 2


def test_cancel_returns_although_the_backend_does_not_answer(
    manager, scripted, circuits, wait_until, monkeypatch
):
    monkeypatch.setattr(requests, "CANCEL_WITHIN_S", 0.2)
    backend, hang = scripted(**REMOTE), Hang()
    backend.tell(RUNNING)
    backend.script(Call.CANCEL, hang)
    job_set = manager.run(
        circuits(4), backend, limits=Limits(pending_jobs=1, experiments_per_job=1)
    )
    wait_until(lambda: job_set.progress().jobs.get(JobState.ACTIVE) == 1)
    job_set.cancel()
    hang.release()
    assert [str(job.state) for job in job_set.managed_jobs()][1:] == ["cancelled"] * 3


def test_statuses_right_after_cancel_say_cancelled_on_a_service(manager, circuits, wait_until):
    with CloudService(Faults(service_time_s=3600.0)) as cloud:
        job_set = manager.run(
            circuits(6), CloudAdapter(cloud.address), max_experiments_per_job=1, shots=10
        )
        wait_until(lambda: job_set.progress().jobs.get(JobState.ACTIVE) == 6)
        job_set.cancel()
        assert job_set.statuses() == [JobStatus.CANCELLED] * 6


# -- jobs() ----------------------------------------------------------------------------------------


def test_a_job_that_was_refused_is_none_among_the_jobs(manager, scripted, circuits):
    backend = scripted()
    backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("bad circuit")))
    job_set = manager.run(circuits(3), backend, max_experiments_per_job=1)
    job_set.results(timeout=30)
    jobs = job_set.jobs()
    refused = [job is None for job in jobs]
    assert refused.count(True) == 1
    index = refused.index(True)
    assert isinstance(job_set.managed_jobs()[index].submit_error, SubmissionRefusedError)
    assert all(job.job_id() for job in jobs if job is not None)


# -- providers -------------------------------------------------------------------------------------


@pytest.fixture
def old(store_path):
    with IBMQJobManager(store_path) as manager:
        yield manager


@pytest.mark.parametrize("by_name", [True, False])
def test_a_provider_is_taken_and_ignored_with_a_warning(old, aer, circuits, by_name):
    job_set = old.run(circuits(2), aer, name="foo", shots=10)
    job_set.results(timeout=30)
    given = {"provider": Provider()} if by_name else {}
    place = () if by_name else (Provider(),)
    with pytest.warns(UserWarning, match="provider has no effect"):
        again = old.retrieve_job_set(job_set.job_set_id(), *place, **given)
    assert again.results().get_counts(1) == {"00001": 10}


def test_a_provider_for_the_list_is_taken_and_ignored_with_a_warning(old, aer, circuits):
    old.run(circuits(1), aer, name="foo", shots=10).results(timeout=30)
    with pytest.warns(UserWarning, match="provider has no effect"):
        [found] = old.job_sets(name="foo", provider=Provider())
    assert found.name() == "foo"


def test_without_a_provider_there_is_no_warning(old, aer, circuits):
    job_set = old.run(circuits(1), aer, name="foo", shots=10)
    job_set.results(timeout=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert old.job_sets()
        assert old.retrieve_job_set("foo", aer).results().success
        assert old.retrieve_job_set("foo", backend=aer, refresh=True).results().success


# -- what is retired -------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [OLD_ID, f"ibmq_jobset_{OLD_ID}_"])
def test_an_old_id_is_known_as_such(manager, given):
    with pytest.raises(JobManagerUnknownJobSet, match=r"retired.*'fake:torino'") as caught:
        manager.retrieve_job_set(given)
    assert given in str(caught.value)


@pytest.mark.parametrize(
    ("name", "rehearsal"),
    [
        ("ibmq_manila", "'fake:manila'"),
        ("ibm:ibmq_manila", "'fake:manila'"),
        ("ibmq_16_melbourne", "'fake:melbourne'"),
        ("ibmq_nowhere", "'fake:torino'"),
        ("ibmq_qasm_simulator", "'aer'"),
        ("ibmqx4", "'fake:torino'"),
    ],
)
def test_a_retired_backend_is_known_as_such(manager, circuits, name, rehearsal):
    with pytest.raises(UnknownBackendError, match=f"retired.*'ibm:ibm_fez'.*{rehearsal}"):
        manager.run(circuits(1), name, shots=10)
    assert manager.job_sets() == []
