"""Jobs that Aer simulates for long in one call leave this process free to do all else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends.local import helper as helper_module
from qiskit_job_manager.backends.local import placement
from qiskit_job_manager.backends.local.helper import HelpedJob, Helper, HelperError
from qiskit_job_manager.backends.local.placement import Sharing
from qiskit_job_manager.backends.qiskit_backend import QiskitBackend
from qiskit_job_manager.codec.circuits import encode_circuit, pack
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit_job_manager.model import Blob

DEADLINE_S = 150.0
ENDLESS = 100_000_000
"""Shots that would take hours."""


@pytest.fixture
def helper() -> Iterator[Helper]:
    helper = Helper()
    yield helper
    helper.stop()


def plus(n_qubits: int, name: str = "plus") -> QuantumCircuit:
    circuit = QuantumCircuit(n_qubits, name=name)
    circuit.h(range(n_qubits))
    circuit.measure_all()
    return circuit


def dynamic(name: str = "dynamic", rounds: int = 5) -> QuantumCircuit:
    """Return a circuit that Aer can only run shot by shot; 20 µs a round."""
    circuit = QuantumCircuit(2, 2, name=name)
    for _ in range(rounds):
        circuit.h(0)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def payload(*circuits: QuantumCircuit) -> Blob:
    return pack([encode_circuit(circuit) for circuit in circuits])


def wait_until(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.005)


def simulates(helper: Helper) -> bool:
    return any(given.long and given.sent for given in list(helper._given.values()))


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")  # where nobody reaps orphans they stay, and do nothing
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


class Ticker:
    """A thread that counts, as long as it is let."""

    def __init__(self) -> None:
        self.ticks = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(0.001)
            self.ticks += 1


class Unusable(Helper):
    """Is as if it had died."""

    @property
    def is_usable(self) -> bool:
        return False


def relieved(helper: Helper) -> QiskitBackend:
    adapter = QiskitBackend(AerSimulator(max_parallel_threads=1))
    adapter._sharing = Sharing(adapter.qiskit_backend, adapter.uri, (helper, Unusable()))
    return adapter


def test_all_goes_on_while_a_job_is_simulated_shot_by_shot(tmp_path: Path, helper: Helper) -> None:
    """Were it simulated here, nothing would tick, be stored or end before it has."""
    circuits = [dynamic(rounds=50), plus(2, "a"), plus(2, "b")]  # minutes, and moments
    ticker = Ticker()
    with JobManager(tmp_path / "store.db") as manager:
        job_set = manager.run(circuits, relieved(helper), shots=400_000, max_experiments_per_job=1)
        wait_until(lambda: simulates(helper), "the helper is not at it")
        before = ticker.ticks
        jobs = job_set.managed_jobs
        wait_until(lambda: {jobs()[1].state, jobs()[2].state} == {JobState.DONE}, "not stored")
        wait_until(lambda: ticker.ticks > before + 300, "nothing ticks")
        process = helper._process
        assert process is not None
        assert jobs()[0].state is JobState.ACTIVE
        assert simulates(helper), "so all that was beside it"
    assert process.wait(DEADLINE_S) == -signal.SIGKILL, "closing leaves nothing behind"


def test_its_counts_are_those_of_aer(helper: Helper, monkeypatch: Any) -> None:
    monkeypatch.setattr(placement, "LONG_S", 0.01)
    options = {"shots": 1_000, "seed_simulator": 7}
    adapter = relieved(helper)
    remote_id = adapter.submit(payload(dynamic()), options, "tag")
    assert isinstance(adapter._cache.job(remote_id), HelpedJob)
    here = AerSimulator(max_parallel_threads=1).run(dynamic(), **options).result()
    there = open_result(adapter.fetch(remote_id)).result()
    assert there.get_counts() == here.get_counts()


SCRIPT = """
import signal, sys, threading, time
from qiskit_aer import AerSimulator
from qiskit_job_manager import JobManager
from qiskit_job_manager.backends.local.helper import the_helper, the_second_helper
sys.path.insert(0, sys.argv[1])
from test_long_jobs import ENDLESS, dynamic, simulates

