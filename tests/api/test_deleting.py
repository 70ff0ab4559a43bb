"""Deleting by the manager, and what is done about a deletion that was cut off."""

from __future__ import annotations

import pytest

from qiskit_job_manager import JobManager, JobManagerInvalidStateError, JobManagerUnknownJobSet
from qiskit_job_manager.model import RemoteState, RemoteStatus
from qiskit_job_manager.stores import delete
from qiskit_job_manager.testing.scripts import JobStory


@pytest.fixture
def half_deleted(manager, aer, circuits, monkeypatch):
    """A set of four jobs, ``sweep``, whose deletion was interrupted, as it was before."""
    job_set = manager.run(circuits(4), aer, "sweep", max_experiments_per_job=1, shots=1)
    job_set.results(timeout=60)

    def interrupt(_removal):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delete, "_TURN_S", 0.0)
        patch.setattr(delete, "_PARTS", tuple((page, 1) for page, _ in delete._PARTS))
        patch.setattr(delete._Removal, "give_way", interrupt)
        with pytest.raises(KeyboardInterrupt):
            job_set.delete()
    return job_set


def test_a_set_that_is_half_deleted_is_no_job_set_any_more(manager, half_deleted, store_path):
    job_set_id = half_deleted.job_set_id()
    with JobManager(store_path) as other:
        assert other.job_sets() == []
        assert other.unfinished() == []
        for reference in ("sweep", job_set_id, job_set_id[:6]):
            with pytest.raises(JobManagerUnknownJobSet, match="half deleted"):
                other.retrieve_job_set(reference)
            assert [left.name for left in other.half_deleted(reference)] == ["sweep"]
        assert other.half_deleted("other") == []
    for read in (
        *(half_deleted.results, half_deleted.name, half_deleted.jobs, half_deleted.progress),
        *(half_deleted.wait, half_deleted.done, lambda: list(half_deleted.as_completed())),
    ):
        with pytest.raises(JobManagerUnknownJobSet):
            read()


@pytest.mark.parametrize("way", ["by name", "by id", "by the beginning", "itself", "resume"])
def test_what_is_half_deleted_is_removed(manager, half_deleted, way):
    job_set_id = half_deleted.job_set_id()
    {
        "by name": lambda: manager.delete_job_set("sweep"),
        "by id": lambda: manager.delete_job_set(job_set_id),
        "by the beginning": lambda: manager.delete_job_set(job_set_id[:4]),
        "itself": half_deleted.delete,
        "resume": manager.resume,
    }[way]()
    assert manager.half_deleted() == []
    with pytest.raises(JobManagerUnknownJobSet, match="no job set 'sweep'"):
        manager.delete_job_set("sweep")


def test_the_name_is_free_at_once_and_means_the_new_set(manager, half_deleted, aer, circuits):
    manager.run(circuits(2), aer, "sweep", shots=1, if_exists="resume").results(timeout=60)
    assert manager.find("sweep").n_experiments == 2
    manager.delete_job_set("sweep")
    assert manager.job_sets() == []
    assert len(manager.half_deleted()) == 1


def test_what_has_not_ended_is_not_deleted(manager, scripted, circuits):
    backend = scripted()
    backend.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
    job_set = manager.run(circuits(1), backend, "waiting", shots=1)
    with pytest.raises(JobManagerInvalidStateError, match="cancel it"):
        manager.delete_job_set("waiting")
    assert job_set.n_jobs == 1
