"""Jobs that somebody else cancelled are named, and sent again on request."""

from __future__ import annotations

import pytest

from qiskit_job_manager import InvalidArgumentError, JobManager
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.lifecycle import decisions
from qiskit_job_manager.model import JobState, RemoteState
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.scripts import JobStory

DEADLINE_S = 60.0


@pytest.fixture
def manager(tmp_path, monkeypatch):
    monkeypatch.setattr(decisions, "_REMOTE_POLL_S", (0.01, 0.02))
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def job_set(manager, circuits):
    """Three jobs: one is done, one has failed, one was cancelled on the backend."""
    backend = ScriptedBackend(SystemClock(), Capabilities())
    backend.tell(
        JobStory.ending(RemoteState.DONE),
        JobStory.ending(RemoteState.ERROR, "the fridge is warm"),
        JobStory.ending(RemoteState.CANCELLED),
    )
    job_set = manager.run(circuits(3), backend, "sweep", 1)
    assert job_set.wait(timeout=DEADLINE_S)
    return job_set


def counts(job_set):
    assert job_set.wait(timeout=DEADLINE_S)
    return {str(state): count for state, count in job_set.progress().jobs.items() if count}


def test_a_job_that_was_cancelled_elsewhere_is_named(job_set):
    assert "cancelled on the backend, by somebody else" in job_set.error_messages()


def test_what_the_user_cancelled_is_no_error(manager, circuits):
    backend = ScriptedBackend(SystemClock(), Capabilities())
    backend.tell(JobStory.ending(RemoteState.DONE, running=10_000))
    job_set = manager.run(circuits(1), backend)
    job_set.cancel()
    assert counts(job_set) == {"cancelled": 1}
    assert job_set.error_messages() is None


@pytest.mark.parametrize(
    ("how", "after"),
    [
        ({}, {"done": 2, "cancelled": 1}),
        ({"cancelled": True}, {"done": 3}),
        ({"states": ["cancelled"]}, {"done": 2, "failed": 1}),
        ({"states": [JobState.FAILED]}, {"done": 2, "cancelled": 1}),
        ({"states": "lost"}, {"done": 1, "failed": 1, "cancelled": 1}),
        ({"states": ["failed", "lost", "cancelled"]}, {"done": 3}),
    ],
)
def test_what_is_asked_for_is_sent_again_and_nothing_else(job_set, how, after):
    job_set.retry(**how)
    assert counts(job_set) == after


def test_a_retry_that_finds_nothing_says_what_there_is(job_set, caplog):
    job_set.retry(cancelled=True)
    assert counts(job_set) == {"done": 3}
    assert not caplog.records
    job_set.retry()
    (record,) = (each for each in caplog.records if each.event == "nothing to retry")
    assert "3 done" in record.message


def test_a_state_that_cannot_be_sent_again_is_refused(job_set):
    with pytest.raises(InvalidArgumentError, match=r"'done'.*'cancelled', 'failed', 'lost'"):
        job_set.retry(states=["failed", "done"])
