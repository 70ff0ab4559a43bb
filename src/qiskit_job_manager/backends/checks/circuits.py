"""Checks whether a circuit can run on a backend, and whether its result has any data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit import QuantumCircuit

from qiskit_job_manager.backends.checks.instructions import Rules, rules_of, target_of
from qiskit_job_manager.backends.circuit_traversal import instruction_names
from qiskit_job_manager.backends.locality import is_aer, is_local
from qiskit_job_manager.errors import InvalidExperimentError

if TYPE_CHECKING:
    from collections.abc import Mapping


class CircuitCheck:
    """Checks the circuits of one backend. Safe to use from any thread.

    Args:
        backend: The Qiskit backend. Its target is read once, at the first circuit, because some
            backends build it again at each access.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._rules: dict[str | None, Rules] = {}
        self._max_qubits: int | None = None

    def __call__(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check one circuit.

        Args:
            experiment: What the user handed over.
            index: Its index in the job set, for the message.
            options: The run options; what Aer supports depends on its ``method``.

        Raises:
            InvalidExperimentError: It cannot run.
        """
        check_is_bound(experiment, index)
        wrong = self._wrong_with(experiment, options.get("method"))
        if wrong is not None:
            raise InvalidExperimentError(f"experiment {index} ({experiment.name!r}) {wrong}")

    def _wrong_with(self, circuit: QuantumCircuit, method: str | None) -> str | None:
        unsupported = self.unsupported(circuit, method)
        if unsupported is not None:
            return unsupported
        if not gives_data(circuit, self._backend):
            return (
                "has no measurement where counts are asked for; "
                "use circuit.measure_all(), or save a state where a simulator can"
            )
        return None

    def unsupported(self, circuit: QuantumCircuit, method: str | None = None) -> str | None:
        """Describe what of a circuit the backend cannot run, or return ``None``.

        Args:
            circuit: The circuit; its parameters need not be bound.
            method: The simulation method among the run options, or ``None``.
        """
        rules = self._rules.get(method) or self._read_rules(method)
        where = getattr(self._backend, "name", "the backend")
        if self._max_qubits is not None and circuit.num_qubits > self._max_qubits:
            return f"has {circuit.num_qubits} qubits, and {where} has {self._max_qubits}"
        unsupported = rules.first_unsupported(circuit)
        if unsupported is not None:
            way_out = "use transpile(circuit, backend), or run(..., transpile=True)"
            return f"has {unsupported}, which {where} cannot run; {way_out}"
        return None

    def _read_rules(self, method: str | None) -> Rules:
        rules: Rules
        if is_aer(self._backend):
            from qiskit_job_manager.backends.checks.aer_instructions import aer_rules

            rules = aer_rules(self._backend, method)
        else:
            target = target_of(self._backend)
            self._max_qubits = target and target.num_qubits
            rules = rules_of(target, saves=is_local(self._backend))
        # Two threads may both do this for the first circuits; the outcome is the same.
        self._rules[method] = rules
        return rules


def check_is_bound(experiment: Any, index: int) -> None:
    """Check that an experiment is a circuit, and that all its parameters have values.

    Raises:
        InvalidExperimentError: It is not.
    """
    if not isinstance(experiment, QuantumCircuit):
        raise InvalidExperimentError(f"experiment {index} is {_no_circuit(experiment)}")
    if experiment.num_parameters:
        raise InvalidExperimentError(
            f"experiment {index} ({experiment.name!r}) {_unbound(experiment)}"
        )


def _no_circuit(experiment: Any) -> str:
    if experiment is None:
        return "None; it must be a QuantumCircuit"
    if isinstance(experiment, type):
        return f"the class {experiment.__name__}; it must be a QuantumCircuit object"
    text = f"of type {type(experiment).__name__}; it must be a QuantumCircuit"
    if isinstance(experiment, list | tuple):
        text += ", as lists of circuits cannot be nested"
    return text


def _unbound(circuit: QuantumCircuit) -> str:
    names = [repr(parameter.name) for parameter in circuit.parameters]
    some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"has unbound parameters: {some}; bind them with circuit.assign_parameters(...)"


# The names of simulators that always return a state end so. `AerSimulator` does not, with any
# method: of a circuit that neither measures nor saves it returns no data.
_STATE_SIMULATORS = ("unitary_simulator", "statevector_simulator")


def gives_data(circuit: QuantumCircuit, backend: Any) -> bool:
    """Say whether a result will have counts, or data of Aer's ``save_…`` instructions."""
    if any(name == "measure" or name.startswith("save_") for name in instruction_names(circuit)):
        return True
    return str(getattr(backend, "name", "")).endswith(_STATE_SIMULATORS)
