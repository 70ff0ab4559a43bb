"""The cloud as a provider offers it to users of Qiskit: a `BackendV2` and its jobs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.providers.basic_provider import BasicSimulator

from qiskit_job_manager.codec.circuits import encode_circuit, pack
from qiskit_job_manager.codec.results import open_result

if TYPE_CHECKING:
    from qiskit.result import Result

    from qiskit_job_manager.testing.cloud_service.client import CloudClient

_STATUSES = {
    "queued": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "done": JobStatus.DONE,
    "failed": JobStatus.ERROR,
    "cancelled": JobStatus.CANCELLED,
}


class CloudJob(JobV1):  # type: ignore[misc]  # Qiskit has no type information
    """A job on the cloud.

    Its methods raise what `CloudClient` raises.
    """

    def __init__(self, backend: CloudBackend, job_id: str) -> None:
        super().__init__(backend, job_id)
        self._client = backend.client

    def submit(self) -> None:
        """Not to be called: the backend submits.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a CloudJob has been submitted by its backend's run()")

    def status(self) -> JobStatus:
        """Return the status of the job."""
        return _STATUSES[self._client.job(self.job_id()).state]

    def result(self) -> Result | None:
        """Return the result of a job that is done; ``None``: it came empty."""
        raw = self._client.result(self.job_id())
        return None if raw is None else open_result(raw).result()

    def cancel(self) -> None:
        """Cancel the job."""
        self._client.cancel(self.job_id())

    def error_message(self) -> str | None:
        """Return why the job failed, or ``None``."""
        return self._client.job(self.job_id()).message


class CloudBackend(BackendV2):  # type: ignore[misc]  # Qiskit has no type information
    """The cloud for users of Qiskit; it cannot find the jobs of an earlier process.

    Args:
        client: Its client of the cloud.

    Attributes:
        client: Its client of the cloud.

    Example:
        >>> backend = CloudBackend(CloudClient("127.0.0.1:8000"))   # doctest: +SKIP
        >>> backend.run([circuit], shots=100).result()              # doctest: +SKIP
    """

    def __init__(self, client: CloudClient) -> None:
        super().__init__(name="cloud")
        self.client = client
        self._target = BasicSimulator().target

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    @property
    def target(self) -> Any:
        """The target of Qiskit's own simulator."""
        return self._target

    @property
    def max_circuits(self) -> int | None:
        """Any number."""
        return None

    def run(self, run_input: Any, **options: Any) -> CloudJob:
        """Send circuits as one job."""
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else list(run_input)
        payload = pack([encode_circuit(circuit) for circuit in circuits])
        job_id = self.client.submit(payload, options, f"run-{uuid.uuid4().hex}")
        return CloudJob(self, job_id)


class RetrievingCloudBackend(CloudBackend):
    """The cloud for users of Qiskit, with ``retrieve_job``: jobs are found again by their id."""

    def retrieve_job(self, job_id: str) -> CloudJob:
        """Return a job of this or of another process.

        Raises:
            CloudAnswerError: There is none, with HTTP status 404.
        """
        self.client.job(job_id)
        return CloudJob(self, job_id)
