"""The helper process: its results are those of this process, and nothing depends on it."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends.local import placement
from qiskit_job_manager.backends.local.helper import HelpedJob, Helper, HelperError
from qiskit_job_manager.backends.local.placement import WORTH_AFTER_S, Sharing
from qiskit_job_manager.backends.qiskit_backend import QiskitBackend
from qiskit_job_manager.codec.circuits import encode_circuit, pack
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import RemoteJobFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qiskit_job_manager.model import Blob

DEADLINE_S = 60.0


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a helper wanted, on whatever machine the tests run."""
    monkeypatch.setattr(placement, "_cores", lambda: 2)


def plus(n_qubits: int, name: str = "plus") -> QuantumCircuit:
    circuit = QuantumCircuit(n_qubits, name=name)
    circuit.h(range(n_qubits))
    circuit.measure_all()
    return circuit


def payload(*circuits: QuantumCircuit) -> Blob:
    return pack([encode_circuit(circuit) for circuit in circuits])


def until_ready(helper: Helper) -> Helper:
    helper.start()
    until = time.monotonic() + DEADLINE_S
    while not helper.is_ready:
        assert time.monotonic() < until, "the helper does not get ready"
        time.sleep(0.01)
    return helper


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    helper = until_ready(Helper())
    yield helper
    helper.stop()


def test_the_same_seed_gives_the_same_counts_there_and_here(helper: Helper) -> None:
    options = {"shots": 100, "seed_simulator": 7}
    raw = helper.run("aer", payload(plus(3, "a"), plus(2, "b")), options).raw_result()
    here = AerSimulator().run([plus(3, "a"), plus(2, "b")], **options).result()
    there = open_result(raw).result()
    assert [there.get_counts(k) for k in range(2)] == [here.get_counts(k) for k in range(2)]
    assert [each.header["name"] for each in there.results] == ["a", "b"]


def test_what_could_need_much_memory_is_declined(helper: Helper) -> None:
    with pytest.raises(HelperError, match="wide"):
        helper.run("aer", payload(plus(13)), {"shots": 10}).raw_result()


def test_idle_qubits_of_a_device_do_not_count(helper: Helper) -> None:
    circuit = QuantumCircuit(20, 1)
    circuit.x(17)
    circuit.measure(17, 0)
    raw = helper.run("aer", payload(circuit), {"shots": 10}).raw_result()
    assert open_result(raw).result().get_counts() == {"1": 10}


def test_what_cannot_run_is_declined_and_the_next_job_runs(helper: Helper) -> None:
    with pytest.raises(HelperError, match="no_such_method"):
        helper.run("aer?method=no_such_method", payload(plus(1)), {"shots": 1}).raw_result()
    assert helper.run("aer", payload(plus(1)), {"shots": 1}).raw_result().data


def test_it_ends_when_nobody_can_read_its_answers_any_more() -> None:
    helper = until_ready(Helper())
    process = helper._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(DEADLINE_S) == 0


def test_a_helper_that_is_killed_gives_its_jobs_back_and_is_not_started_again() -> None:
    helper = until_ready(Helper())
    process = helper._process
    assert process is not None
    many = payload(*(plus(8) for _ in range(500)))
    jobs = [helper.run("aer", many, {"shots": 1000}) for _ in range(3)]
    process.kill()
    for job in jobs:
        with pytest.raises(HelperError):
            job.raw_result()
    helper.start()
    assert not helper.is_ready
    assert helper._process is None


def test_a_forked_process_has_no_part_in_it(helper: Helper, monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert not helper.is_ready


class Refusing(Helper):
    """Is always ready, and does nothing that it is given."""

    @property
    def is_ready(self) -> bool:
        return True

    def run(self, uri: str, payload: Blob, options: Any) -> HelpedJob:
        future: Future[Any] = Future()
        future.set_exception(HelperError("no"))
        return HelpedJob(payload, options, future)


def refused(circuit: QuantumCircuit) -> tuple[QiskitBackend, str]:
    """Return an adapter whose helper has refused a job, and the id of the job."""
    adapter = QiskitBackend(AerSimulator())
    adapter._sharing = Sharing(adapter.qiskit_backend, "aer", (Refusing(), Refusing()))
    adapter._sharing._here = 1  # as if this process were busy
    return adapter, adapter.submit(payload(circuit), {"shots": 10}, "tag")


def test_what_the_helper_refuses_is_run_here() -> None:
    adapter, remote_id = refused(plus(2))
    assert open_result(adapter.fetch(remote_id)).result().success
    assert adapter._sharing.give(payload(plus(2)), {}) is None, "it is given another job"


def test_what_can_run_nowhere_fails_with_its_reason() -> None:
    adapter = QiskitBackend(AerSimulator())
    adapter._sharing = Sharing(adapter.qiskit_backend, "aer", (Refusing(), Refusing()))
    adapter._sharing._here = 1
    remote_id = adapter.submit(payload(plus(1)), {"shots": "many"}, "tag")
    with pytest.raises(RemoteJobFailedError, match="shots"):
        adapter.fetch(remote_id)


def test_a_helper_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    helper = until_ready(Helper())
    process = helper._process
    assert process is not None
    adapter = QiskitBackend(AerSimulator())
    adapter._sharing = Sharing(adapter.qiskit_backend, "aer", (helper, Helper()))
    circuits = [plus(6, f"c{index}") for index in range(300)]
    with JobManager(tmp_path / "store.db") as manager:
        job_set = manager.run(circuits, adapter, shots=2000, max_experiments_per_job=5)
        until = time.monotonic() + DEADLINE_S
        while not helper._n_given:
            assert time.monotonic() < until, "the helper is given nothing"
            time.sleep(0.001)
        process.kill()
        results = job_set.results(DEADLINE_S)
        assert results.success
        assert all(sum(results.get_counts(c.name).values()) == 2000 for c in circuits)


class Counting(Helper):
    """Only counts how often it was to be started."""

    starts = 0

    def start(self) -> None:
        self.starts += 1


def shared(uri: str | None = "aer", **options: Any) -> tuple[Sharing, Counting, list[float]]:
    helper, now = Counting(), [0.0]
    return Sharing(AerSimulator(**options), uri, (helper, helper), lambda: now[0]), helper, now


def test_it_is_started_when_jobs_have_waited_long() -> None:
    sharing_, helper, now = shared()
    job = HelpedJob(payload(plus(1)), {}, Future())
    assert sharing_.give(job.payload, {}) is None
    sharing_.note_begun(job)
    now[0] = WORTH_AFTER_S / 2
    assert sharing_.give(job.payload, {}) is None
    assert helper.starts == 0
    now[0] = WORTH_AFTER_S
    assert sharing_.give(job.payload, {}) is None
    assert helper.starts == 1


def test_it_is_started_when_much_is_handed_over() -> None:
    sharing_, helper, _ = shared()
    for _ in range(10):
        sharing_.expect(plus(5), {})
    assert helper.starts == 0
    for _ in range(20_000):
        sharing_.expect(plus(5), {})
    assert helper.starts >= 1


@pytest.mark.parametrize("why", ["one core", "no uri", "accelerator"])
def test_it_is_left_alone_where_it_cannot_help(why: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(placement, "_cores", lambda: 1 if why == "one core" else 2)
    sharing_, helper, now = shared(None if why == "no uri" else "aer")
    options = {"device": "GPU"} if why == "accelerator" else {}
    job = HelpedJob(payload(plus(1)), options, Future())
    sharing_.note_begun(job)
    now[0] = 10 * WORTH_AFTER_S
    assert sharing_.give(job.payload, options) is None
    assert helper.starts == 0
