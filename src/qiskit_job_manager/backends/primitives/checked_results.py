"""Qiskit's primitives over a `BackendV2`, fed with results that were checked.

``BackendSamplerV2`` takes missing memory for zeros, and memory in bit strings for hexadecimal
numbers (Qiskit/qiskit#15694, #15718). So it gets another backend, which passes the circuits on and
brings each result into one form: memory and counts in hexadecimal numbers, and the memory only
where it agrees with the counts of the same result.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any

from qiskit.exceptions import QiskitError
from qiskit.providers import BackendV2, Options
from qiskit.result.models import ExperimentResultData

from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.backends.job_results import job_in_answer, result_in_answer
from qiskit_job_manager.backends.provider_facts import facts_of
from qiskit_job_manager.backends.run_lock import run_lock_of
from qiskit_job_manager.backends.run_options import argument_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qiskit.circuit import QuantumCircuit
    from qiskit.result import Result
    from qiskit.transpiler import Target

    from qiskit_job_manager.backends.run_lock import RunLock

_COUNTED = 2
"""The ``meas_level`` of results that are counted; others are handed on as they are."""


class CheckedBackend(BackendV2):  # type: ignore[misc]  # Qiskit has no type information
    """A backend whose results have memory and counts in one form.

    Args:
        backend: The backend that runs the circuits.
        concurrent: Whether its ``run()`` may be called from several threads at once.
    """

    def __init__(self, backend: Any, *, concurrent: bool) -> None:
        super().__init__(name=backend.name, backend_version=backend.backend_version)
        self.behind = backend
        self._facts = facts_of(backend)
        self._run_lock: RunLock | None = None if concurrent else run_lock_of(backend)

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    @property
    def target(self) -> Target:
        """The target of the backend behind it."""
        return self.behind.target

    @property
    def max_circuits(self) -> int | None:
        """That of the backend behind it, where it has one, or what is known of its client."""
        if self._facts.circuits_per_job is not None:
            return self._facts.circuits_per_job(self.behind)
        try:
            found: int | None = self.behind.max_circuits
        except NotImplementedError:
            return None
        return found

    def run(self, run_input: Sequence[QuantumCircuit], **options: Any) -> Any:
        """Run circuits on the backend behind it, with the options that it takes."""
        circuits, taken = list(run_input), _taken(self.behind.run, options)

        sending_once = self._facts.sending_once

        def run() -> Any:
            backend = self.behind if sending_once is None else sending_once(self.behind)
            return _run(backend, circuits, taken)

        answer = run() if self._run_lock is None else self._run_lock.call_in_turn(run)
        job = job_in_answer(answer, self.name, volatile=True)
        if options.get("meas_level", _COUNTED) != _COUNTED:
            return job
        return _CheckedJob(job, circuits, self.name, options.get("shots"))


class _CheckedJob:
    """As much of a job as the primitives use."""

    def __init__(
        self, job: Any, circuits: Sequence[QuantumCircuit], where: str, shots: int | None
    ) -> None:
        self._job = job
        self._circuits = circuits
        self._where = where
        self._shots = shots

    def result(self) -> Result:
        """Wait for the result, and return it in one form.

        Raises:
            QiskitError: It does not belong to the circuits, or has neither memory nor counts.
        """
        result = result_in_answer(self._job.result(), f"the result of {self._where}")
        return checked_result(result, self._circuits, self._shots)


def checked_result(
    result: Result, circuits: Sequence[QuantumCircuit], shots: int | None = None
) -> Result:
    """Return a result with memory and counts in hexadecimal numbers, without changing it.

    Args:
        result: What the backend returned.
        circuits: What it ran.
        shots: How often it was to run each; ``None``: as often as the result says.

    Raises:
        QiskitError: The backend says that it failed, or has no, or not all, data of a circuit.
    """
    if result.success is False:
        raise QiskitError(f"the backend calls the result unsuccessful: {result.status}")
    if len(result.results) != len(circuits):
        raise QiskitError(f"{len(result.results)} results came for {len(circuits)} circuits")
    again = copy.copy(result)
    pairs = zip(result.results, circuits, strict=True)
    again.results = [_checked(each, circuit, shots or each.shots) for each, circuit in pairs]
    return again


def _checked(experiment: Any, circuit: QuantumCircuit, shots: int) -> Any:
    again = copy.copy(experiment)
    counts, memory = _data(experiment, circuit, shots)
    if len(memory) != shots:
        raise QiskitError(f"{circuit.name!r} has data of {len(memory)} of {shots} shots")
    again.data = ExperimentResultData(
        counts={hex(value): count for value, count in counts.items()},
        memory=[hex(value) for value in memory],
    )
    header = getattr(experiment, "header", None)
    again.header = {
        **(header if isinstance(header, dict) else {}),
        "name": circuit.name,
        "memory_slots": circuit.num_clbits,
        "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
    }
    return again


def _data(
    experiment: Any, circuit: QuantumCircuit, shots: int
) -> tuple[Mapping[int, int], list[int]]:
    """Return how often each outcome was seen, and the outcomes in their order.

    Where there is no memory, or it contradicts the counts, equal outcomes stand together.
    """
    if not any(each.name == "measure" or each.is_control_flow() for each in circuit.data):
        return {0: shots}, [0] * shots
    counts = _counts(experiment, circuit)
    memory = _memory(experiment, circuit)
    if counts is None and memory is None:
        raise QiskitError(f"the result of {circuit.name!r} has neither memory nor counts")
    if counts is None or (memory is not None and Counter(memory) == counts):
        return Counter(memory), memory or []
    return counts, [value for value, count in counts.items() for _ in range(count)]


def _counts(experiment: Any, circuit: QuantumCircuit) -> Counter[int] | None:
    found = getattr(experiment.data, "counts", None)
    if not found:
        return None
    counts: Counter[int] = Counter()
    for outcome, count in dict(found).items():
        if count != int(count):
            raise QiskitError(f"{circuit.name!r} has {count} counts of {outcome!r}")
        counts[_number(outcome, circuit)] += int(count)
    return +counts


def _memory(experiment: Any, circuit: QuantumCircuit) -> list[int] | None:
    found: Iterable[Any] | None = getattr(experiment.data, "memory", None)
    return [_number(outcome, circuit) for outcome in found] if found else None


def _number(outcome: Any, circuit: QuantumCircuit) -> int:
    """Return an outcome as a number; it is one in hexadecimal, or a string of all the bits.

    Raises:
        QiskitError: It is neither.
    """
    text = str(outcome).strip().lower()
    if text.startswith("0x"):
        return int(text, 16)
    bits = text.removeprefix("0b").replace(" ", "")
    if len(bits) != circuit.num_clbits or set(bits) - {"0", "1"}:
        raise QiskitError(
            f"{circuit.name!r} has the outcome {outcome!r}, which is no string of "
            f"{circuit.num_clbits} bits"
        )
    return int(bits, 2)


def _run(backend: Any, circuits: list[QuantumCircuit], options: Mapping[str, Any]) -> Any:
    """Run circuits; a backend that refuses the option ``memory`` gives counts, which do as well."""
    try:
        return backend.run(circuits, **options)
    except Exception as error:
        refused = "memory" in options and "memory" in provider_errors.message_of(error)
        if not refused or provider_errors.is_about_network(error):
            raise
    return backend.run(circuits, **{n: v for n, v in options.items() if n != "memory"})


def _taken(run: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that have a value and that ``run()`` takes."""
    known = argument_names(run)
    return {
        name: value
        for name, value in options.items()
        if value is not None and (known is None or name in known)
    }
