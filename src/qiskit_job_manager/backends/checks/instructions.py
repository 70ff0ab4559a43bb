"""Checks which instructions a backend supports, and on which qubits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from qiskit.converters import circuit_to_dag
from qiskit.transpiler.passes import GatesInBasis

from qiskit_job_manager.backends.circuit_traversal import (
    instruction_names,
    instructions_with_qubits,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit.circuit import QuantumCircuit
    from qiskit.transpiler import Target

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
