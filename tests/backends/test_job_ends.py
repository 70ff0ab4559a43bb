"""The end of a job whose object waits for its result is known when it comes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus

from qiskit_job_manager.backends.qiskit_backend import QiskitBackend
from qiskit_job_manager.codec.circuits import encode_circuit, pack
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import TransientBackendError
from qiskit_job_manager.model import RemoteState

DEADLINE_S = 60.0


@pytest.fixture
def payload():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return pack([encode_circuit(circuit)])


@pytest.fixture
def sent(providers, payload):
    """Send a job whose object is of a class, and return the adapter and the job's id."""

    def sent(job_class):
        class Provider(providers["Provider"]):
            def answer(self, result):
                return job_class(self, "an id", result)

        adapter = QiskitBackend(Provider())
        return adapter, adapter.submit(payload, {}, "tag")

    return sent


@pytest.fixture
def gated(providers):
    """A provider whose jobs go on until a gate opens."""
    plain = providers["PlainJob"]

    class Job(plain):
        def result(self):
            self.backend().reads += 1
            assert self.backend().gate.wait(DEADLINE_S)
            return self._result

        def status(self):
            return JobStatus.DONE if self.backend().gate.is_set() else JobStatus.RUNNING

    class Gated(providers["Provider"]):
        def answer(self, result):
            return Job(self, "an id", result)

    return Gated(gate=threading.Event(), reads=0)


def test_an_end_is_reported_when_it_comes_and_the_result_is_read_once(gated, payload):
    adapter = QiskitBackend(gated)
    assert adapter.capabilities.reports_ends
    remote_id = adapter.submit(payload, {}, "tag")
    assert not adapter.wait_for_ends(0.01)
    gated.gate.set()
    ended = adapter.wait_for_ends(DEADLINE_S)
    assert {each: status.state for each, status in ended.items()} == {remote_id: RemoteState.DONE}
    assert open_result(adapter.fetch(remote_id)).n_experiments == 1
    assert gated.reads == 1


@pytest.mark.parametrize("answer", [None, RuntimeError("it still runs")])
def test_jobs_whose_result_does_not_wait_are_asked_about(providers, payload, wait_until, answer):
    class Job(providers["PlainJob"]):
        def result(self):
            if answer is not None:
                raise answer

        def status(self):
            return JobStatus.RUNNING

    class Provider(providers["Provider"]):
        def answer(self, result):
            return Job(self, "an id", result)

    adapter = QiskitBackend(Provider())
    adapter.submit(payload, {}, "tag")
    wait_until(lambda: not adapter.capabilities.reports_ends, DEADLINE_S)
    assert not adapter.wait_for_ends(0.01)


def test_a_job_that_failed_is_reported_as_failed(providers, sent):
    class Job(providers["PlainJob"]):
        def result(self):
            raise RuntimeError("the fridge is warm")

        def status(self):
            return JobStatus.ERROR

    adapter, remote_id = sent(Job)
    assert adapter.wait_for_ends(DEADLINE_S)[remote_id].state is RemoteState.ERROR


def test_a_result_that_is_being_waited_for_is_not_read_a_second_time(gated, payload):
    adapter = QiskitBackend(gated)
    remote_id = adapter.submit(payload, {}, "tag")
    with ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(adapter.fetch, remote_id)
        gated.gate.set()
        assert open_result(fetched.result(DEADLINE_S)).n_experiments == 1
    assert gated.reads == 1


def test_a_result_is_kept_where_the_status_cannot_be_read_after_it(providers, sent):
    """As with pytket's jobs, which forget themselves with their result: it is read once."""

    class Job(providers["PlainJob"]):
        reads = 0

        def result(self):
            self.reads += 1
            if self.reads > 1:
                raise RuntimeError("there is no such job any more")
            return self._result

        def status(self):
            if self.reads:
                raise RuntimeError("there is no such job any more")
            return JobStatus.RUNNING

    adapter, remote_id = sent(Job)
    assert adapter.wait_for_ends(DEADLINE_S)[remote_id].state is RemoteState.DONE
    # Who was not told of the end asks.
    assert adapter.status(remote_id).state is RemoteState.DONE
    assert open_result(adapter.fetch(remote_id)).n_experiments == 1


def test_a_result_is_not_believed_where_no_status_can_ever_be_read(providers, sent):
    """As with a client whose event loop is missing: the user has to learn that."""
    was_read = threading.Event()

    class Job(providers["PlainJob"]):
        def result(self):
            was_read.set()
            return self._result

        def status(self):
            raise RuntimeError("there is no current event loop")

    adapter, remote_id = sent(Job)
    assert was_read.wait(DEADLINE_S)
    assert adapter.wait_for_ends(0.2) == {}
    with pytest.raises(TransientBackendError, match="event loop"):
        adapter.status(remote_id)


def test_a_job_that_failed_has_failed_although_its_result_came(providers, sent):
    class Job(providers["PlainJob"]):
        def result(self):
            return self._result

        def status(self):
            return JobStatus.ERROR

    adapter, remote_id = sent(Job)
    assert adapter.wait_for_ends(DEADLINE_S)[remote_id].state is RemoteState.ERROR
    assert adapter.status(remote_id).state is RemoteState.ERROR
