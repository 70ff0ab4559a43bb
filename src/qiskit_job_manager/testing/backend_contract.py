# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""The contract of every `Backend`, as tests that an author of an adapter inherits.

Subclass `BackendContract` in a test module and give it a fixture::

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self):
            return MyBackend()

The backend must have little noise: each circuit prepares a basis state, and the most frequent
outcome must be that state. A failed assertion shows both of its sides if pytest rewrites this
module before it is imported (``pytest.register_assert_rewrite``).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import (
    InvalidExperimentError,
    JobManagerError,
    JobNotEndedError,
    SubmissionDeferredError,
)
from qiskit_job_manager.model import ExperimentKind, RemoteState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit.circuit import QuantumCircuit

    from qiskit_job_manager.codec.results import ResultReader
    from qiskit_job_manager.model import Blob, RemoteStatus
    from qiskit_job_manager.ports import Backend

SHOTS = 200
ENDED = frozenset(
    {RemoteState.DONE, RemoteState.ERROR, RemoteState.CANCELLED, RemoteState.GONE},
)


def basis_state(number: int, qubits: int) -> QuantumCircuit:
    """Return a circuit whose outcome is a number in binary."""
    from qiskit.circuit import QuantumCircuit

    circuit = QuantumCircuit(qubits, qubits, name=f"is {number}", metadata={"number": number})
    for qubit in range(qubits):
        if number >> qubit & 1:
            circuit.x(qubit)
    circuit.measure(range(qubits), range(qubits))
    return circuit


