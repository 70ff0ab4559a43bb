"""What makes two circuits the same: everything but their names, and how they were laid out.

A notebook that is run twice builds the same circuits under other names, as Qiskit numbers those
that are given none, and it must find its own job set again. So the hash must not know the name;
and it must be the same in every process, which QPY's bytes alone are not: it writes custom
definitions, the registers of a layout and the parameters of an expression in the order of a hash
map with a random seed.

A circuit with parameters is told by their names and by what it is at one point, of numbers that no
two expressions have in common unless they are equal everywhere.

Nearly all circuits have no definitions of their own. `_plain_body` proves that of the bytes at
hand, in a few microseconds, and gives the part of them that is the circuit. Whatever it does not
know for certain goes the long way: `_canonical` builds the same circuit with each custom
instruction replaced by a box with its definition, which QPY writes in place, and that is what is
hashed.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import struct
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.qpy_files import (
    HEADER_BYTES,
    KNOWN_VERSIONS,
    PLACE_BYTES,
    VERSION_AT,
)

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_CIRCUIT_HEADER = struct.Struct("!HcHIIQIQI")
_PHASE_SIZE, _METADATA_SIZE, _N_REGISTERS, _N_VARS = 2, 5, 6, 8
_REGISTER_16 = struct.Struct("!c?IH?")
_REGISTER_18 = struct.Struct("!c?IH?B")
_LAYOUT = struct.Struct("!?iii")
_PIECE_BYTES = 2047
_COUNTED_NAME = re.compile(r"circuit-\d+(-\d+)?")
_FIRST_OF_LOOPS = 2**64  # above the number of any other parameter
_RANDOM_SUFFIX = re.compile(rb"_[0-9a-f]{32}")


def content_hash(circuit: QuantumCircuit, data: bytes, notes: bytes) -> bytes:
    """Hash a circuit, 32 bytes.

    Args:
        circuit: The circuit.
        data: Its QPY file, with this circuit only.
        notes: What else there is to say of it (see `simulator_notes`).
    """
    try:
        body = _body(circuit, data)
    except Exception:  # noqa: BLE001  # of any gate; it can run, if not be known again
        body = data[HEADER_BYTES:]
    return _sha256(body + notes)


def _body(circuit: QuantumCircuit, data: bytes) -> bytes:
    names = b""
    if circuit.num_parameters:
        names = json.dumps([each.name for each in circuit.parameters]).encode()
        circuit = _at_point(circuit)
        data = _qpy(circuit)
    body = _plain_body(circuit, data)
    return names + (_canonical_body(circuit) if body is None else body)


def _at_point(circuit: QuantumCircuit) -> QuantumCircuit:
    from qiskit.circuit import CircuitError

    point = [_coordinate(number) for number in range(circuit.num_parameters)]
    try:
        return circuit.assign_parameters(point)
    except CircuitError:  # durations are whole numbers
        return circuit.assign_parameters([round(each * 2**40) for each in point])


def _coordinate(number: int) -> float:
    return random.Random(number).random()  # noqa: S311  # it is to be the same everywhere


def _qpy(circuit: QuantumCircuit) -> bytes:
    from qiskit import qpy

    file = io.BytesIO()
    qpy.dump(circuit, file)
    return file.getvalue()


def _sha256(data: bytes) -> bytes:
    """Hash bytes, in pieces for which `hashlib` does not let go of Python's lock.

    That lock would have to be waited for again at every circuit, which takes longer than to hash
    it, as others want it too while experiments are handed over.
    """
    digest, view = hashlib.sha256(), memoryview(data)
    for start in range(0, len(data), _PIECE_BYTES):
        digest.update(view[start : start + _PIECE_BYTES])
    return digest.digest()


def _plain_body(circuit: QuantumCircuit, data: bytes) -> bytes | None:
    """Return the bytes of the circuit without its name and layout, or ``None`` if in doubt."""
    version = data[VERSION_AT]
    known = version in KNOWN_VERSIONS
    if not known or circuit.num_parameters or circuit.has_control_flow_op():
        return None
    start = HEADER_BYTES + PLACE_BYTES
    header = _CIRCUIT_HEADER.unpack_from(data, start)
    name = circuit.name.encode()
    name_start = start + _CIRCUIT_HEADER.size
    after_name = name_start + len(name)
    if header[0] != len(name) or data[name_start:after_name] != name or header[_N_VARS]:
        return None
    if not _has_no_definitions(data, after_name, header, version):
        return None
    end = _layout_start(circuit, data, after_name)
    if end is None:
        return None
    return b"%d:" % version + data[start + 2 : name_start] + data[after_name:end]


def _has_no_definitions(data: bytes, start: int, header: tuple[Any, ...], version: int) -> bool:
    """Walk from a circuit's name over its registers to the number of its custom definitions."""
    position = start + header[_PHASE_SIZE] + header[_METADATA_SIZE]
    try:
        for _ in range(header[_N_REGISTERS]):
            position = _after_register(data, position, version)
    except struct.error:
        return False
    # Numbers of annotation namespaces (4), parameter vectors (2, since 18) and definitions (8).
    nothing = bytes(14 if version >= 18 else 12)
    return data[position : position + len(nothing)] == nothing


