"""Jobs that were never sent can be withdrawn, and are never sent afterwards."""

from __future__ import annotations

import pytest

from qiskit_job_manager import JobManager, Limits, RetryPolicy
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.job_set.requests import wait_for_requests
from qiskit_job_manager.lifecycle import decisions
from qiskit_job_manager.model import JobState, RemoteState, RequestKind
from qiskit_job_manager.model.jobs import WITHDRAWN
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.scripts import JobStory

DEADLINE_S = 60.0


@pytest.fixture
def manager(tmp_path, monkeypatch):
    monkeypatch.setattr(decisions, "_REMOTE_POLL_S", (0.01, 0.02))
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


def withdraw(manager, job_set):
    found = manager._store.job_set(job_set.job_set_id())
    manager._store.request(found.key, RequestKind.WITHDRAW)
    job_set.drive()
    assert wait_for_requests(job_set, DEADLINE_S)
    return manager._store.jobs(found.key)


def test_what_was_not_sent_is_withdrawn_and_what_was_stays(manager, circuits, wait_until):
    backend = ScriptedBackend(SystemClock(), Capabilities(), limits=Limits(pending_jobs=1))
    backend.tell(JobStory.ending(RemoteState.DONE, running=10_000))
    job_set = manager.run(circuits(3), backend, "sweep", 1)
    wait_until(lambda: job_set.progress().jobs.get(JobState.ACTIVE) == 1)
    jobs = withdraw(manager, job_set)
    assert [job.state for job in jobs] == [
        JobState.ACTIVE,
        JobState.CANCELLED,
        JobState.CANCELLED,
    ]
    assert [job.is_withdrawn for job in jobs] == [False, True, True]
    assert jobs[1].error == WITHDRAWN
    # Another backend runs their experiments, so nobody sends them again.
    job_set.cancel()
    job_set.retry(cancelled=True)
    assert wait_for_requests(job_set, DEADLINE_S)
    assert [job.state for job in job_set.managed_jobs()][1:] == [JobState.CANCELLED] * 2


def test_a_job_that_ran_once_and_waits_to_run_again_stays_with_its_backend(
    manager, circuits, wait_until
):
    backend = ScriptedBackend(SystemClock(), Capabilities())
    backend.tell(JobStory.ending(RemoteState.ERROR, "the fridge is warm"))
    retry = RetryPolicy(max_attempts=2, first_wait_s=1000.0, longest_wait_s=1000.0)
    job_set = manager.run(circuits(1), backend, "sweep", retry=retry)
    wait_until(lambda: any(each.event == "retried" for each in job_set.events()))
    (job,) = withdraw(manager, job_set)
    assert job.state is not JobState.CANCELLED
