"""Checks whether a circuit can run on a backend, and whether its result has any data.

Whether it can run depends on its instructions, those in the blocks of its control flow included,
and on the qubits of each.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from qiskit.circuit import QuantumCircuit
from qiskit.converters import circuit_to_dag
from qiskit.transpiler.passes import GatesInBasis

from qiskit_job_manager.backends.locality import is_aer, is_local
from qiskit_job_manager.errors import InvalidExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qiskit.transpiler import Target


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


# -- which instructions a backend supports ---------------------------------------------------------

# These do nothing to qubits; most targets leave them out.
_ALWAYS = frozenset({"barrier", "snapshot", "store", "break_loop", "continue_loop"})


class Rules(Protocol):
    """The instructions that a backend can run. Safe to use from any thread."""

    def first_unsupported(self, circuit: QuantumCircuit) -> str | None:
        """Describe the first instruction that the backend cannot run, or return ``None``."""


class NameRules:
    """Each instruction is supported on all qubits or on none.

    Args:
        has: Says whether the instruction of a name is supported.
    """

    def __init__(self, has: Callable[[str], bool]) -> None:
        self._has = has

    def first_unsupported(self, circuit: QuantumCircuit) -> str | None:
        """Compare the names alone."""
        wrong = (n for n in instruction_names(circuit) if n not in _ALWAYS and not self._has(n))
        return next((repr(name) for name in wrong), None)


class TargetRules:
    """Instructions are supported as a target says, each on some qubits.

    Args:
        target: The target.
        saves: Whether ``save_…`` instructions are supported beyond it.
    """

    def __init__(self, target: Target, *, saves: bool) -> None:
        self._target = target
        self._saves = saves
        self._quick_check = GatesInBasis(target=target)
        self._one_at_a_time = threading.Lock()

    def first_unsupported(self, circuit: QuantumCircuit) -> str | None:
        """Ask Qiskit's own pass first; it takes a ninth of the time, but does not say which one."""
        if self._is_fine(circuit):
            return None
        wrong = (
            (n, at) for n, at in instructions_with_qubits(circuit) if not self._supports(n, at)
        )
        return next((f"{name!r} on qubits {list(places)}" for name, places in wrong), None)

    def _is_fine(self, circuit: QuantumCircuit) -> bool:
        dag = circuit_to_dag(circuit, copy_operations=False)
        with self._one_at_a_time:
            self._quick_check.run(dag)
            return bool(self._quick_check.property_set["all_gates_in_basis"])

    def _supports(self, name: str, places: tuple[int, ...]) -> bool:
        if name in _ALWAYS or (self._saves and name.startswith("save_")):
            return True
        if name == "measure" and not _lists_measuring(self._target):
            return True
        return bool(self._target.instruction_supported(name, places))


def _lists_measuring(target: Target) -> bool:
    """Say whether a target says anything of measuring; some list gates alone."""
    return "measure" in target.operation_names


def rules_of(target: Target | None, *, saves: bool) -> Rules:
    """Return the rules of a target; without a target everything is supported.

    Args:
        target: The target, or ``None``.
        saves: Whether Aer may run the circuits, and with it ``save_…`` beyond the target.
    """
    if target is None:
        return NameRules(lambda _: True)
    if target.qargs is None:
        more = frozenset() if _lists_measuring(target) else frozenset({"measure"})
        return NameRules((frozenset(target.operation_names) | more).__contains__)
    return TargetRules(target, saves=saves)


def target_of(backend: Any) -> Target | None:
    """Return the target of a Qiskit backend, or ``None`` where it has none."""
    try:
        return backend.target
    except (NotImplementedError, AttributeError):
        return None


# -- the instructions of a circuit -----------------------------------------------------------------


def instruction_names(circuit: QuantumCircuit) -> Iterator[str]:
    """Yield the names of all instructions, some repeatedly.

    This is far faster than `instructions_with_qubits`.
    """
    yield from circuit.count_ops()
    if not circuit.has_control_flow_op():
        return
    for instruction in circuit.data:
        if instruction.is_control_flow():
            for block in instruction.operation.blocks:
                yield from instruction_names(block)


def instructions_with_qubits(
    circuit: QuantumCircuit, outer: Sequence[int] | None = None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each instruction's name and its qubits, numbered as in the whole circuit.

    Args:
        circuit: A circuit, or a block of one.
        outer: For a block, the number of each of its qubits in the whole circuit.
    """
    numbers = range(circuit.num_qubits) if outer is None else outer
    number_of = dict(zip(circuit.qubits, numbers, strict=True))
    for instruction in circuit.data:
        places = tuple(number_of[qubit] for qubit in instruction.qubits)
        yield instruction.name, places
        if instruction.is_control_flow():
            for block in instruction.operation.blocks:
                yield from instructions_with_qubits(block, places)