signal.signal(signal.SIGINT, signal.default_int_handler)

def tell():
    while not simulates(the_helper):
        time.sleep(0.005)
    time.sleep(0.1)  # so that Aer is at it, and no longer its translation
    processes = [the_helper._process, the_second_helper._process]
    print(*(process.pid for process in processes if process), flush=True)

threading.Thread(target=tell, daemon=True).start()
circuits = [dynamic(str(index)) for index in range(3)]
with JobManager(sys.argv[2]) as manager:
    manager.run(circuits, AerSimulator(), shots=ENDLESS, max_experiments_per_job=1).results()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_ends_leaves_none_behind(how: signal.Signals, tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", SCRIPT, here, str(tmp_path / "store.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.send_signal(how)
        process.wait(DEADLINE_S)
        assert pids
        wait_until(lambda: all(map(has_ended, pids)), "a helper goes on")


def test_a_job_that_is_cancelled_is_left_at_once_and_the_next_one_done(helper: Helper) -> None:
    first = helper.run("aer", payload(dynamic()), {"shots": ENDLESS}, long=True)
    second = helper.run("aer", payload(dynamic()), {"shots": 10}, long=True)
    wait_until(lambda: simulates(helper), "the helper is not at it")
    process = helper._process
    first.cancel()
    assert first.status() is JobStatus.CANCELLED
    assert second.raw_result().data
    assert helper._process is not process
    assert helper.is_usable


def test_a_job_that_waits_is_cancelled_without_harm_to_the_one_at_work(helper: Helper) -> None:
    first = helper.run("aer", payload(dynamic()), {"shots": ENDLESS}, long=True)
    second = helper.run("aer", payload(dynamic()), {"shots": ENDLESS}, long=True)
    wait_until(lambda: simulates(helper), "the helper is not at it")
    process = helper._process
    second.cancel()
    assert second.status() is JobStatus.CANCELLED
    assert first.status() is JobStatus.RUNNING
    assert helper._process is process
    assert process is not None
    assert process.poll() is None


def test_a_job_that_has_ended_is_not_cancelled_any_more(helper: Helper) -> None:
    job = helper.run("aer", payload(dynamic()), {"shots": 10}, long=True)
    assert job.raw_result().data
    job.cancel()
    assert job.status() is JobStatus.DONE


def test_a_job_set_is_cancelled_while_it_is_simulated(tmp_path: Path, helper: Helper) -> None:
    with JobManager(tmp_path / "store.db") as manager:
        circuits = [dynamic("a"), dynamic("b")]
        job_set = manager.run(circuits, relieved(helper), shots=ENDLESS, max_experiments_per_job=1)
        wait_until(lambda: simulates(helper), "the helper is not at it")
        job_set.cancel()
        job_set.wait(DEADLINE_S)
        assert {job.state for job in job_set.managed_jobs()} == {JobState.CANCELLED}


def test_what_is_wide_is_taken_and_two_never_at_once(helper: Helper, monkeypatch: Any) -> None:
    passed: list[str] = []  # what went through the two pipes, one after the other

    def send(pipe: Any, head: Any, data: bytes) -> None:
        passed.append("job")
        write_frame(pipe, head, data)

    def receive(pipe: Any) -> Any:
        frame = read_frame(pipe)
        if frame is not None and "number" in frame[0]:
            passed.append("answer")
        return frame

    write_frame, read_frame = helper_module.write_frame, helper_module.read_frame
    monkeypatch.setattr(helper_module, "write_frame", send)
    monkeypatch.setattr(helper_module, "read_frame", receive)
    jobs = [helper.run("aer", payload(plus(13)), {"shots": 10}, long=True) for _ in range(3)]
    assert all(job.raw_result().data for job in jobs)
    assert passed == ["job", "answer"] * 3


def test_what_it_was_given_as_it_ended_idle_is_done_by_another(helper: Helper) -> None:
    helper.start()
    wait_until(lambda: helper.is_ready, "it does not get ready")
    process = helper._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert helper.run("aer", payload(plus(2)), {"shots": 10}).raw_result().data
    assert helper._process is not process


def test_one_that_never_gets_ready_is_given_up(helper: Helper, monkeypatch: Any) -> None:
    monkeypatch.setattr(helper_module, "READY_WITHIN_S", 0.0)
    job = helper.run("aer", payload(plus(2)), {"shots": 10}, long=True)
    with pytest.raises(HelperError):
        job.raw_result()
    assert not helper.is_usable


def test_one_that_cannot_be_started_is_done_without(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(placement, "LONG_S", 0.01)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-such-python"))
    adapter = relieved(Helper())
    remote_id = adapter.submit(payload(dynamic()), {"shots": 1_000}, "tag")
    assert open_result(adapter.fetch(remote_id)).result().success
    assert not adapter._sharing._helper.is_usable


class Noting(Helper):
    """Is always ready, and only notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[bool] = []

    @property
    def is_ready(self) -> bool:
        return True

    @property
    def has_long(self) -> bool:
        return any(self.given)

    @property
    def backlog(self) -> int:
        return len(self.given)

    def start(self) -> None:
        """Do nothing."""

    def run(self, uri: str, payload: Blob, options: Any, *, long: bool = False) -> HelpedJob:
        self.given.append(long)
        return HelpedJob(payload, options, Future())


LONG = {"shots": 200_000}


def shared(monkeypatch: Any, cores: int = 2, backend: Any = None) -> tuple[Sharing, Noting, Noting]:
    monkeypatch.setattr(placement, "_cores", lambda: cores)
    helper, second = Noting(), Noting()
    return Sharing(backend or AerSimulator(), "aer", (helper, second)), helper, second


@pytest.mark.parametrize("cores", [1, 2])
def test_a_long_job_is_the_helpers_on_any_machine(cores: int, monkeypatch: Any) -> None:
    sharing_, helper, second = shared(monkeypatch, cores)
    for circuit in (dynamic(), plus(26), dynamic()):
        assert sharing_.give_known(payload(), {**LONG, "method": "statevector"}, [circuit])
    assert helper.given == [True] * (2 if cores == 2 else 3), "what is wide is the first one's"
    assert second.given == [True] * (1 if cores == 2 else 0)


@pytest.mark.parametrize(
    ("circuits", "options"),
    [
        ([plus(5)] * 100, {"shots": 1024}),
        ([plus(12)], {}),
        ([plus(20)], {}),
        ([dynamic()] * 10, {"shots": 100}),
        ([dynamic()], {**LONG, "device": "GPU"}),
        ([dynamic()], {"shots": "many"}),
    ],
)
def test_any_other_is_simulated_here(
    circuits: list[QuantumCircuit], options: dict[str, Any], monkeypatch: Any
) -> None:
    sharing_, helper, _ = shared(monkeypatch)
    for circuit in circuits:
        sharing_.expect(circuit, options)
    assert sharing_.give(payload(), options) is None
    assert sharing_.give_known(payload(), options, circuits) is None
    assert helper.given == []


def test_the_default_shots_and_method_are_the_backends(monkeypatch: Any) -> None:
    sharing_, *_ = shared(monkeypatch, backend=AerSimulator(**LONG))
    assert sharing_.give_known(payload(), {}, [dynamic()]) is not None
    sharing_, *_ = shared(monkeypatch, backend=AerSimulator(method="density_matrix"))
    assert sharing_.give_known(payload(), {}, [plus(14)]) is not None
    assert sharing_.give_known(payload(), {"method": "stabilizer"}, [plus(14)]) is None


def test_where_long_jobs_are_expected_none_is_given_unseen(monkeypatch: Any) -> None:
    sharing_, helper, _ = shared(monkeypatch)
    sharing_._here = 1  # as if this process were busy
    assert sharing_.give(payload(), {}) is not None
    sharing_.expect(dynamic(), LONG)
    assert sharing_.give(payload(), LONG) is None
    assert sharing_.give_known(payload(), {}, [plus(2)]) is not None, "that can be shared"
    assert sharing_.give_known(payload(), LONG, [dynamic()]) is not None
    assert sharing_.give_known(payload(), {}, [plus(2)]) is None, "it would wait for the long one"
    assert helper.given == [False, False, True]
