"""Whether a circuit can run on a backend, found out before anything is stored or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit import ControlFlowOp, QuantumCircuit

from qiskit_job_manager.backends.counting import gives_data
from qiskit_job_manager.backends.origins import is_aer, is_local
from qiskit_job_manager.backends.rules import InstructionRules, rules_of
from qiskit_job_manager.errors import InvalidExperimentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CircuitCheck:
    """Checks the circuits of one backend.

    Most circuits of a job set use the same instructions on the same qubits, so what was found to
    be supported is remembered. Safe to use from any thread.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._rules: dict[str | None, InstructionRules] = {}

    def __call__(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check one circuit.

        Args:
            experiment: What the user handed over.
            index: Its index in the job set, for the message.
            options: The run options.

        Raises:
            InvalidExperimentError: It cannot run.
        """
        if not isinstance(experiment, QuantumCircuit):
            raise InvalidExperimentError(_no_circuit(experiment, index))
        if experiment.num_parameters:
            raise InvalidExperimentError(_unbound(experiment, index))
        wrong = self._unsupported(experiment, options.get("method"))
        if wrong is not None:
            raise InvalidExperimentError(f"experiment {index} ({experiment.name!r}): {wrong}")
        if not gives_data(experiment, self._backend):
            raise InvalidExperimentError(
                f"experiment {index} ({experiment.name!r}) measures nothing, so that it has no "
                "counts; measure with circuit.measure_all(), or save a state on a simulator"
            )

    def _unsupported(self, circuit: QuantumCircuit, method: str | None) -> str | None:
        """Say which instruction the backend does not support, or ``None``."""
        # Made at the first circuit, as reading a target may take a while; made twice at worst.
        rules = self._rules.get(method)
        if rules is None:
            rules = self._rules[method] = _rules(self._backend, method)
        where = self._backend.name
        if rules.max_qubits is not None and circuit.num_qubits > rules.max_qubits:
            return f"it has {circuit.num_qubits} qubits, and {where} has {rules.max_qubits}"
        wrong = _first_unsupported(circuit, rules, None)
        return wrong and f"{where} has no instruction {wrong}; use transpile(circuit, backend)"


def _rules(backend: Any, method: str | None) -> InstructionRules:
    if not is_aer(backend):
        return rules_of(backend, local=is_local(backend))
    from qiskit_job_manager.backends.aer_rules import aer_rules

    return aer_rules(backend, method)


def _first_unsupported(
    circuit: QuantumCircuit, rules: InstructionRules, outer: Sequence[int] | None
) -> str | None:
    """Return the first instruction that is not supported, also in blocks of control flow.

    Args:
        circuit: A circuit, or a block.
        rules: What is supported.
        outer: Of a block, which qubit of the whole circuit each of its qubits is.
    """
    if rules.by_name_only and not circuit.has_control_flow_op():
        name = rules.unsupported(circuit.count_ops())
        return name and repr(name)
    numbers = {qubit: n for n, qubit in enumerate(circuit.qubits)}
    accepted = rules.accepted
    for instruction in circuit.data:
        places = tuple([numbers[qubit] for qubit in instruction.qubits])
        if outer is not None:
            places = tuple([outer[place] for place in places])
        name = instruction.name
        if (name, places) not in accepted and not rules.accept(name, places):
            return f"{name!r} on qubits {list(places)}"
        if instruction.is_control_flow():
            wrong = _in_blocks(instruction.operation, rules, places)
            if wrong is not None:
                return wrong
    return None


def _in_blocks(
    operation: ControlFlowOp, rules: InstructionRules, places: Sequence[int]
) -> str | None:
    for block in operation.blocks:
        wrong = _first_unsupported(block, rules, places)
        if wrong is not None:
            return wrong
    return None


def _no_circuit(experiment: Any, index: int) -> str:
    kind = "None" if experiment is None else f"of type {type(experiment).__name__}"
    text = f"experiment {index} is {kind}; it must be a QuantumCircuit"
    if isinstance(experiment, list | tuple):
        text += ", and lists of circuits cannot be nested"
    elif isinstance(experiment, type):
        text += " object, not a class"
    return text


def _unbound(circuit: QuantumCircuit, index: int) -> str:
    names = [repr(parameter.name) for parameter in circuit.parameters]
    some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return (
        f"experiment {index} ({circuit.name!r}) has unbound parameters: {some}; "
        "bind them with circuit.assign_parameters(...)"
    )
