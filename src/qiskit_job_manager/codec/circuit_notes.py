"""Notes on a stored circuit: what its QPY file does not say.

The notes are a tagged value (see `values`), a dict with

    metadata    the metadata of the circuit, where JSON would change it
    operations  list of (path, operation as `kept_operations` keeps it); something harmless stands
                for the operation in the QPY file

and a path is a tuple of int: the index of the instruction; inside a control-flow instruction the
index of that one, of its block, and so on inwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit import QuantumCircuit

    from qiskit_job_manager.codec.kept_operations import Kept, OperationCodec

Path = tuple[int, ...]

# Stands for metadata that the QPY file has itself.
IN_QPY = object()


def write_notes(operations: Mapping[Path, Kept], metadata: Any = IN_QPY) -> bytes:
    """Return the notes on a circuit, or nothing if there is nothing to note."""
    notes: dict[str, Any] = {}
    if metadata is not IN_QPY:
        notes["metadata"] = metadata
    if operations:
        notes["operations"] = list(operations.items())
    return encode_value(notes) if notes else b""


def apply_notes(circuit: QuantumCircuit, data: bytes, codec: OperationCodec) -> QuantumCircuit:
    """Give a circuit that was read from QPY what its notes say.

    Raises:
        CodecError: The notes are damaged, or do not fit the circuit.
    """
    try:
        notes = decode_value(data)
        kept = {tuple(path): codec.build(parts) for path, parts in notes.get("operations", ())}
        circuit = with_operations(circuit, kept)
        if "metadata" in notes:
            circuit.metadata = notes["metadata"]
    except CodecError:
        raise
    except Exception as error:
        # Qiskit's constructors raise what they will.
        raise CodecError(f"The notes on a stored circuit do not fit it: {error}") from error
    return circuit


def with_operations(circuit: QuantumCircuit, operations: Mapping[Path, Any]) -> QuantumCircuit:
    """Return a copy of a circuit with operations in the place of those at their paths.

    It is made of the old instructions one by one: to set one that has blocks is an error inside
    Qiskit 2.
    """
    from qiskit.circuit import CircuitInstruction

    if not operations:
        return circuit
    groups = _grouped(operations)
    made = circuit.copy_empty_like()
    for index, instruction in enumerate(circuit.data):
        group = groups.pop(index, None)
        if group:
            old = instruction.operation
            operation = group[()] if () in group else _with_blocks(old, group)
            bits = instruction.qubits, instruction.clbits
            instruction = CircuitInstruction(operation, *bits)  # noqa: PLW2901
        made._append(instruction)
    if groups:
        raise CodecError(f"The notes on a stored circuit speak of instruction {min(groups)}")
    return made


def _with_blocks(operation: Any, operations: Mapping[Path, Any]) -> Any:
    blocks = list(operation.blocks)
    for number, group in _grouped(operations).items():
        blocks[number] = with_operations(blocks[number], group)
    replaced = operation.replace_blocks(blocks)
    if replaced.label != operation.label:  # Qiskit 2 forgets that of a switch
        replaced.label = operation.label
    return replaced


def _grouped(operations: Mapping[Path, Any]) -> dict[int, dict[Path, Any]]:
    """Return operations by the first step of their paths, each after the rest of its path."""
    groups: dict[int, dict[Path, Any]] = {}
    for (first, *rest), operation in operations.items():
        groups.setdefault(first, {})[tuple(rest)] = operation
    return groups
