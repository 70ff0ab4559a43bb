"""Our own port's face of the simulated cloud."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from qiskit.circuit import QuantumCircuit

from qiskit_job_manager.errors import (
    InvalidExperimentError,
    JobNotEndedError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
)
from qiskit_job_manager.model import ExperimentKind, Limits, RawResult, RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities
from schedule import TooManyJobsError
from simulated import JobState, SimulatedCloud, UnknownJobError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.model import Blob

    Results = Callable[[Blob, Mapping[str, Any]], RawResult]

WAIT_S = 20.0
_STATES = {
    JobState.QUEUED: RemoteState.QUEUED,
    JobState.RUNNING: RemoteState.RUNNING,
    JobState.DONE: RemoteState.DONE,
    JobState.CANCELLED: RemoteState.CANCELLED,
}
_numbers = itertools.count()


class SimulatedAdapter:
    """A `Backend` on the cloud, which finds jobs by their tag and waits for their results.

    Args:
        cloud: The service.
        results: Gives the result of a job, by its payload and options; called as it is submitted.
        wait_s: Seconds that `fetch` waits for the end of a job.

    Attributes:
        service_cpu_s: CPU seconds spent in ``results``, which are the service's.
    """

    name = "simulated"
    uri = None
    takes = ExperimentKind.CIRCUIT
    capabilities = Capabilities(findable=True, bulk_status=True, awaits=True)

    def __init__(self, cloud: SimulatedCloud, results: Results, *, wait_s: float = WAIT_S) -> None:
        self.service_cpu_s = 0.0
        self._cloud = cloud
        self._results = results
        self._wait_s = wait_s
        self._account = f"simulated {next(_numbers)}"
        self._lock = threading.Lock()

    @property
    def account(self) -> str:
        """One for each object, as each cloud counts by itself."""
        return self._account

    def limits(self) -> Limits:
        """Return what a service tells of itself."""
        pace = self._cloud.pace
        return Limits(pending_jobs=pace.pending, submissions_per_minute=pace.per_minute)

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:  # noqa: ARG002  # as the port has it
        """Check that it is a circuit without parameters."""
        if not isinstance(experiment, QuantumCircuit):
            kind = type(experiment).__name__
            raise InvalidExperimentError(f"experiment {index} is a {kind}, not a QuantumCircuit")
        if experiment.num_parameters:
            raise InvalidExperimentError(f"experiment {index} has unbound parameters; bind them")

    def estimate_usage_s(self, circuits: int, shots: int | None) -> None:  # as the port has it
        """Running costs nothing here."""

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # as the port has it
    ) -> str:
        """Send one job; its payload is already as it is sent."""
        began_s = time.thread_time()
        result = self._results(payload, options)
        with self._lock:
            self.service_cpu_s += time.thread_time() - began_s
        try:
            return self._cloud.submit(result, tag)
        except TooManyJobsError as error:
            raise SubmissionDeferredError(str(error)) from error

    def find(self, tag: str) -> Sequence[str]:
        """Return the ids of all jobs with this tag, oldest first."""
        return self._cloud.find(tag)

    def find_duplicates(self, label: str) -> Mapping[str, Sequence[str]]:
        """Not to be called: each job is posted once.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"the simulated cloud has no labels such as {label}")

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about jobs in one call."""
        if not remote_ids:
            return {}
        states = self._cloud.states(remote_ids)
        told = {remote_id: _STATES[state] for remote_id, state in states.items()}
        return {one: RemoteStatus(told.get(one, RemoteState.GONE)) for one in remote_ids}

    def fetch(self, remote_id: str) -> RawResult:
        """Wait for the end of a job, and return its result."""
        try:
            state, result = self._cloud.result(remote_id, self._wait_s)
        except UnknownJobError as error:
            raise ResultGoneError(str(error)) from error
        if state is JobState.CANCELLED:
            raise RemoteJobFailedError(f"{remote_id} was cancelled")
        if state is not JobState.DONE:
            raise JobNotEndedError(f"{remote_id} is {state} still")
        return result

    def cancel(self, remote_id: str) -> None:
        """Ask for a job to be cancelled."""
        self._cloud.cancel(remote_id)

    def error_message(self, remote_id: str) -> str | None:
        """Say that a job was cancelled, if it was; nothing else goes wrong here."""
        state = self._cloud.states([remote_id]).get(remote_id)
        return f"{remote_id} was cancelled" if state is JobState.CANCELLED else None
