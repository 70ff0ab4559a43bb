"""Backends that keep the call on themselves get one call of ``run()`` at a time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit.providers.basic_provider import BasicSimulator
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.backends.run_lock import run_lock_of
from qiskit_job_manager.errors import SubmissionDeferredError

JOBS = 12


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def forgetful(providers):
    """Give a provider that keeps the circuits of a call on itself, as Qrack's does."""

    class Forgetful(providers["Provider"]):
        overlaps = 0

        def run(self, run_input, **options):
            self.overlaps += getattr(self, "circuits", None) is not None
            self.circuits = run_input
            time.sleep(0.02)  # in which another thread may come in between
            try:
                return super().run(self.circuits, **options)
            finally:
                self.circuits = None

    return Forgetful


def numbered(count):
    circuits = []
    for number in range(count):
        circuit = QuantumCircuit(4, 4, name=f"is {number}")
        for qubit in range(4):
            if number >> qubit & 1:
                circuit.x(qubit)
        circuit.measure(range(4), range(4))
        circuits.append(circuit)
    return circuits


def test_no_job_gets_the_circuits_of_another(manager, forgetful):
    backend, circuits = forgetful(), numbered(JOBS)
    results = manager.run(circuits, backend, shots=5, max_experiments_per_job=1).results(300)
    assert backend.overlaps == 0
    for number in range(JOBS):
        assert results.get_counts(number) == {f"{number:04b}": 5}


def test_so_it_is_for_two_job_sets_on_one_object(manager, forgetful):
    backend, circuits = forgetful(), numbered(JOBS)
    sets = [manager.run(circuits, backend, shots=5, max_experiments_per_job=1) for _ in range(2)]
    for job_set in sets:
        results = job_set.results(300)
        for number in range(JOBS):
            assert results.get_counts(number) == {f"{number:04b}": 5}
    assert backend.overlaps == 0


def test_so_it_is_for_pubs(manager, forgetful):
    backend, pubs = forgetful(), [(circuit,) for circuit in numbered(JOBS)]
    results = manager.run(pubs, backend, shots=5, max_experiments_per_job=1).results(300)
    assert backend.overlaps == 0
    for number in range(JOBS):
        assert results.get_counts(number) == {f"{number:04b}": 5}


def test_pubs_wait_for_each_other_as_long_as_it_takes(manager, forgetful, monkeypatch):
    monkeypatch.setattr("qiskit_job_manager.backends.run_lock._LONGEST_WAIT_S", 0.001)
    pubs = [(circuit,) for circuit in numbered(JOBS)]
    results = manager.run(pubs, forgetful(), shots=5, max_experiments_per_job=1).results(300)
    assert [results.get_counts(n) for n in range(JOBS)] == [{f"{n:04b}": 5} for n in range(JOBS)]


def test_the_user_can_say_that_a_backend_bears_more(manager, providers):
    both_here = threading.Barrier(2)

    class Meeting(providers["Provider"]):
        def run(self, run_input, **options):
            both_here.wait(60)  # raises unless two calls are under way at once
            return super().run(run_input, **options)

    job_set = manager.run(
        numbered(2), Meeting(), shots=5, max_experiments_per_job=1, concurrent=True
    )
    assert job_set.results(300).success


@pytest.mark.parametrize(
    ("make", "bears_more"),
    [
        (AerSimulator, True),
        (StatevectorSampler, True),
        (SamplerV2, True),
        (lambda: BackendSamplerV2(backend=AerSimulator()), True),
        (BasicSimulator, False),
        (FakeManilaV2, False),
        (lambda: BackendSamplerV2(backend=FakeManilaV2()), False),
    ],
)
def test_what_is_known_to_bear_more(make, bears_more):
    assert adapt(make()).capabilities.concurrent_submissions is bears_more
    assert adapt(make(), concurrent=True).capabilities.concurrent_submissions
    assert not adapt(make(), concurrent=False).capabilities.concurrent_submissions


def test_a_call_that_never_returns_puts_off_the_others(providers, monkeypatch):
    monkeypatch.setattr("qiskit_job_manager.backends.run_lock._LONGEST_WAIT_S", 0.01)
    backend, begun, release = providers["Provider"](), threading.Event(), threading.Event()

    def hang():
        begun.set()
        release.wait(60)

    thread = threading.Thread(target=lambda: run_lock_of(backend).call(hang, "odd"))
    thread.start()
    begun.wait(60)
    with pytest.raises(SubmissionDeferredError, match="odd has not returned"):
        run_lock_of(backend).call(lambda: None, "odd")
    release.set()
    thread.join(60)
    assert run_lock_of(backend).call(lambda: 7, "odd") == 7


def test_a_job_that_goes_on_puts_off_the_next(monkeypatch):
    monkeypatch.setattr("qiskit_job_manager.backends.run_lock._LONGEST_WAIT_S", 0.01)
    lock, future = run_lock_of(object), Future()
    job = SimpleNamespace(_future=future)
    assert lock.run_to_end(lambda: job, "odd") is job
    with pytest.raises(SubmissionDeferredError, match="odd still runs another job"):
        lock.run_to_end(lambda: job, "odd")
    future.set_result(None)
    assert lock.run_to_end(lambda: 7, "odd") == 7


def test_a_job_that_could_not_begin_is_no_hindrance():
    lock = run_lock_of(type)

    def refuse():
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011  # its own, as it is
            lock.run_to_end(refuse, "odd")


def test_what_can_be_no_key_has_a_lock_as_well():
    assert run_lock_of([]).call(lambda: 7, "a list") == 7
