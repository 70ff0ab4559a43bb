"""The cloud as a provider's `BackendV2`, followed by the adapter for those that nobody has seen."""

from __future__ import annotations

import pytest
from qiskit.providers import JobStatus

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends.qiskit_backend import QiskitBackend
from qiskit_job_manager.errors import (
    CredentialsError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    TransientBackendError,
)
from qiskit_job_manager.model import RemoteState
from qiskit_job_manager.testing.backend_contract import BackendContract, payload_of
from qiskit_job_manager.testing.cloud_service import (
    CloudClient,
    CloudService,
    Endpoint,
    Engine,
    Fate,
    Faults,
    Trouble,
    Way,
)
from qiskit_job_manager.testing.cloud_service.backend import CloudBackend, RetrievingCloudBackend
from qiskit_job_manager.testing.samples import expected_counts


@pytest.fixture
def provided(client):
    return RetrievingCloudBackend(client)


class TestContract(BackendContract):
    per_job = 2

    @pytest.fixture
    def backend(self):
        with CloudService(engine=Engine.AER) as cloud:
            yield QiskitBackend(RetrievingCloudBackend(CloudClient(cloud.address)))


def test_it_runs_circuits_as_qiskit_has_it(provided, circuits):
    job = provided.run(circuits(2), shots=40)
    assert job.status() is JobStatus.DONE
    assert job.result().get_counts("c1") == {
        f"{int(key, 16):03b}": n for key, n in expected_counts("c1", 3, 40).items()
    }
    assert provided.retrieve_job(job.job_id()).result().success
    assert len(provided.run(circuits(1)[0], shots=1).result().results) == 1


def test_a_job_fails_and_is_cancelled_in_its_own_words(cloud, provided, circuits):
    cloud.tell(Fate.FAILS)
    job = provided.run(circuits(1))
    assert (job.status(), job.error_message()) == (
        JobStatus.ERROR,
        "the dilution refrigerator is warm",
    )
    cloud.faults = Faults(jobs_at_once=0)
    job = provided.run(circuits(1))
    job.cancel()
    assert job.status() is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble(Way.RESET), SubmissionInDoubtError),
        (Trouble(Way.CLOSE, after=True), SubmissionInDoubtError),
        (Trouble(Way.HTML), SubmissionInDoubtError),
        (Trouble(Way.STATUS, status=429, retry_after_s=2), SubmissionDeferredError),
        (Trouble(Way.STATUS, status=401), CredentialsError),
    ],
    ids=lambda value: getattr(value, "way", None),
)
def test_what_it_raises_of_a_submission_is_sorted_rightly(
    cloud, provided, circuits, trouble, error
):
    cloud.script(Endpoint.SUBMIT, trouble)
    with pytest.raises(error):
        QiskitBackend(provided).submit(payload_of(circuits(1)), {}, "t")


def test_what_it_raises_of_reads_is_sorted_rightly(cloud, provided, circuits):
    backend = QiskitBackend(provided)
    # One read waits for the end, the other is that of `fetch`.
    cloud.script(Endpoint.RESULT, Trouble(Way.HALF), Trouble(Way.HALF))
    job_id = backend.submit(payload_of(circuits(1)), {}, "t")
    assert backend.wait_for_ends(60)
    with pytest.raises(TransientBackendError):
        backend.fetch(job_id)
    cloud.script(Endpoint.STATUS, Trouble(Way.CLOSE))
    with pytest.raises(TransientBackendError):
        backend.statuses([job_id])
    cloud.faults = Faults(reads_once=True, after_read=200)
    provided.client.result(job_id)
    with pytest.raises(ResultGoneError):
        backend.fetch(job_id)


def test_only_one_that_can_retrieve_jobs_follows_those_of_others(provided, circuits):
    job_id = provided.run(circuits(1)).job_id()
    [found] = QiskitBackend(RetrievingCloudBackend(provided.client)).statuses([job_id]).values()
    assert found.state is RemoteState.DONE
    [found] = QiskitBackend(CloudBackend(provided.client)).statuses([job_id]).values()
    assert found.state is RemoteState.OUT_OF_REACH
    assert "retrieve_job" in found.message


def test_a_manager_takes_it_as_it_is(tmp_path, cloud, provided, circuits):
    with JobManager(tmp_path / "store.db") as manager:
        job_set = manager.run(circuits(4), provided, shots=40, max_experiments_per_job=2)
        assert job_set.results(timeout=60).success
    assert list(cloud.books().submissions_by_payload().values()) == [1, 1]
