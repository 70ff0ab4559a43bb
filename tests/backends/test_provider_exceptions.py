"""Providers that say by exceptions what others say by statuses, as IonQ's client does."""

from __future__ import annotations

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.errors import (
    ManagedResultDataNotAvailable,
    RemoteJobFailedError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import RemoteState
from qiskit_job_manager.testing.backend_contract import basis_state, payload_of


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def circuit():
    return basis_state(2, 2)


class IonQJobFailureError(Exception):
    """What IonQ's client raises where the status of a failed job is asked for."""


class FailingCloud:
    """Makes a cloud on which jobs fail, and say so only by an exception."""

    def __new__(cls, providers, **behaviour):
        def fail(*_):
            raise IonQJobFailureError("calibration ended in the middle")

        class FailedJob(providers["PlainJob"]):
            status = result = fail

        class Failing(providers["Cloud"]):
            def answer(self, result):
                job = FailedJob(self, "job-1", None)
                self.jobs["job-1"] = job
                return job

        return Failing(**behaviour)


def test_a_failed_job_whose_status_raises_has_failed_with_its_reason(manager, providers, circuit):
    results = manager.run([circuit], FailingCloud(providers), shots=5).results(timeout=120)
    assert not results.success
    with pytest.raises(ManagedResultDataNotAvailable, match="calibration ended in the middle"):
        results.get_counts(0)


@pytest.mark.parametrize("raises_when_retrieved", [True, False])
def test_so_it_has_in_another_process(providers, circuit, raises_when_retrieved):
    jobs = {}
    adapt(FailingCloud(providers, jobs=jobs)).submit(payload_of([circuit]), {"shots": 5}, "t")
    there = FailingCloud(providers, jobs=jobs)
    if raises_when_retrieved:
        there.retrieve_job = lambda _: jobs["job-1"].status()
    again = adapt(there)
    status = again.statuses(["job-1"])["job-1"]
    assert status.state is RemoteState.ERROR
    assert status.message == "calibration ended in the middle"
    assert again.error_message("job-1") == "calibration ended in the middle"
    with pytest.raises(RemoteJobFailedError, match="calibration ended"):
        again.fetch("job-1")
    again.cancel("job-1")


def test_a_network_that_fails_says_nothing_of_the_job(providers, circuit):
    jobs = {}
    cloud = providers["Cloud"](jobs=jobs)
    remote_id = adapt(cloud).submit(payload_of([circuit]), {"shots": 5}, "t")

    def fail():
        raise IonQJobFailureError("no status") from ConnectionError("reset")

    jobs[remote_id].status = fail
    with pytest.raises(TransientBackendError):
        adapt(providers["Cloud"](jobs=jobs)).statuses([remote_id])


class IonQMidCircuitMeasurementError(Exception):
    """What IonQ's client raises for a list, before it sends, even for a list of one."""

    __module__ = "qiskit_ionq.exceptions"


def test_one_circuit_is_handed_over_alone_where_a_list_is_refused_before_it_is_sent(
    providers, circuit
):
    class NoLists(providers["Cloud"]):
        seen = ()

        def run(self, run_input, **options):
            self.seen = (*self.seen, type(run_input).__name__)
            if isinstance(run_input, list):
                raise IonQMidCircuitMeasurementError("not in a list")
            return super().run(run_input, **options)

    backend = NoLists()
    assert adapt(backend).submit(payload_of([circuit]), {"shots": 5}, "t") in backend.jobs
    assert backend.seen == ("list", "QuantumCircuit")
    with pytest.raises(SubmissionRefusedError, match="not in a list"):
        adapt(backend).submit(payload_of([circuit, circuit]), {"shots": 5}, "t")


def test_a_list_that_may_have_been_sent_is_not_sent_again(providers, circuit):
    class Unknown(providers["Cloud"]):
        calls = 0

        def run(self, run_input, **options):
            self.calls += 1
            raise RuntimeError("something")

    backend = Unknown()
    with pytest.raises(SubmissionInDoubtError):
        adapt(backend).submit(payload_of([circuit]), {"shots": 5}, "t")
    assert backend.calls == 1


def test_exceptions_that_the_user_calls_refusals_leave_nothing_in_doubt(
    manager, providers, circuit
):
    class NoSuchGate(Exception):  # noqa: N818  # of a provider
        pass

    class Picky(providers["Cloud"]):
        def run(self, run_input, **options):
            raise NoSuchGate("there is no gate h")

    job_set = manager.run([circuit], Picky(), shots=5, refusals=(NoSuchGate,))
    assert not job_set.results(timeout=120).success
    assert "there is no gate h" in job_set.managed_jobs()[0].submit_error.message
