"""Both faces of the simulated cloud: the port's contract, Qiskit's interface, and the books."""

from __future__ import annotations

import threading
import time

import pytest
from qiskit.exceptions import QiskitError
from qiskit.providers import JobStatus
from qiskit.providers.basic_provider import BasicSimulator

import schedule
from qiskit_job_manager.backends.qiskit_backend import QiskitBackend
from qiskit_job_manager.codec.circuits import unpack
from qiskit_job_manager.codec.results import encode_result
from qiskit_job_manager.errors import (
    JobNotEndedError,
    RemoteJobFailedError,
    SubmissionDeferredError,
)
from qiskit_job_manager.model import RemoteState
from qiskit_job_manager.testing.backend_contract import (
    SHOTS,
    BackendContract,
    basis_state,
    payload_of,
)
from simulated import JobState, Pace, SimulatedCloud, UnknownJobError
from simulated_adapter import SimulatedAdapter
from simulated_backend import SimulatedBackend

FOR_EVER_S = 3600.0


def cloud_of(service_s=0.0, latency_s=0.0, **pace):
    return SimulatedCloud(Pace(latency_s=latency_s, service_s=service_s, **pace))


def simulated(payload, options):
    return encode_result(BasicSimulator().run(unpack(payload), shots=options["shots"]).result())


class TestTheAdapter(BackendContract):
    @pytest.fixture
    def backend(self):
        return SimulatedAdapter(cloud_of(service_s=0.01, latency_s=0.01), simulated)


class TestQiskitsFace(BackendContract):
    @pytest.fixture
    def backend(self):
        cloud = cloud_of(service_s=0.01, latency_s=0.01)
        shots = {"shots": SHOTS}
        return QiskitBackend(
            SimulatedBackend(cloud, lambda asked: BasicSimulator().run(asked, **shots).result())
        )


@pytest.fixture
def payload():
    return payload_of([basis_state(1, 2)])


def adapter_of(cloud, **said):
    return SimulatedAdapter(cloud, lambda payload, options: "result", **said)


def test_the_adapter_is_told_that_a_job_goes_on_when_it_has_waited(payload):
    adapter = adapter_of(cloud_of(FOR_EVER_S, at_once=1), wait_s=0.01)
    running, queued = (adapter.submit(payload, {}, tag) for tag in "ab")
    for one in (running, queued):
        with pytest.raises(JobNotEndedError):
            adapter.fetch(one)
    states = {one: status.state for one, status in adapter.statuses([running, queued]).items()}
    assert states == {running: RemoteState.RUNNING, queued: RemoteState.QUEUED}


def test_the_adapter_waits_for_the_end_of_a_job(payload):
    adapter = adapter_of(cloud_of(service_s=0.05))
    assert adapter.fetch(adapter.submit(payload, {}, "t")) == "result"


def test_a_cancelled_job_ends_and_has_no_result_whoever_waits_for_it(payload):
    adapter = adapter_of(cloud_of(FOR_EVER_S))
    remote_id = adapter.submit(payload, {}, "t")
    threading.Timer(0.05, adapter.cancel, (remote_id,)).start()
    with pytest.raises(RemoteJobFailedError, match="cancelled"):
        adapter.fetch(remote_id)
    assert adapter.error_message(remote_id) == f"{remote_id} was cancelled"
    assert adapter.statuses([remote_id])[remote_id].state is RemoteState.CANCELLED


def test_too_many_jobs_are_a_definite_no_for_now(payload):
    adapter = adapter_of(cloud_of(FOR_EVER_S, pending=1))
    adapter.submit(payload, {}, "a")
    with pytest.raises(SubmissionDeferredError, match="too many jobs") as refused:
        adapter.submit(payload, {}, "b")
    assert refused.value.retry_after_s is None
    assert adapter.find("b") == []


def test_the_adapter_tells_what_the_cloud_takes():
    limits = adapter_of(cloud_of(pending=7, per_minute=30)).limits()
    assert (limits.pending_jobs, limits.submissions_per_minute) == (7, 30)


# -- Qiskit's face ---------------------------------------------------------------------------------


@pytest.fixture
def circuits():
    return [basis_state(number, 2) for number in range(3)]


def test_a_job_gives_the_result_of_its_circuits(circuits):
    backend = SimulatedBackend(cloud_of(), lambda asked: [circuit.name for circuit in asked])
    job = backend.run(circuits, shots=10)
    assert job.result() == [circuit.name for circuit in circuits]
    assert job.status() is JobStatus.DONE
    assert backend.retrieve_job(job.job_id()).result() == job.result()
    assert backend.encoding_cpu_s > 0
    assert backend.run(circuits[0]).result() == [circuits[0].name]


def test_a_job_that_is_not_known_is_not_retrieved():
    with pytest.raises(UnknownJobError):
        SimulatedBackend(cloud_of(), list).retrieve_job("never-sent")


def test_a_cancelled_job_raises(circuits):
    backend = SimulatedBackend(cloud_of(FOR_EVER_S), list)
    job = backend.run(circuits)
    assert job.status() is JobStatus.RUNNING
    assert job.cancel()
    assert job.status() is JobStatus.CANCELLED
    with pytest.raises(QiskitError, match="cancelled"):
        job.result()


def test_being_refused_is_raised(circuits):
    backend = SimulatedBackend(cloud_of(FOR_EVER_S, pending=1), list)
    backend.run(circuits)
    with pytest.raises(schedule.TooManyJobsError):
        backend.run(circuits)


def test_every_call_is_counted_by_its_kind(circuits):
    cloud = cloud_of()
    backend = SimulatedBackend(cloud, list)
    job = backend.run(circuits)
    job.status()
    job.result()
    job.cancel()
    backend.retrieve_job(job.job_id())
    cloud.find("t")
    cloud.states([job.job_id()] * 5)
    assert cloud.calls == {"submit": 1, "status": 3, "result": 1, "cancel": 1, "find": 1}


def test_a_call_takes_the_latency():
    """At least: how much more it takes is the machine's affair."""
    cloud = cloud_of(service_s=0.02, latency_s=0.04)
    began_s = time.monotonic()
    job_id = cloud.submit("result")
    submitted_s = time.monotonic()
    assert cloud.result(job_id) == (JobState.DONE, "result")
    assert submitted_s - began_s >= 0.04
    assert time.monotonic() - began_s >= 0.08
    with pytest.raises(UnknownJobError):
        cloud.result("never-sent")
