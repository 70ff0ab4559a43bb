"""Checks whether a PUB can run on a primitive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

from qiskit_job_manager.backends.checks.circuits import CircuitCheck, instruction_names
from qiskit_job_manager.errors import InvalidExperimentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.backends.primitives.known import PrimitiveInfo

_OBSERVABLES = (Pauli, PauliList, SparseObservable, SparsePauliOp)
_LETTERS = frozenset("IXYZ01+-rl")
_SAMPLER_FORMS = "a circuit, (circuit, values) or (circuit, values, shots)"
_ESTIMATOR_FORMS = "(circuit, observables), with values and a precision after them if need be"


class PubCheck:
    """Checks the PUBs of one primitive. Safe to use from any thread.

    Args:
        info: What is known of the primitive.
    """

    def __init__(self, info: PrimitiveInfo) -> None:
        self._info = info
        self._samples = info.takes is ExperimentKind.SAMPLER_PUB
        self._circuits = None if info.backend is None else CircuitCheck(info.backend)

    def __call__(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check one PUB, in any form that Qiskit coerces.

        Args:
            experiment: A PUB, as the user handed it over.
            index: Its index in the job set, for the message.
            options: The run options; ``"precision"`` is that of PUBs without their own.

        Raises:
            InvalidExperimentError: It cannot run.
        """
        circuit = circuit_in(experiment)
        if circuit is None:
            raise InvalidExperimentError(f"experiment {index} is {self._no_pub(experiment)}")
        wrong = self._wrong_with(experiment, circuit, options)
        if wrong is not None:
            raise InvalidExperimentError(f"experiment {index} ({circuit.name!r}) {wrong}")

    def _wrong_with(
        self, experiment: Any, circuit: QuantumCircuit, options: Mapping[str, Any]
    ) -> str | None:
        if circuit.num_parameters and not _has_values(experiment, after=1 if self._samples else 2):
            return _without_values(circuit, samples=self._samples)
        try:
            pub = (SamplerPub if self._samples else EstimatorPub).coerce(experiment)
        except Exception as error:  # noqa: BLE001  # odd input raises many kinds of errors
            return self._no_such_pub(experiment, error)
        if (unknown := _unknown_values(pub)) is not None:
            return unknown
        wrong = self._no_samples(circuit) if self._samples else self._imprecise(pub, options)
        if wrong is None and self._circuits is not None:
            wrong = self._circuits.unsupported(circuit)
        return wrong

    def _no_samples(self, circuit: QuantumCircuit) -> str | None:
        names = set(instruction_names(circuit))
        if "measure" not in names:
            return (
                "has no measurement, and a sampler returns nothing else; use circuit.measure_all()"
            )
        if self._info.is_statevector and circuit.has_control_flow_op():
            return "has control flow, which a state vector cannot follow; use a sampler of Aer"
        return None

    def _imprecise(self, pub: EstimatorPub, options: Mapping[str, Any]) -> str | None:
        precision = options.get("precision") if pub.precision is None else pub.precision
        if self._info.over_backend and precision is not None and precision <= 0:
            return (
                f"asks for a precision of {precision}, and counts from a backend are never exact; "
                "use a positive precision, or an estimator that computes a state vector"
            )
        if self._info.is_statevector and "measure" in instruction_names(pub.circuit):
            return "has a measurement, and the state vector that is asked for is gone after it"
        return None

    def _no_such_pub(self, experiment: Any, error: Exception) -> str:
        if self._samples and _has_observables(experiment):
            return (
                "comes with observables, which are for an estimator: hand over an estimator for "
                "the backend, such as BackendEstimatorV2(backend=...), or 'estimator:aer'"
            )
        forms = _SAMPLER_FORMS if self._samples else _ESTIMATOR_FORMS
        return f"is not what Qiskit takes for a PUB: {_sentence(error)} It must be {forms}"

    def _no_pub(self, experiment: Any) -> str:
        forms = _SAMPLER_FORMS if self._samples else _ESTIMATOR_FORMS
        if experiment is None:
            return f"None; it must be {forms}"
        text = f"of type {type(experiment).__name__}; it must be {forms}"
        if isinstance(experiment, list | tuple):
            text += ". One PUB alone is handed over in a list: run([(circuit, values)], ...)"
        return text


def circuit_in(experiment: Any) -> QuantumCircuit | None:
    """Return the circuit of an experiment in any form of a PUB, or ``None`` if it is none."""
    if isinstance(experiment, QuantumCircuit):
        return experiment
    if isinstance(experiment, SamplerPub | EstimatorPub):
        return experiment.circuit
    if isinstance(experiment, list | tuple) and experiment:
        return experiment[0] if isinstance(experiment[0], QuantumCircuit) else None
    return None


def _has_values(experiment: Any, *, after: int) -> bool:
    if isinstance(experiment, SamplerPub | EstimatorPub):
        return bool(experiment.parameter_values.num_parameters)
    return (
        isinstance(experiment, list | tuple)
        and len(experiment) > after
        and experiment[after] is not None
    )


def _has_observables(experiment: Any) -> bool:
    if isinstance(experiment, EstimatorPub):
        return True
    second = experiment[1] if isinstance(experiment, list | tuple) and len(experiment) > 1 else None
    while isinstance(second, list | tuple) and second:
        second = second[0]
    if isinstance(second, dict):
        second = next(iter(second), None)
    return isinstance(second, _OBSERVABLES) or (isinstance(second, str) and set(second) <= _LETTERS)


def _without_values(circuit: QuantumCircuit, *, samples: bool) -> str:
    names = [repr(parameter.name) for parameter in circuit.parameters]
    some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    form = "(circuit, values)" if samples else "(circuit, observables, values)"
    return (
        f"has parameters without values: {some}; hand it over as {form}, or bind them with "
        "circuit.assign_parameters(...)"
    )


def _unknown_values(pub: SamplerPub | EstimatorPub) -> str | None:
    """Describe values that belong to no parameter of the circuit; Qiskit compares numbers only."""
    wanted = {parameter.name for parameter in pub.circuit.parameters}
    given = {str(name) for names in pub.parameter_values.data for name in names}
    if given == wanted:
        return None
    theirs = ", ".join(map(repr, sorted(given - wanted)[:5]))
    own = ", ".join(map(repr, sorted(wanted)[:5]))
    return f"has values for {theirs}, and its parameters are {own}"


def _sentence(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error).strip() or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
