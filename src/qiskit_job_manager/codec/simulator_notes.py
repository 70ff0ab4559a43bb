"""What Aer must know of its save instructions and QPY does not write.

QPY writes an instruction that it does not know as a bare name with parameters, and so drops the
class and the subtype ("average", "list", ...) without which Aer cannot run it. The notes are a
tagged value (see `values`), a list with one tuple per save instruction:

    path        tuple of int: index of the instruction; inside a control-flow instruction, the
                index of that one, of its block, and so on inwards
    class       name of the class, one of `_SAVES`
    name, number of qubits, label, subtype, parameters
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit import QuantumCircuit

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
# The names of these instructions, and of noise channels, begin so.
_HINTS = ("save_", "quantum_channel")


def take_notes(circuit: QuantumCircuit) -> bytes:
    """Return notes on what QPY drops, or nothing when it drops nothing.

    Raises:
        CodecError: It drops what cannot be noted.
    """
    names = circuit.count_ops()
    if not circuit.has_control_flow_op() and not any(name.startswith(_HINTS) for name in names):
        return b""
    notes = list(_notes(circuit, ()))
    return encode_value(notes) if notes else b""


def _notes(circuit: QuantumCircuit, path: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    for index, instruction in enumerate(circuit.data):
        operation = instruction.operation
        here = (*path, index)
        for number, block in enumerate(getattr(operation, "blocks", ())):
            yield from _notes(block, (*here, number))
        if type(operation).__name__ in _SAVES and hasattr(operation, "_subtype"):
            yield _note(operation, here)
        elif hasattr(operation, "_quantum_error"):
            raise CodecError(
                f"Circuit {circuit.name!r} cannot be stored: instruction {index} is a noise "
                "channel of Aer, which QPY drops; append qiskit.quantum_info.Kraus(error) instead"
            )


def _note(operation: Any, path: tuple[int, ...]) -> tuple[Any, ...]:
    return (
        path,
        type(operation).__name__,
        operation.name,
        operation.num_qubits,
        operation.label,
        operation._subtype,  # Aer gives no other way to it
        operation.params,
    )


def restore_notes(circuit: QuantumCircuit, notes: bytes) -> QuantumCircuit:
    """Give a circuit back what `take_notes` noted; without Aer, which would need it, do nothing.

    Raises:
        CodecError: The notes do not fit the circuit.
    """
    try:
        from qiskit_aer import library
    except ImportError:
        return circuit
    try:
        for path, kind, *arguments in decode_value(notes):
            circuit = _replaced(circuit, path, _instruction(library, kind, arguments))
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise CodecError(f"The notes on a stored circuit do not fit it: {error}") from error
    return circuit


def _instruction(library: Any, kind: str, arguments: list[Any]) -> Any:
    from qiskit_aer.library.save_instructions.save_data import SaveData

    if kind not in _SAVES:
        raise CodecError(f"{kind!r} is no save instruction of Aer")
    save = getattr(library, kind)
    # Each class has its own arguments; all end in those of their common base.
    instruction = save.__new__(save)
    SaveData.__init__(instruction, *arguments)
    return instruction


def _replaced(circuit: QuantumCircuit, path: tuple[int, ...], operation: Any) -> QuantumCircuit:
    index, *inner = path
    old = circuit.data[index]
    if inner:
        blocks = list(old.operation.blocks)
        blocks[inner[0]] = _replaced(blocks[inner[0]], tuple(inner[1:]), operation)
        operation = old.operation.replace_blocks(blocks)
    circuit.data[index] = old.replace(operation=operation)
    return circuit
