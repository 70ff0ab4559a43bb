"""Options that a result is read with go with a job that is retrieved by its id, or it is said."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import Measure, XGate
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.result import Result
from qiskit.transpiler import Target

from qiskit_job_manager import JobManager, ManagedResultDataNotAvailable
from qiskit_job_manager.model import JobState

SHOTS = 4


class Job(JobV1):
    """A job that keeps on itself whether its result has memory, as qiskit-ionq's does."""

    def __init__(self, backend, job_id, *, memory):
        super().__init__(backend, job_id)
        self.memory = memory

    def submit(self):
        raise NotImplementedError

    def status(self):
        return JobStatus.DONE if self.backend().service.ready else JobStatus.QUEUED

    def result(self):
        data = {"counts": {"0x1": SHOTS}}
        if self.memory:
            data["memory"] = ["0x1"] * SHOTS
        header = {"name": "flip", "memory_slots": 1, "creg_sizes": [["c", 1]]}
        result = {"shots": SHOTS, "success": True, "data": data, "header": header}
        return Result.from_dict(
            {
                "backend_name": self.backend().name,
                "backend_version": "1",
                "job_id": self.job_id(),
                "success": True,
                "results": [result],
            }
        )


class Fixed(Job):
    """A job whose memory cannot be switched on afterwards."""

    @property
    def memory(self):
        return self._has_memory

    def __init__(self, backend, job_id, *, memory):
        self._has_memory = memory
        JobV1.__init__(self, backend, job_id)


class Service:
    """What several processes would see: the jobs, and whether they have ended."""

    def __init__(self):
        self.sent = 0
        self.ready = False


class Cloud(BackendV2):
    """A backend whose jobs are retrieved by their ids alone."""

    job_class = Job

    def __init__(self, service):
        super().__init__(name="forgetful")
        self.service = service
        self._target = Target(num_qubits=1)
        self._target.add_instruction(XGate())
        self._target.add_instruction(Measure())

    @classmethod
    def _default_options(cls):
        return Options(shots=SHOTS, memory=False)

    @property
    def target(self):
        return self._target

    @property
    def max_circuits(self):
        return None

    def run(self, run_input, *, shots=SHOTS, memory=False):
        self.service.sent += 1
        return self.job_class(self, f"job-{self.service.sent}", memory=memory)

    def retrieve_job(self, job_id):
        return self.job_class(self, job_id, memory=False)


class Taking(Cloud):
    """One whose ``retrieve_job`` takes the option."""

    job_class = Fixed

    def retrieve_job(self, job_id, memory=False):
        return self.job_class(self, job_id, memory=memory)


class Losing(Cloud):
    """One that cannot have it at all."""

    job_class = Fixed


@pytest.fixture
def flip():
    circuit = QuantumCircuit(1, 1, name="flip")
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.fixture
def reopened(store_path, flip, wait_until, short_polls):
    """Send a job from one manager, and read its result with another one."""

    def reopened(kind, **options):
        service = Service()
        with JobManager(store_path) as first:
            sent = first.run([flip], kind(service), name="flip", shots=SHOTS, **options)
            wait_until(lambda: sent.progress().jobs.get(JobState.ACTIVE))
        service.ready = True
        second = JobManager(store_path)
        managers.append(second)
        job_set = second.retrieve_job_set("flip", kind(service))
        assert job_set.results(timeout=30).success
        assert service.sent == 1
        return job_set

    managers = []
    yield reopened
    for each in managers:
        each.close()


@pytest.mark.parametrize("kind", [Cloud, Taking])
def test_memory_is_there_after_the_job_was_opened_again(reopened, kind):
    results = reopened(kind, memory=True).results()
    assert results.get_memory("flip") == ["1"] * SHOTS
    assert results.get_counts("flip") == {"1": SHOTS}


def test_memory_that_cannot_be_had_is_said_with_the_reason(reopened, caplog):
    with caplog.at_level(logging.WARNING, "qiskit_job_manager"):
        job_set = reopened(Losing, memory=True)
    [record] = [each for each in caplog.records if getattr(each, "event", "") == "no memory"]
    assert "memory=True was asked for" in record.getMessage()
    assert "opened again by its id" in record.getMessage()
    [cause] = [each.cause for each in job_set.events(0) if each.event == "understood"]
    assert "opened again by its id" in cause
    with pytest.raises(ManagedResultDataNotAvailable, match="although memory=True was asked for"):
        job_set.results().get_memory("flip")
    assert job_set.results().get_counts("flip") == {"1": SHOTS}


@pytest.mark.parametrize("kind", [Cloud, Taking, Losing])
def test_memory_that_was_not_asked_for_is_not_missed(reopened, caplog, kind):
    with caplog.at_level(logging.WARNING, "qiskit_job_manager"):
        results = reopened(kind).results()
    assert "memory" not in caplog.text
    assert "memory" not in results.data("flip")


# -- qiskit-ionq itself ----------------------------------------------------------------------------


class IonQHandler(BaseHTTPRequestHandler):
    """The part of IonQ's API that its client needs for one job."""

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.jobs["ionq-1"] = said
        self._answer({"id": "ionq-1", "status": "submitted"})

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.endswith("/probabilities"):
            return self._answer({"1": 1.0})
        if path.endswith("/shots"):
            return self._answer(["1"] * SHOTS)
        said = self.server.jobs["ionq-1"]
        done = {
            "stats": {"qubits": 1, "circuits": 1},
            "results": {
                what: {"url": f"/v0.4/jobs/ionq-1/results/{what}"}
                for what in ("probabilities", "shots")
            },
            "execution_duration_ms": 5,
        }
        status = "completed" if self.server.ready else "ready"
        known = {"id": "ionq-1", "type": said["type"], "metadata": said["metadata"]}
        return self._answer({**known, "status": status, **(done if self.server.ready else {})})

    def _answer(self, said):
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def ionq():
    server = ThreadingHTTPServer(("127.0.0.1", 0), IonQHandler)
    server.jobs, server.ready = {}, False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("again", [False, True])
def test_ionqs_own_client_gives_memory_after_the_job_was_opened_again(
    ionq, store_path, flip, wait_until, short_polls, again
):
    qiskit_ionq = pytest.importorskip("qiskit_ionq")

    def backend():
        url = f"http://127.0.0.1:{ionq.server_address[1]}/v0.4"
        found = qiskit_ionq.IonQProvider("a token", url).get_backend("ionq_simulator")
        found.options.update_options(noise_model="aria-1")
        return found

    options = {"name": "flip", "shots": SHOTS, "memory": True}
    with JobManager(store_path) as first:
        job_set = first.run([flip], backend(), **options)
        wait_until(lambda: job_set.progress().jobs.get(JobState.ACTIVE))
        if not again:
            ionq.ready = True
            assert job_set.results(timeout=60).get_memory("flip") == ["1"] * SHOTS
    ionq.ready = True
    with JobManager(store_path) as second:
        results = second.retrieve_job_set("flip", backend()).results(timeout=60)
        assert results.get_memory("flip") == ["1"] * SHOTS
