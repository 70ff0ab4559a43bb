"""The adapter of the job manager for the simulated cloud."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends import BaseBackend
from qiskit_job_manager.errors import (
    JobNotEndedError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
)
from qiskit_job_manager.model import Limits, RawResult, RemoteState, RemoteStatus
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


class SimulatedAdapter(BaseBackend):
    """A `Backend` on the cloud, which finds jobs by their tag and waits for their results.

    Args:
        cloud: The service.
        results: Gives the result of a job, by its payload and options; called as it is submitted.
        wait_s: Seconds that `fetch` waits for the end of a job.

    Attributes:
        service_cpu_s: CPU seconds spent in ``results``, which are the service's.
    """

    name = "simulated"
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
        """Return the limits that the service has."""
        pace = self._cloud.pace
        return Limits(pending_jobs=pace.pending, submissions_per_minute=pace.per_minute)

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # as the port has it
    ) -> str:
        """Send one job; its payload is sent as it is."""
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

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about jobs in one call."""
        if not remote_ids:
            return {}
        states = self._cloud.states(remote_ids)
        return {remote_id: _status(remote_id, states.get(remote_id)) for remote_id in remote_ids}

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


def _status(remote_id: str, state: JobState | None) -> RemoteStatus:
    if state is None:
        return RemoteStatus(RemoteState.GONE)
    message = f"{remote_id} was cancelled" if state is JobState.CANCELLED else None
    return RemoteStatus(_STATES[state], message=message)
