"""What the client can ask of a job, a batch, a backend and an account."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from qiskit_job_manager.testing.ibm_service import (
    CRN,
    INSTANCE,
    Behaviour,
    Fate,
    IBMService,
    Kind,
    Rule,
    Trouble,
    pointed,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qiskit_ibm_runtime import QiskitRuntimeService

pytestmark = pytest.mark.filterwarnings("ignore:.*(SamplerV2|EstimatorV2):DeprecationWarning")


def test_tags_are_replaced(service: QiskitRuntimeService, submit: Callable[..., Any]) -> None:
    job = submit(tags=("ours",))
    assert set(job.update_tags(["ours", "mine"])) == {"ours", "mine"}
    assert set(service.job(job.job_id()).tags) == {"ours", "mine"}
    assert len(service.jobs(job_tags=["mine"], limit=5)) == 1


def test_a_job_has_logs_until_it_is_deleted(
    service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import RuntimeJobNotFound

    job = submit()
    job.wait_for_final_state()
    assert job.logs() == "emulated"
    service.delete_job(job.job_id())
    with pytest.raises(RuntimeJobNotFound):
        service.job(job.job_id())
    assert service.jobs(limit=5) == []


def test_a_deleted_job_counts_for_the_pace(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import IBMRuntimeError

    ibm.behaviour = Behaviour(submissions_per_minute=1)
    service.delete_job(submit().job_id())
    with pytest.raises(IBMRuntimeError, match="1202"):
        submit()


def test_jobs_are_listed_by_when_they_were_created(
    service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    hour = timedelta(hours=1)
    before = datetime.now().astimezone() - hour
    job_id = submit().job_id()

    def listed(**query: Any) -> list[str]:
        return [job.job_id() for job in service.jobs(limit=5, **query)]

    assert listed(created_after=before) == [job_id]
    assert listed(created_before=before) == []
    assert listed(created_after=before + 2 * hour) == []
    assert listed(created_before=before + 2 * hour) == [job_id]


def test_jobs_are_listed_by_whether_they_pend(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    ibm.tell(Fate.QUEUED)
    queued = submit()
    done = submit()
    done.wait_for_final_state()
    assert [each.job_id() for each in service.jobs(pending=True, limit=5)] == [queued.job_id()]
    assert [each.job_id() for each in service.jobs(pending=False, limit=5)] == [done.job_id()]


def test_a_closed_batch_runs_what_it_has_and_takes_no_more(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import Batch, IBMRuntimeError

    batch = Batch(backend=service.backend("ibm_manila"))
    job = submit(batch)
    assert job.session_id == batch.session_id
    assert len(service.jobs(session_id=batch.session_id, limit=5)) == 1
    batch.close()
    assert job.result() is not None
    # The client itself knows that the batch is closed; another process's would not.
    other = Batch.from_id(batch.session_id, service)
    with pytest.raises(IBMRuntimeError, match="4001"):
        submit(other)
    assert [each.session_id for each in ibm.books().submissions] == [batch.session_id]


def test_a_cancelled_session_cancels_what_waits(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import Session

    ibm.tell(Fate.QUEUED)
    session = Session(backend=service.backend("ibm_manila"))
    job = submit(session)
    session.cancel()
    assert job.status() == "CANCELLED"
    assert ibm.books().cancelled == [job.job_id()]


def test_a_session_that_is_unknown_is_refused(
    service: QiskitRuntimeService,
) -> None:
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.exceptions import IBMInputValueError

    with pytest.raises(IBMInputValueError, match="404"):
        Session.from_id("session-of-nobody", service)


def test_a_paused_backend_says_so(ibm: IBMService, service: QiskitRuntimeService) -> None:
    backend = service.backend("ibm_manila")
    assert (backend.status().operational, backend.status().status_msg) == (True, "active")
    ibm.behaviour = Behaviour(paused=("ibm_manila",))
    assert backend.status().operational is False
    assert service.backends(operational=True) == []


def test_a_retired_backend_is_unknown(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit.providers.exceptions import QiskitBackendNotFoundError
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    backend = service.backend("ibm_manila")
    ibm.behaviour = Behaviour(retired=("ibm_manila",))
    with pytest.raises(RequestsApiError, match="404"):
        submit(backend)
    with pytest.raises(QiskitBackendNotFoundError):
        service.backend("ibm_manila")
    assert ibm.books().submissions == []


def test_usage_that_is_used_up_is_warned_of_and_no_more(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    ibm.behaviour = Behaviour(usage_limit_reached=True)
    assert service.usage()["usage_limit_reached"] is True
    with pytest.warns(UserWarning, match="usage"):
        submit()
    assert len(ibm.books().submissions) == 1


@pytest.mark.parametrize("instance", [CRN, INSTANCE, None])
def test_an_instance_is_found_by_crn_by_name_and_by_itself(
    ibm: IBMService, tmp_path: Path, instance: str | None
) -> None:
    from qiskit_ibm_runtime import QiskitRuntimeService

    with pointed(ibm.address, tmp_path) as arguments:
        service = QiskitRuntimeService(**arguments | {"instance": instance})
        assert [backend.name for backend in service.backends()] == ["ibm_manila"]


@pytest.mark.parametrize("instance", [CRN.replace("emulated", "other"), "other"])
def test_a_wrong_instance_is_refused(ibm: IBMService, tmp_path: Path, instance: str) -> None:
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.exceptions import IBMInputValueError

    with (
        pointed(ibm.address, tmp_path) as arguments,
        pytest.raises(IBMInputValueError, match="instance"),
    ):
        QiskitRuntimeService(**arguments | {"instance": instance})


def test_a_token_is_refreshed_when_it_ends(
    ibm: IBMService, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import QiskitRuntimeService

    ibm.behaviour = Behaviour(token_lifetime_s=1)
    with pointed(ibm.address, tmp_path) as arguments:
        service = QiskitRuntimeService(**arguments)
        service.jobs(limit=1)
        had = ibm.books().requests["token"]
        # None of these calls is refused.
        wait_until(lambda: service.jobs(limit=1) or ibm.books().requests["token"] > had)


def test_a_client_goes_on_by_its_key_when_no_token_is_given(
    ibm: IBMService, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import QiskitRuntimeService

    ibm.behaviour = Behaviour(token_lifetime_s=1)
    with pointed(ibm.address, tmp_path) as arguments:
        service = QiskitRuntimeService(**arguments)
        service.jobs(limit=1)
        ibm.add(Rule(kind=Kind.TOKEN, trouble=Trouble(status=503)))
        had = ibm.books().requests["token"]
        # Not one call more than it takes: the next would wait for a minute.
        with pytest.warns(UserWarning, match="API Key will be used"):
            wait_until(lambda: service.jobs(limit=1) or ibm.books().requests["token"] > had)


def test_what_is_no_submission_is_refused(ibm: IBMService) -> None:
    def answered(method: str, path: str, body: str) -> tuple[int, int]:
        url = f"http://{ibm.address}/api/v1{path}"
        answer = requests.request(method, url, data=body, timeout=5)
        return answer.status_code, answer.json()["errors"][0]["code"]

    assert answered("POST", "/jobs", "{") == (400, 1217)
    assert answered("POST", "/jobs", "[]") == (400, 1217)
    assert answered("POST", "/jobs", '{"backend": "ibm_other"}') == (404, 1292)
    said = '{"backend": "ibm_manila", "program_id": "sampler", "params": '
    assert answered("POST", "/jobs", said + "{}}") == (400, 1217)
    assert answered("POST", "/jobs", said.replace("sampler", "qaoa") + "{}}") == (404, 1292)
    assert answered("GET", "/jobs?created_after=soon", "") == (400, 1217)
    assert answered("GET", "/jobs?limit=-1", "") == (400, 1217)
    assert answered("GET", "/nothing", "") == (404, 1290)
    assert ibm.books().submissions == []
