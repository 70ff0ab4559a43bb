"""Qiskit's face of the simulated cloud: a `BackendV2`."""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING, Any

from qiskit import qpy
from qiskit.circuit import Measure, Parameter, QuantumCircuit
from qiskit.circuit.library import CXGate, UGate
from qiskit.exceptions import QiskitError
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.transpiler import Target

from circuits import N_QUBITS
from simulated import JobState, SimulatedCloud, UnknownJobError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit.result import Result

    Results = Callable[[list[QuantumCircuit]], Result]

_STATES = {
    JobState.QUEUED: JobStatus.QUEUED,
    JobState.RUNNING: JobStatus.RUNNING,
    JobState.DONE: JobStatus.DONE,
    JobState.CANCELLED: JobStatus.CANCELLED,
}


class SimulatedJob(JobV1):
    """A job on the cloud, by its id."""

    def __init__(self, backend: SimulatedBackend, job_id: str) -> None:
        super().__init__(backend, job_id)
        self._cloud = backend.cloud
        self._waits_first = backend.waits_first

    def submit(self) -> None:
        """Do nothing: ``run()`` submitted it."""

    def status(self) -> JobStatus:
        """Ask for the status, in one call."""
        return _STATES[self._cloud.states([self.job_id()])[self.job_id()]]

    def result(self) -> Result:
        """Wait for the result, by a call that is answered when the job has ended."""
        if self._waits_first:
            self._cloud.result(self.job_id())
        state, result = self._cloud.result(self.job_id())
        if state is JobState.CANCELLED:
            raise QiskitError(f"{self.job_id()} was cancelled")
        return result

    def cancel(self) -> bool:
        """Cancel it, in one call, and say whether it was still pending."""
        return self._cloud.cancel(self.job_id())


class SimulatedBackend(BackendV2):
    """Sends circuits to the cloud as clients do: as QPY.

    Args:
        cloud: The service.
        results: Gives the result of a job, by its circuits; called as it is submitted.
        max_circuits: What it says of circuits in one job.
        waits_first: Whether the ``result()`` of its jobs is two calls, one that waits for the end
            and one that fetches, as with most providers; else one does both.

    Attributes:
        cloud: The service.
        waits_first: Whether ``result()`` is two calls.
        encoding_cpu_s: CPU seconds that ``run()`` spent encoding.
    """

    def __init__(
        self,
        cloud: SimulatedCloud,
        results: Results,
        *,
        max_circuits: int | None = None,
        waits_first: bool = False,
    ) -> None:
        super().__init__(name="simulated")
        self.cloud = cloud
        self.waits_first = waits_first
        self.encoding_cpu_s = 0.0
        self._results = results
        self._max_circuits = max_circuits
        self._lock = threading.Lock()
        self._target = Target(num_qubits=N_QUBITS)
        turn = UGate(*map(Parameter, ("a", "b", "c")))
        for instruction in (turn, CXGate(), Measure()):
            self._target.add_instruction(instruction)

    @property
    def target(self) -> Target:
        """What the measured circuits consist of, on any of their qubits."""
        return self._target

    @property
    def max_circuits(self) -> int | None:
        """What it was told to say."""
        return self._max_circuits

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1_024)

    def run(
        self,
        run_input: QuantumCircuit | list[QuantumCircuit],
        **options: Any,  # noqa: ARG002  # as Qiskit has it; the results were made before
    ) -> SimulatedJob:
        """Encode circuits and submit them, in one call.

        Raises:
            TooManyJobsError: They were refused.
        """
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else run_input
        began_s = time.thread_time()
        qpy.dump(circuits, io.BytesIO())
        with self._lock:
            self.encoding_cpu_s += time.thread_time() - began_s
        return SimulatedJob(self, self.cloud.submit(self._results(circuits)))

    def retrieve_job(self, job_id: str) -> SimulatedJob:
        """Return a job by its id, in one call.

        Raises:
            UnknownJobError: There is none.
        """
        if job_id not in self.cloud.states([job_id]):
            raise UnknownJobError(f"there is no job {job_id}")
        return SimulatedJob(self, job_id)
