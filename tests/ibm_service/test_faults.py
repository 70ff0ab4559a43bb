"""Each fault reaches the unmodified client's user as the client makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from qiskit_job_manager.testing.ibm_service import (
    Behaviour,
    Fate,
    IBMService,
    Kind,
    Rule,
    Trouble,
    Way,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_ibm_runtime import QiskitRuntimeService

pytestmark = pytest.mark.filterwarnings("ignore:.*(SamplerV2|EstimatorV2):DeprecationWarning")


@pytest.mark.parametrize(
    ("trouble", "error", "accepted"),
    [
        (Trouble(status=429, code=1202), "IBMRuntimeError", 0),
        (Trouble(status=429, retry_after_s=7), "IBMRuntimeError", 0),
        (Trouble(status=400, code=3458), "IBMRuntimeError", 0),
        (Trouble(status=403), "IBMRuntimeError", 0),
        (Trouble(status=409), "IBMRuntimeError", 0),
        (Trouble(status=413, code=1001), "IBMRuntimeError", 0),
        (Trouble(status=404), "RuntimeProgramNotFound", 0),
        (Trouble(status=401), "IBMNotAuthorizedError", 0),
        (Trouble(way=Way.CLOSE), "IBMRuntimeError", 0),
        (Trouble(way=Way.CLOSE, after=True), "IBMRuntimeError", 1),
        (Trouble(way=Way.RESET), "IBMRuntimeError", 0),
        (Trouble(way=Way.HALF), "IBMRuntimeError", 1),
        (Trouble(way=Way.HTML), "JSONDecodeError", 0),
    ],
)
def test_a_submission_that_goes_wrong(
    ibm: IBMService, submit: Callable[..., Any], trouble: Trouble, error: str, accepted: int
) -> None:
    ibm.script(Kind.SUBMIT, trouble)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # its very class is compared
        submit()
    assert type(caught.value).__name__ == error
    assert len(ibm.books().submissions) == accepted
    assert ibm.books().requests["submit"] == 1


def test_a_504_after_accepting_makes_twins(ibm: IBMService, submit: Callable[..., Any]) -> None:
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True))
    submit()
    assert len(ibm.books().submissions) == 2


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Behaviour(most_pending=0), "3458"),
        (Behaviour(submissions_per_minute=0), "1202"),
        (Behaviour(most_pubs=0), "1001"),
        (Behaviour(most_bytes=10), "1001"),
    ],
)
def test_a_limit_is_a_definite_no(
    ibm: IBMService, submit: Callable[..., Any], behaviour: Behaviour, words: str
) -> None:
    from qiskit_ibm_runtime import IBMRuntimeError

    ibm.behaviour = behaviour
    with pytest.raises(IBMRuntimeError, match=words):
        submit()
    assert ibm.books().submissions == []


@pytest.mark.parametrize(
    ("way", "kind_of_result"), [(Way.EMPTY, type(None)), (Way.HTML, str), (Way.CUT, str)]
)
def test_odd_results_raise_nothing(
    ibm: IBMService, submit: Callable[..., Any], way: Way, kind_of_result: type
) -> None:
    job = submit()
    ibm.script(Kind.RESULTS, Trouble(way=way))
    assert isinstance(job.result(), kind_of_result)


@pytest.mark.parametrize(
    "trouble", [Trouble(status=404), Trouble(status=410), Trouble(way=Way.HALF)]
)
def test_results_that_are_gone_raise(
    ibm: IBMService, submit: Callable[..., Any], trouble: Trouble
) -> None:
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    job = submit()
    ibm.script(Kind.RESULTS, trouble)
    with pytest.raises(RequestsApiError):
        job.result()


def test_a_private_result_can_be_read_once(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    job = submit(private=True)
    assert job.result() is not None
    with pytest.raises(RequestsApiError, match="404"):
        service.job(job.job_id()).result()
    assert service.job(job.job_id()).inputs == {}
    assert ibm.books().handed_out == [job.job_id()]


@pytest.mark.parametrize(
    ("fate", "error"),
    [
        (Fate.FAILS, "RuntimeJobFailureError"),
        (Fate.FAILS_UNREADABLE, "RequestsApiError"),
        (Fate.CANCELLED, "RuntimeInvalidStateError"),
        (Fate.RAN_TOO_LONG, "RuntimeJobMaxTimeoutError"),
    ],
)
def test_a_job_that_ends_badly(
    ibm: IBMService, submit: Callable[..., Any], fate: Fate, error: str
) -> None:
    ibm.tell(fate)
    job = submit()
    with pytest.raises(Exception) as caught:  # noqa: PT011  # its very class is compared
        job.result()
    assert type(caught.value).__name__ == error


def test_a_queued_job_is_cancelled_once(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import RuntimeInvalidStateError

    ibm.tell(Fate.QUEUED)
    job = submit()
    assert job.status() == "QUEUED"
    job.cancel()
    with pytest.raises(RuntimeInvalidStateError):
        service.job(job.job_id()).cancel()
    assert ibm.books().cancelled == [job.job_id()]


def test_a_listing_lags(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    ibm.behaviour = Behaviour(listing_lag_s=3600)
    job = submit()
    assert service.jobs(limit=5) == []
    ibm.behaviour = Behaviour()
    assert [each.job_id() for each in service.jobs(limit=5)] == [job.job_id()]


def test_a_revoked_token_is_refused(ibm: IBMService, service: QiskitRuntimeService) -> None:
    from qiskit_ibm_runtime import IBMNotAuthorizedError

    ibm.revoke_tokens()
    with pytest.raises(IBMNotAuthorizedError):
        service.jobs(limit=5)


def test_a_rule_ends_after_its_times(ibm: IBMService) -> None:
    ibm.add(Rule(kind=Kind.PLAN, trouble=Trouble(status=500), times=2))
    url = f"http://{ibm.address}/emulated-plan"
    assert [requests.get(url, timeout=5).status_code for _ in range(3)] == [500, 500, 200]
