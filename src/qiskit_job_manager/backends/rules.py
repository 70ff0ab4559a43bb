"""Which instructions a backend supports, on which qubits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qiskit.transpiler import Target

# Nothing has to be done for the first two, nor on qubits for the others; targets leave them out.
_ALWAYS = frozenset({"barrier", "snapshot", "store", "break_loop", "continue_loop"})


class InstructionRules:
    """Knows what is supported, and remembers what was found to be.

    Args:
        has: Says whether an instruction of this name is supported anywhere.
        target: Tells where; ``None``: everywhere.
        max_qubits: Qubits that a circuit may have, or ``None`` for any number.

    Attributes:
        accepted: Pairs of a name and qubits that are known to be supported.
    """

    def __init__(
        self,
        has: Callable[[str], bool],
        target: Target | None = None,
        max_qubits: int | None = None,
    ) -> None:
        self.max_qubits = max_qubits
        self.by_name_only = target is None
        self.accepted: set[tuple[str, tuple[int, ...]]] = set()
        self._has = has
        self._target = target

    def unsupported(self, names: Iterable[str]) -> str | None:
        """Return the first name that is supported nowhere, or ``None``."""
        return next((n for n in names if n not in _ALWAYS and not self._has(n)), None)

    def accept(self, name: str, places: tuple[int, ...]) -> bool:
        """Say whether an instruction is supported on these qubits, and remember if it is."""
        supported = name in _ALWAYS or (self._has(name) and self._is_at(name, places))
        if supported:
            self.accepted.add((name, places))
        return supported

    def _is_at(self, name: str, places: tuple[int, ...]) -> bool:
        if self._target is None or name not in self._target:
            return True
        return bool(self._target.instruction_supported(name, places))


def rules_of(backend: Any, *, local: bool) -> InstructionRules:
    """Return the rules of a Qiskit backend; one without a target supports anything.

    Args:
        backend: The Qiskit backend.
        local: It runs here, by Aer where that is installed, and so takes Aer's ``save_…`` too.
    """
    try:
        target = backend.target
    except NotImplementedError:
        target = None
    if target is None:
        return InstructionRules(lambda _: True)
    names = frozenset(target.operation_names)
    if target.qargs is None:
        return InstructionRules(names.__contains__, max_qubits=target.num_qubits)
    if local:
        return InstructionRules(
            lambda name: name in names or name.startswith("save_"), target, target.num_qubits
        )
    return InstructionRules(names.__contains__, target, target.num_qubits)
