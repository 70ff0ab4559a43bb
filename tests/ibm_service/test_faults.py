"""Each fault reaches the unmodified client's user as the client makes of it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
from qiskit import QuantumCircuit

from qiskit_job_manager.testing.ibm_service import (
    Behaviour,
    Fate,
    IBMProcess,
    IBMService,
    Kind,
    Rule,
    Trouble,
    Way,
    account_environment,
)

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit_ibm_runtime import QiskitRuntimeService

pytestmark = pytest.mark.filterwarnings("ignore:.*(SamplerV2|EstimatorV2):DeprecationWarning")


def submit(service: QiskitRuntimeService, *, private: bool = False) -> Any:
    """Submit a job."""
    from qiskit_ibm_runtime import SamplerV2

    circuit = QuantumCircuit(5, 1)
    circuit.measure(0, 0)
    sampler = SamplerV2(service.backend("ibm_manila"))
    sampler.options.environment.private = private
    return sampler.run([circuit], shots=10)


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
    ibm: IBMService, service: QiskitRuntimeService, trouble: Trouble, error: str, accepted: int
) -> None:
    ibm.script(Kind.SUBMIT, trouble)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # its very class is compared
        submit(service)
    assert type(caught.value).__name__ == error
    assert len(ibm.books().submissions) == accepted
    assert ibm.books().requests["submit"] == 1


def test_a_504_after_accepting_makes_twins(ibm: IBMService, service: QiskitRuntimeService) -> None:
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True))
    submit(service)
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
    ibm: IBMService, service: QiskitRuntimeService, behaviour: Behaviour, words: str
) -> None:
    from qiskit_ibm_runtime import IBMRuntimeError

    ibm.behaviour = behaviour
    with pytest.raises(IBMRuntimeError, match=words):
        submit(service)
    assert ibm.books().submissions == []


@pytest.mark.parametrize(
    ("way", "kind_of_result"), [(Way.EMPTY, type(None)), (Way.HTML, str), (Way.CUT, str)]
)
def test_odd_results_raise_nothing(
    ibm: IBMService, service: QiskitRuntimeService, way: Way, kind_of_result: type
) -> None:
    job = submit(service)
    ibm.script(Kind.RESULTS, Trouble(way=way))
    assert isinstance(job.result(), kind_of_result)


@pytest.mark.parametrize(
    "trouble", [Trouble(status=404), Trouble(status=410), Trouble(way=Way.HALF)]
)
def test_results_that_are_gone_raise(
    ibm: IBMService, service: QiskitRuntimeService, trouble: Trouble
) -> None:
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    job = submit(service)
    ibm.script(Kind.RESULTS, trouble)
    with pytest.raises(RequestsApiError):
        job.result()


def test_a_private_result_can_be_read_once(ibm: IBMService, service: QiskitRuntimeService) -> None:
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    job = submit(service, private=True)
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
    ibm: IBMService, service: QiskitRuntimeService, fate: Fate, error: str
) -> None:
    ibm.tell(fate)
    job = submit(service)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # its very class is compared
        job.result()
    assert type(caught.value).__name__ == error


def test_a_queued_job_is_cancelled_once(ibm: IBMService, service: QiskitRuntimeService) -> None:
    from qiskit_ibm_runtime import RuntimeInvalidStateError

    ibm.tell(Fate.QUEUED)
    job = submit(service)
    assert job.status() == "QUEUED"
    job.cancel()
    with pytest.raises(RuntimeInvalidStateError):
        service.job(job.job_id()).cancel()
    assert ibm.books().cancelled == [job.job_id()]


def test_a_listing_lags(ibm: IBMService, service: QiskitRuntimeService) -> None:
    ibm.behaviour = Behaviour(listing_lag_s=3600)
    job = submit(service)
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


_LIFE = """
import sys, warnings
looked_up = set()
def heed(event, arguments):
    if event == "socket.getaddrinfo":
        looked_up.add(arguments[0])
        if arguments[0] not in ("127.0.0.1", "localhost"):
            raise RuntimeError(f"looked up {arguments[0]}")
sys.addaudithook(heed)
warnings.simplefilter("ignore")
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2
service = QiskitRuntimeService()
circuit = QuantumCircuit(5, 1)
circuit.measure(0, 0)
job = SamplerV2(service.backend("ibm_manila")).run([circuit], shots=10)
assert job.result()[0].data.c.num_shots == 10
job.metrics()
print(sorted(looked_up))
"""


def test_nothing_but_loopback_is_looked_up_in_all_of_a_jobs_life(tmp_path: Path) -> None:
    """And the settings alone are enough, in other processes than the emulator's."""
    with IBMProcess() as emulator:
        settings = account_environment(emulator.address)
        ran = subprocess.run(  # our own program, given no shell
            [sys.executable, "-c", _LIFE],
            env=settings | {"HOME": str(tmp_path), "PATH": ""},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.stdout.strip(), ran.returncode) == ("['127.0.0.1']", 0), ran.stderr
        assert len(emulator.control.books().submissions) == 1