def for_backend(backend: Backend, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
    """Transpile circuits, if the adapter has a ``qiskit_backend``."""
    target = getattr(backend, "qiskit_backend", None)
    if target is None:
        return list(circuits)
    from qiskit import transpile

    where = {"initial_layout": [0, 1], "num_processes": 1}
    return list(transpile(list(circuits), target, optimization_level=0, **where))


def payload_of(
    circuits: Sequence[QuantumCircuit], kind: ExperimentKind = ExperimentKind.CIRCUIT
) -> Blob:
    """Encode the circuits of one job as experiments of a kind."""
    return pack_experiments([encode_experiment(circuit, kind) for circuit in circuits], kind)


def wait_for_end(backend: Backend, remote_id: str, within_s: float = 60.0) -> RemoteStatus:
    """Poll until a job has ended, and return its last status."""
    deadline_s = time.monotonic() + within_s
    while True:
        status = backend.statuses([remote_id]).get(remote_id)
        if status is not None and status.state in ENDED:
            return status
        assert time.monotonic() < deadline_s, f"{remote_id} did not end: {status}"
        time.sleep(0.005)


def most_frequent(reader: ResultReader, offset: int) -> int:
    """Return the most frequent outcome."""
    counts = reader.counts(offset)
    assert counts, f"experiment {offset} has no counts"
    return int(max(counts, key=lambda key: counts[key]), 16)


class BackendContract:
    """The contract of `qiskit_job_manager.ports.Backend`.

    Attributes:
        per_job: Circuits in the jobs that are sent.
    """

    per_job = 4

    @pytest.fixture
    def circuits(self, backend: Backend) -> list[QuantumCircuit]:
        """Return circuits whose outcomes are not in ascending order."""
        numbers = [(3 * place + 2) % 4 for place in range(self.per_job)]
        return for_backend(backend, [basis_state(number, 2) for number in numbers])

    def submit(self, backend: Backend, circuits: Sequence[QuantumCircuit], tag: str) -> str:
        payload = payload_of(circuits, backend.takes)
        deadline_s = time.monotonic() + 60.0
        while True:
            try:
                return backend.submit(payload, {"shots": SHOTS}, tag)
            except SubmissionDeferredError:
                assert time.monotonic() < deadline_s
                time.sleep(0.01)

    def run(self, backend: Backend, circuits: Sequence[QuantumCircuit], tag: str) -> ResultReader:
        remote_id = self.submit(backend, circuits, tag)
        assert wait_for_end(backend, remote_id).state is RemoteState.DONE
        return open_result(backend.fetch(remote_id))

    # -- what it says of itself ---------------------------------------------------------------

    def test_it_has_a_name(self, backend: Backend) -> None:
        assert backend.name
        assert isinstance(backend.name, str)

    def test_its_uri_opens_a_backend_of_the_same_name_and_uri(self, backend: Backend) -> None:
        if backend.uri is not None:
            again = open_backend(backend.uri)
            assert (again.name, again.uri) == (backend.name, backend.uri)

    def test_its_capabilities_never_change(self, backend: Backend, circuits: Any) -> None:
        before = backend.capabilities
        self.run(backend, circuits, "tag-1")
        assert backend.capabilities == before

    def test_a_limit_is_a_positive_number_or_unknown(self, backend: Backend) -> None:
        limits = backend.limits()
        for field in fields(limits):
            figure = getattr(limits, field.name)
            assert figure is None or (isinstance(figure, int) and figure > 0), field.name

    # -- checking -----------------------------------------------------------------------------

    def test_what_it_runs_passes_its_check(self, backend: Backend, circuits: Any) -> None:
        for index, circuit in enumerate(circuits):
            backend.check(circuit, index, {"shots": SHOTS})

    def test_what_is_no_experiment_is_refused_by_index(self, backend: Backend) -> None:
        with pytest.raises(InvalidExperimentError, match=r"\b17\b"):
            backend.check(object(), 17, {"shots": SHOTS})

    # -- running ------------------------------------------------------------------------------

    def test_results_are_in_the_order_of_the_circuits(
        self, backend: Backend, circuits: list[QuantumCircuit]
    ) -> None:
        reader = self.run(backend, circuits, "tag-1")
        assert reader.n_experiments == len(circuits)
        outcomes = [most_frequent(reader, offset) for offset in range(len(circuits))]
        assert outcomes == [circuit.metadata["number"] for circuit in circuits]

    def test_a_job_takes_the_shots_of_its_options(self, backend: Backend, circuits: Any) -> None:
        counts = self.run(backend, circuits, "tag-1").counts(0)
        assert counts is not None
        assert sum(counts.values()) == SHOTS

    def test_a_job_of_one_circuit_runs(self, backend: Backend, circuits: Any) -> None:
        assert self.run(backend, circuits[:1], "tag-1").n_experiments == 1

    def test_each_job_has_an_id_of_its_own(self, backend: Backend, circuits: Any) -> None:
        ids = [self.submit(backend, circuits, f"tag-{number}") for number in range(3)]
        assert len(set(ids)) == 3
        assert all(isinstance(one, str) and one for one in ids)
        for one in ids:
            wait_for_end(backend, one)

    def test_jobs_sent_at_once_from_several_threads_do_not_mix(self, backend: Backend) -> None:
        jobs = {n: for_backend(backend, [basis_state(n, 2)] * self.per_job) for n in range(4)}
        with ThreadPoolExecutor(max_workers=4) as pool:
            readers = list(pool.map(lambda n: self.run(backend, jobs[n], f"tag-{n}"), jobs))
        seen = [{most_frequent(r, i) for i in range(r.n_experiments)} for r in readers]
        assert seen == [{0}, {1}, {2}, {3}]

    def test_a_result_that_was_not_stored_can_be_fetched_again(
        self, backend: Backend, circuits: Any
    ) -> None:
        if backend.capabilities.reads_once:
            pytest.skip("results can be read only once here")
        remote_id = self.submit(backend, circuits, "tag-1")
        wait_for_end(backend, remote_id)
        first, second = backend.fetch(remote_id), backend.fetch(remote_id)
        assert open_result(first).counts(0) == open_result(second).counts(0)

    def test_a_result_that_is_waited_for_is_there_as_soon_as_it_may_be(
        self, backend: Backend, circuits: Any
    ) -> None:
        if not backend.capabilities.awaits:
            pytest.skip("results cannot be waited for here")
        remote_id = self.submit(backend, circuits, "tag-1")
        deadline_s = time.monotonic() + 60.0
        while True:
            try:
                assert open_result(backend.fetch(remote_id)).n_experiments == len(circuits)
            except JobNotEndedError:
                assert time.monotonic() < deadline_s
            else:
                return

    # -- asking -------------------------------------------------------------------------------

    def test_every_job_that_is_asked_about_has_a_status(
        self, backend: Backend, circuits: Any
    ) -> None:
        ids = [self.submit(backend, circuits, f"tag-{number}") for number in range(2)]
        for one in ids:
            wait_for_end(backend, one)
        assert set(backend.statuses(ids)) == set(ids)
        assert backend.statuses([]) == {}

    def test_a_job_that_it_surely_does_not_have_is_gone(self, backend: Backend) -> None:
        """A backend that is not volatile may not know; none says that the job ran."""
        unknown = "never-sent"
        try:
            status = backend.statuses([unknown]).get(unknown)
        except JobManagerError:
            status = None
        if backend.capabilities.volatile:
            assert status is not None
        told = (RemoteState.GONE, RemoteState.OUT_OF_REACH)
        assert status is None or status.state in told

    def test_a_job_without_a_result_is_not_given_one(self, backend: Backend) -> None:
        with pytest.raises(JobManagerError):
            backend.fetch("never-sent")

    def test_a_job_that_went_well_has_no_error(self, backend: Backend, circuits: Any) -> None:
        remote_id = self.submit(backend, circuits, "tag-1")
        wait_for_end(backend, remote_id)
        backend.fetch(remote_id)
        assert backend.error_message(remote_id) is None

    def test_a_job_that_has_ended_can_be_cancelled_without_harm(
        self, backend: Backend, circuits: Any
    ) -> None:
        remote_id = self.submit(backend, circuits, "tag-1")
        wait_for_end(backend, remote_id)
        backend.cancel(remote_id)
        assert open_result(backend.fetch(remote_id)).n_experiments == len(circuits)

    def test_a_job_is_found_by_its_tag_where_that_is_possible(
        self, backend: Backend, circuits: Any
    ) -> None:
        if not backend.capabilities.findable:
            pytest.skip("jobs cannot be found by their tag here")
        remote_id = self.submit(backend, circuits, "tag-of-this")
        time.sleep(backend.capabilities.listing_lag_s)
        assert list(backend.find("tag-of-this")) == [remote_id]
        assert list(backend.find("tag-of-none")) == []