def _after_register(data: bytes, position: int, version: int) -> int:
    if version >= 18:
        _, _, size, name_size, _, contiguous = _REGISTER_18.unpack_from(data, position)
        indices = 4 if contiguous else 4 * int(size)
        return position + _REGISTER_18.size + int(name_size) + indices
    _, _, size, name_size, _ = _REGISTER_16.unpack_from(data, position)
    return position + _REGISTER_16.size + int(name_size) + 8 * int(size)


def _layout_start(circuit: QuantumCircuit, data: bytes, start: int) -> int | None:
    """Return where the layout begins, the last part of a QPY circuit, or ``None`` if in doubt."""
    layout = circuit.layout
    if layout is None:
        return len(data)
    final = layout.final_layout
    anchor = _LAYOUT.pack(
        True,
        len(layout.initial_layout),
        len(layout.input_qubit_mapping),
        -1 if final is None else len(final),
    )
    found = data.find(anchor, start)
    return found if found >= 0 and data.find(anchor, found + 1) < 0 else None


def _canonical_body(circuit: QuantumCircuit) -> bytes:
    """Return bytes that are the same whenever the circuit is, by way of a copy in plain form."""
    return b"canonical:" + _dump(_canonical(circuit))


def _dump(circuit: QuantumCircuit) -> bytes:
    # Until version 18, QPY made the names of definitions unique by a random suffix.
    body = _RANDOM_SUFFIX.sub(b"", _qpy(circuit)[HEADER_BYTES:])
    # Variables are told apart by ids that are drawn anew in every process.
    for number, variable in enumerate(_variables(circuit)):
        body = body.replace(variable.var.bytes, b"%016d" % number)
    return body


def _variables(circuit: QuantumCircuit) -> list[Any]:
    inner = [
        each
        for instruction in circuit.data
        for block in getattr(instruction.operation, "blocks", ())
        for each in _variables(block)
    ]
    return [*circuit.iter_vars(), *circuit.iter_stretches(), *inner]


def _canonical(circuit: QuantumCircuit) -> QuantumCircuit:
    """Copy a circuit without name and layout, and with every custom definition in place."""
    plain = circuit.copy_empty_like(name="c")
    plain._layout = None  # there is no public way to drop it
    for instruction in circuit.data:
        operation = _canonical_operation(instruction.operation)
        plain.append(operation, instruction.qubits, instruction.clbits, copy=False)
    return plain


def _canonical_operation(operation: Any) -> Any:
    if operation.name == "for_loop":
        return _canonical_loop(*operation.params)
    if getattr(operation, "blocks", ()):
        return operation.replace_blocks([_canonical(block) for block in operation.blocks])
    alone = _alone(operation)
    if alone is None or _has_no_definition(alone):
        return operation
    definition = None if _is_library(operation) else getattr(operation, "definition", None)
    return _box(operation, definition, alone)


def _canonical_loop(indices: Any, parameter: Any, body: QuantumCircuit) -> Any:
    """Return a loop without parameter, with its body at a point that loops further in have not."""
    from qiskit.circuit import ForLoopOp

    if parameter in body.parameters:
        body = body.assign_parameters({parameter: _coordinate(_FIRST_OF_LOOPS + _depth(body))})
    return ForLoopOp(indices, None, _canonical(body))


def _depth(body: QuantumCircuit) -> int:
    blocks = [block for each in body.data for block in getattr(each.operation, "blocks", ())]
    return 1 + max(map(_depth, blocks)) if blocks else 0


def _alone(operation: Any) -> QuantumCircuit | None:
    """Return a circuit with only this operation, or ``None`` if it needs variables of its own."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitError

    circuit = QuantumCircuit(operation.num_qubits, operation.num_clbits, name="c")
    try:
        circuit.append(operation, circuit.qubits, circuit.clbits, copy=False)
    except CircuitError:
        return None
    return circuit


def _has_no_definition(alone: QuantumCircuit) -> bool:
    return _plain_body(alone, _qpy(alone)) is not None


def _is_library(operation: Any) -> bool:
    """Tell whether the class and the parameters of an operation say all about it."""
    from qiskit.circuit import AnnotatedOperation, ControlledGate, Gate, Instruction

    generic = type(operation) in (AnnotatedOperation, ControlledGate, Gate, Instruction)
    return type(operation).__module__.startswith("qiskit.") and not generic


def _box(operation: Any, definition: QuantumCircuit | None, alone: QuantumCircuit) -> Any:
    """Return a box that says of an operation what its name, or its bytes, and definition say."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import BoxOp

    if definition is None:
        said = hashlib.sha256(_dump(alone)).hexdigest()
        inner = QuantumCircuit(operation.num_qubits, operation.num_clbits, name="c")
    else:
        said = "|".join(str(getattr(operation, word, None)) for word in _TELLING)
        inner = _canonical(definition)
    name = _COUNTED_NAME.sub("circuit", operation.name)
    label = f"{type(operation).__name__}|{name}|{said}"
    return BoxOp(inner, label=label)


_TELLING = ("label", "num_ctrl_qubits", "ctrl_state")
