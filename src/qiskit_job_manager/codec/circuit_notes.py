"""Notes on a stored circuit: what its QPY file does not say.

The notes are a tagged value (see `values`), a dict with

    metadata    the metadata of the circuit, where JSON would change it
    operations  list of (path, operation as `kept_operations` keeps it); something harmless stands
                for the operation in the QPY file

and a path is a tuple of int: the index of the instruction; inside a control-flow instruction the
index of that one, of its block, and so on inwards.

Metadata is kept as it was given, or refused by key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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


# -- metadata --------------------------------------------------------------------------------------

_DEEPEST_JSON = 32


def is_json(value: Any, depth: int = 0) -> bool:
    """Tell whether JSON gives a value back as it is: types, keys and order included."""
    kind = type(value)
    if kind in (str, int, float, bool, type(None)):
        return True
    if depth >= _DEEPEST_JSON:
        return False
    if kind is list:
        return all(is_json(each, depth + 1) for each in value)
    if kind is dict:
        return all(type(key) is str and is_json(each, depth + 1) for key, each in value.items())
    return False


def check_metadata(metadata: dict[Any, Any]) -> None:
    """Check that metadata can be stored as a tagged value.

    Raises:
        CodecError: A value, or a key, would come back as something else; the message names it.
    """
    for key, value in metadata.items():
        if not (_comes_back(key) and _comes_back(value)):
            raise CodecError(
                f"metadata {key!r}, {repr(value)[:80]}, is or holds what cannot be stored; it "
                "may hold numbers, strings, bytes, None, dates, NumPy's numbers and arrays, and "
                "lists, tuples, sets and dicts of these"
            )


def _comes_back(value: Any) -> bool:
    return _is_same(value, decode_value(encode_value(value)))


def _is_same(given: Any, read: Any) -> bool:
    if not isinstance(given, type(read)):
        return False
    if isinstance(read, np.ndarray | np.generic):
        one, other = np.asarray(given), np.asarray(read)
        same_kind = one.dtype == other.dtype and one.shape == other.shape
        return same_kind and one.tobytes() == other.tobytes()
    if isinstance(read, dict):
        return len(given) == len(read) and all(map(_is_same, given.items(), read.items()))
    if isinstance(read, list | tuple):
        return len(given) == len(read) and all(map(_is_same, given, read))
    return bool(given == read) or (given != given and read != read)  # noqa: PLR0124  # no number
