"""What Aer must know of its save instructions and QPY does not write.

QPY writes an instruction that it does not know as a bare name with parameters, and so drops the
class and the subtype ("average", "list", ...) without which Aer cannot run it.

Notes of the first version are only of these. They are a tagged value (see `values`), a list with
one tuple per save instruction:

    path        tuple of int: index of the instruction; inside a control-flow instruction, the
                index of that one, of its block, and so on inwards
    class       name of the class, one of `_SAVES`
    name, number of qubits, label, subtype, parameters
"""

from __future__ import annotations

from typing import Any

from qiskit_job_manager.codec.values import decode_value
from qiskit_job_manager.errors import CodecError

_SAVES = frozenset(
    {
        "SaveAmplitudes",
        "SaveAmplitudesSquared",
        "SaveClifford",
        "SaveDensityMatrix",
        "SaveExpectationValue",
        "SaveExpectationValueVariance",
        "SaveMatrixProductState",
        "SaveProbabilities",
        "SaveProbabilitiesDict",
        "SaveStabilizer",
        "SaveState",
        "SaveStatevector",
        "SaveStatevectorDict",
        "SaveSuperOp",
        "SaveUnitary",
    }
)


def is_save(operation: Any) -> bool:
    """Tell whether an operation is a save instruction of Aer."""
    return type(operation).__name__ in _SAVES and hasattr(operation, "_subtype")


def save_parts(operation: Any) -> tuple[Any, ...]:
    """Return a save instruction as plain values: its class, and the arguments of their base."""
    return (
        type(operation).__name__,
        operation.name,
        operation.num_qubits,
        operation.label,
        operation._subtype,  # Aer gives no other way to it
        operation.params,
    )


def build_save(kind: str, *arguments: Any) -> Any:
    """Put together what `save_parts` took apart; without Aer, an instruction of that name.

    Raises:
        CodecError: It is no save instruction.
    """
    if kind not in _SAVES:
        raise CodecError(f"{kind!r} is no save instruction of Aer")
    try:
        from qiskit_aer import library
        from qiskit_aer.library.save_instructions.save_data import SaveData
    except ImportError:
        from qiskit.circuit import Instruction

        name, n_qubits, label, _, params = arguments
        return Instruction(name, n_qubits, 0, params, label=label)
    save = getattr(library, kind)
    # Each class has its own arguments; all end in those of their common base.
    instruction = save.__new__(save)
    SaveData.__init__(instruction, *arguments)
    return instruction


def read_saves(notes: bytes) -> dict[tuple[int, ...], Any]:
    """Return the save instructions in notes of the first version, by their paths.

    Raises:
        CodecError: The notes are damaged.
    """
    try:
        return {path: build_save(*parts) for path, *parts in decode_value(notes)}
    except (TypeError, ValueError, AttributeError) as error:
        raise CodecError(f"The notes on a stored circuit are damaged: {error}") from error
