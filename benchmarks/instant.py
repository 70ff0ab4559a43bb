"""A backend that answers at once, with made-up counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

N_QUBITS = 5


class InstantJob(JobV1):
    """A job that has ended when it begins."""

    def __init__(self, backend: BackendV2, job_id: str, result: Result) -> None:
        super().__init__(backend, job_id)
        self._result = result

    def submit(self) -> None:
        """Do nothing: it was submitted by being made."""

    def status(self) -> JobStatus:
        """Say that it is done."""
        return JobStatus.DONE

    def result(self) -> Result:
        """Return the result that was made beforehand."""
        return self._result


class InstantBackend(BackendV2):
    """Gives each circuit 1,024 shots over the outcomes of five qubits."""

    def __init__(self) -> None:
        super().__init__(name="instant")
        self._chance = np.random.default_rng(11)
        self._n_jobs = 0

    @property
    def target(self) -> None:
        """Take every circuit."""
        return None

    @property
    def max_circuits(self) -> None:
        """Take any number of them."""
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1_024)

    def run(self, run_input: QuantumCircuit | list[QuantumCircuit], **options: Any) -> InstantJob:
        """Return a job that has ended."""
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else run_input
        shots = options.get("shots", 1_024)
        self._n_jobs += 1
        job_id = f"instant-{self._n_jobs}"
        result = Result(
            backend_name=self.name,
            backend_version="1",
            job_id=job_id,
            success=True,
            status="COMPLETED",
            results=[self._experiment(circuit.name, shots) for circuit in circuits],
        )
        return InstantJob(self, job_id, result)

    def _experiment(self, name: str, shots: int) -> ExperimentResult:
        weights = self._chance.dirichlet(np.ones(2**N_QUBITS))
        drawn = self._chance.multinomial(shots, weights)
        counts = {hex(outcome): int(count) for outcome, count in enumerate(drawn) if count}
        header = {"name": name, "creg_sizes": [["meas", N_QUBITS]], "memory_slots": N_QUBITS}
        data = ExperimentResultData(counts=counts)
        return ExperimentResult(shots=shots, success=True, data=data, header=header, status="DONE")
