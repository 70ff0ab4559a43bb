"""What makes two circuits the same: everything but names, metadata, and how they were laid out.

A notebook that is run twice builds the same circuits under other names, as Qiskit numbers those
that are given none, and it must find its own job set again. So the hash must not know the name, and
it must be the same in every process.

Nearly all circuits have only gates that QPY writes alike in every process. `plain_body` proves that
of the bytes at hand, in a few microseconds, and gives the part of them that is the circuit. If such
a circuit has parameters, their names are hashed, and the circuit at one point of them (see
`circuit_content`). Of all other circuits `circuit_content` is hashed.

The first byte of a hash is the version of this rule. Hashes of different versions, or of QPY files
of different versions, say nothing about each other: the stored circuit must be read to compare.
"""

from __future__ import annotations

import hashlib
import math
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuit_content import base_class, canonical_register_name, coordinate
from qiskit_job_manager.codec.qpy_files import (
    HEADER_BYTES,
    KNOWN_VERSIONS,
    LONGEST_NAME_BYTES,
    PLACE_BYTES,
    VERSION_AT,
    dump_qpy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit import QuantumCircuit

HASH_VERSION = 2

_CIRCUIT_HEADER = struct.Struct("!HcHIIQIQI")
_NAME_SIZE_END, _METADATA_SIZE_PLACE, _METADATA_SIZE_END = 2, 13, 21
_PHASE_SIZE, _METADATA_SIZE, _N_REGISTERS, _N_VARS = 2, 5, 6, 8
_REGISTER_16 = struct.Struct("!c?IH?")
_REGISTER_18 = struct.Struct("!c?IH?B")
_REGISTER_NAME_SIZE = 6  # where the length of its name stands, in two bytes
_LAYOUT = struct.Struct("!?iii")
_N_NOTHING = (12, 14)  # see `_registers`; since version 18 the second
_NO_LAYOUT_BYTES = 21
_INSTRUCTION_BYTES, _QUBITS_BEFORE_NAME, _ARGUMENT_BYTES = 33, 27, 5
_MOST_BYTES_PER_CHARACTER = 4
_N_QUBITS = struct.Struct("!I")
_CLASSES_BY_NAME = {
    "barrier": "Barrier",
    "measure": "Measure",
    "reset": "Reset",
    "unitary": "UnitaryGate",
}
_PIECE_BYTES = 2047
_COUNTED = b"circuit-"  # may be a name that Qiskit counted up, in a label


def content_hash(content: Any) -> bytes:
    """Hash what a circuit says (see `circuit_content`), 32 bytes."""
    return hash_of(b"content:" + repr(content).encode("utf-8", "surrogatepass"))


def hash_of(data: bytes) -> bytes:
    """Hash bytes, in pieces for which `hashlib` does not let go of Python's lock.

    That lock would have to be waited for again at every circuit, which takes longer than to hash
    it, as others want it too while experiments are handed over.
    """
    digest, view = hashlib.sha256(), memoryview(data)
    for start in range(0, len(data), _PIECE_BYTES):
        digest.update(view[start : start + _PIECE_BYTES])
    return bytes((HASH_VERSION,)) + digest.digest()[1:]


def body_of(circuit: QuantumCircuit, counts: Mapping[str, int], data: bytes) -> bytes | None:
    """Return bytes that are what a circuit says, or ``None`` if in doubt.

    Args:
        circuit: The circuit, with instructions of `circuit_proof.PROVEN` only.
        counts: How many instructions of each name it has.
        data: Its QPY file, with this circuit only.
    """
    if not circuit.num_parameters:
        return plain_body(circuit, counts, data)
    names = [each.name for each in circuit.parameters]
    if len(max(names, key=len)) > LONGEST_NAME_BYTES // _MOST_BYTES_PER_CHARACTER:
        return None
    try:
        at_point = circuit.assign_parameters([coordinate(name) for name in names])
        body = plain_body(at_point, counts, dump_qpy(at_point, metadata=False))
    except Exception:  # noqa: BLE001  # of any function, outside of where it has values
        return None
    return None if body is None else repr(names).encode("utf-8", "surrogatepass") + body


def plain_body(circuit: QuantumCircuit, counts: Mapping[str, int], data: bytes) -> bytes | None:
    """Return the bytes of a QPY file that are what a circuit says, or ``None`` if in doubt.

    Args:
        circuit: The circuit, with instructions of `circuit_proof.PROVEN` only.
        counts: How many instructions of each name it has.
        data: Its QPY file, with this circuit only.
    """
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
    after_phase = after_name + header[_PHASE_SIZE]
    registers = _registers(data, after_phase + header[_METADATA_SIZE], header, version)
    end = _layout_start(circuit, data, after_name)
    if registers is None or end is None:
        return None
    said, position = registers
    first = position + _N_NOTHING[version >= 18]
    last = end - (_NO_LAYOUT_BYTES if circuit.layout is None else 0) - (0 if version >= 18 else 2)
    if data.find(_COUNTED, position, end) >= 0 or not _is_as_named(
        circuit, counts, data[first:last]
    ):
        return None
    sizes = data[start + _NAME_SIZE_END : start + _METADATA_SIZE_PLACE]
    more_sizes = data[start + _METADATA_SIZE_END : name_start]
    phase = data[after_name:after_phase]
    if circuit.global_phase == math.tau:  # a full turn is none, see `circuit_content`
        phase = bytes(len(phase))
    return b"".join((bytes((version,)), sizes, more_sizes, phase, *said, data[position:end]))


def _is_as_named(circuit: QuantumCircuit, counts: Mapping[str, int], written: bytes) -> bool:
    """Tell whether each instruction of a circuit is what its name says, and is written whole.

    The operations of Qiskit's library can be renamed, and QPY writes them by their class. Nearly
    always the bytes are as many as what has these names takes, without labels; then nothing else
    is there.

    Args:
        circuit: The circuit, with names of `circuit_proof.PROVEN` only.
        counts: How many instructions of each name it has.
        written: The instructions in its QPY file.
    """
    size = _bytes_of_barriers(written, counts.get("barrier", 0))
    others = (count * _bytes_of(name) for name, count in counts.items() if name != "barrier")
    is_whole = size is not None and size + sum(others) == len(written)
    return is_whole or all(map(_is_as_its_name, circuit.data))


def _bytes_of_barriers(written: bytes, count: int) -> int | None:
    """Return how many bytes so many barriers take, without labels; ``None``: there are fewer."""
    size = end = 0
    for _ in range(count):
        place = written.find(b"Barrier", end)
        if place < _QUBITS_BEFORE_NAME:
            return None
        (n_qubits,) = _N_QUBITS.unpack_from(written, place - _QUBITS_BEFORE_NAME)
        size += _INSTRUCTION_BYTES + len(b"Barrier") + _ARGUMENT_BYTES * n_qubits
        end = place + len(b"Barrier")
    return size


@lru_cache(maxsize=256)
def _bytes_of(name: str) -> int:
    """Return how many bytes QPY takes for an instruction of this name; 0: there are several."""
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import get_standard_gate_name_mapping

    instruction = get_standard_gate_name_mapping().get(name)
    if instruction is None:
        return 0
    instruction = instruction.to_mutable()
    instruction.params = [0.5] * len(instruction.params)
    circuit = QuantumCircuit(instruction.num_qubits, instruction.num_clbits)
    before = len(dump_qpy(circuit))
    circuit.append(instruction, circuit.qubits, circuit.clbits)
    return len(dump_qpy(circuit)) - before


def _is_as_its_name(instruction: Any) -> bool:
    if len((instruction.label or "").encode()) > LONGEST_NAME_BYTES:
        return False
    return bool(instruction.is_standard_gate()) or (
        base_class(instruction.operation).__name__ == _CLASSES_BY_NAME.get(instruction.name)
    )


def metadata_in(data: bytes) -> bytes | None:
    """Return the metadata in a QPY file of one circuit, or ``None`` if its layout is not known."""
    if len(data) <= VERSION_AT or data[VERSION_AT] not in KNOWN_VERSIONS:
        return None
    start = HEADER_BYTES + PLACE_BYTES
    header = _CIRCUIT_HEADER.unpack_from(data, start)
    begin = start + _CIRCUIT_HEADER.size + header[0] + header[_PHASE_SIZE]
    return data[begin : begin + header[_METADATA_SIZE]]


def _registers(
    data: bytes, position: int, header: tuple[Any, ...], version: int
) -> tuple[list[bytes], int] | None:
    """Return what the registers say, and where the instructions begin.

    Return ``None`` if there are definitions, or other things that are not written alike each time.
    """
    said: list[bytes] = []
    try:
        for _ in range(header[_N_REGISTERS]):
            register, position = _register(data, position, version)
            said += register
    except (struct.error, UnicodeDecodeError):
        return None
    # Numbers of annotation namespaces (4), parameter vectors (2, since 18) and definitions (8).
    nothing = bytes(_N_NOTHING[version >= 18])
    return (said, position) if data[position : position + len(nothing)] == nothing else None


def _register(data: bytes, position: int, version: int) -> tuple[list[bytes], int]:
    """Return what a register says, and where the next one begins."""
    layout = _REGISTER_18 if version >= 18 else _REGISTER_16
    _, _, size, name_size, *flags = layout.unpack_from(data, position)
    indices = 8 * size
    if version >= 18:
        indices = 4 if flags[1] else 4 * size
    name_start = position + layout.size
    name_end = name_start + name_size
    end = name_end + indices
    kind_and_size = data[position : position + _REGISTER_NAME_SIZE]
    rest = data[position + _REGISTER_NAME_SIZE + 2 : name_start]
    name = _said_of_name(data[name_start:name_end])
    return [kind_and_size, rest, name, data[name_end:end]], end


@lru_cache(maxsize=4096)
def _said_of_name(name: bytes) -> bytes:
    """Return the canonical name of a register, in quotation marks that end it."""
    return repr(canonical_register_name(name.decode())).encode()


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
