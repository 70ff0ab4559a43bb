"""Circuits to bytes and back.

A circuit is one QPY file. Where QPY alone would lose something that a simulator needs (see
`simulator_notes`), the file follows notes on it:

    0x01, varint length, notes, QPY

``qpy-frames/1`` is a container (see `containers`) with an empty head. The text of a block is

    varint per circuit: its length
    circuits, one after the other
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.containers import Container, PackedBlock, split
from qiskit_job_manager.codec.containers import pack as pack_container
from qiskit_job_manager.codec.identity import content_hash
from qiskit_job_manager.codec.qpy_files import joined
from qiskit_job_manager.codec.simulator_notes import restore_notes, take_notes
from qiskit_job_manager.codec.wire import Reader, write_bytes, write_varint
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob, EncodedExperiment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit

CIRCUITS_FORMAT = "qpy-frames/1"

_NOTED = 1
# Of QPY's bytes the higher levels make nothing smaller, and take up to three times as long.
_LEVEL = 1
_MOST_CIRCUITS_PER_BLOCK = 128
_HEAVIEST_BLOCK_BYTES = 1 << 20


def encode_circuit(circuit: QuantumCircuit) -> EncodedExperiment:
    """Encode one circuit.

    Its content hash is the same in every process for the same circuit, whatever its name and
    whatever names Qiskit counted up for circuits inside it. It holds as long as Qiskit writes
    the same version of QPY.

    Raises:
        CodecError: QPY cannot hold the circuit; the message says why.
    """
    data = _dump(circuit)
    notes = take_notes(circuit)
    digest = content_hash(circuit, data, notes)
    if notes:
        noted = bytearray((_NOTED,))
        write_bytes(noted, notes)
        data = bytes(noted) + data
    return EncodedExperiment(name=circuit.name, content_hash=digest, data=data)


def _dump(circuit: QuantumCircuit) -> bytes:
    from qiskit import qpy

    file = io.BytesIO()
    try:
        qpy.dump(circuit, file)
    except Exception as error:
        # QPY raises whatever its parts raise: of JSON, of struct, of user-defined gates.
        raise CodecError(
            f"Circuit {circuit.name!r} cannot be stored: {type(error).__name__}: {error}. "
            "Its metadata must be JSON, and QPY must know its gates"
        ) from error
    return file.getvalue()


def pack(experiments: Sequence[EncodedExperiment]) -> Blob:
    """Put encoded circuits together, in order."""
    return Blob(CIRCUITS_FORMAT, pack_frames([experiment.data for experiment in experiments]))


def pack_frames(frames: Sequence[bytes]) -> bytes:
    """Put encoded experiments together, in order, whatever is in them."""
    runs = split([len(each) for each in frames], _MOST_CIRCUITS_PER_BLOCK, _HEAVIEST_BLOCK_BYTES)
    blocks = (_block(frames[run.start : run.stop]) for run in runs)
    return pack_container(b"", blocks, _LEVEL)


def frames_in(blob: Blob) -> list[bytes]:
    """Return the encoded experiments that `pack_frames` put together.

    Raises:
        CodecError: The bytes are damaged.
    """
    container = Container(blob.data)
    return [data for block in range(container.n_blocks) for data in _circuits(container, block)]


def _block(circuits: Sequence[bytes]) -> PackedBlock:
    lengths = bytearray()
    for each in circuits:
        write_varint(lengths, len(each))
    return PackedBlock(len(circuits), [b"".join([bytes(lengths), *circuits])])


def unpack(blob: Blob) -> list[QuantumCircuit]:
    """Return the circuits that `pack` put together.

    Raises:
        CodecError: The bytes are damaged, or of another format.
    """
    container = _open(blob)
    return load_circuits(
        [data for block in range(container.n_blocks) for data in _circuits(container, block)]
    )


def unpack_one(blob: Blob, offset: int) -> QuantumCircuit:
    """Return one of the circuits that `pack` put together, by its place.

    Raises:
        CodecError: The bytes are damaged, of another format, or have no such circuit.
    """
    container = _open(blob)
    block, place = container.locate(offset)
    return load_circuit(_circuits(container, block)[place], offset)


def _open(blob: Blob) -> Container:
    if blob.format != CIRCUITS_FORMAT:
        raise CodecError(
            f"Circuits of format {blob.format!r} cannot be read; known is {CIRCUITS_FORMAT!r}"
        )
    return Container(blob.data)


def _circuits(container: Container, block: int) -> list[bytes]:
    n_items, text = container.block(block)
    reader = Reader(text)
    lengths = [reader.varint() for _ in range(n_items)]
    circuits = [reader.take(length) for length in lengths]
    reader.finish()
    return circuits


def load_circuits(frames: Sequence[bytes]) -> list[QuantumCircuit]:
    """Return the circuits that `encode_circuit` encoded.

    They are read together as far as they may be: at each call Qiskit looks for a configuration
    file, and lets go of Python's lock for that, which other threads then keep for milliseconds.

    Raises:
        CodecError: The bytes are damaged.
    """
    runs = split([len(each) for each in frames], _MOST_CIRCUITS_PER_BLOCK, _HEAVIEST_BLOCK_BYTES)
    return [circuit for run in runs for circuit in _loaded(frames[run.start : run.stop], run.start)]


def _loaded(frames: Sequence[bytes], first: int) -> list[QuantumCircuit]:
    from qiskit import qpy

    parts = [_parts(each) for each in frames]
    file = joined([data for _, data in parts])
    if file is not None:
        # What cannot be read is read again, alone, to say which it is.
        with contextlib.suppress(Exception):
            circuits = qpy.load(io.BytesIO(file))
            return [
                restore_notes(circuit, notes) if notes else circuit
                for circuit, (notes, _) in zip(circuits, parts, strict=True)
            ]
    return [load_circuit(each, first + place) for place, each in enumerate(frames)]


def load_circuit(data: bytes, offset: int) -> Any:
    """Return the circuit that `encode_circuit` encoded.

    Args:
        data: The encoded circuit.
        offset: Its place among others, for messages.

    Raises:
        CodecError: The bytes are damaged.
    """
    from qiskit import qpy

    notes, data = _parts(data)
    try:
        [circuit] = qpy.load(io.BytesIO(data))
    except Exception as error:
        # As above: QPY raises whatever its parts raise.
        raise CodecError(
            f"Stored circuit {offset} cannot be read: {type(error).__name__}: {error}"
        ) from error
    return restore_notes(circuit, notes) if notes else circuit


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """Return the notes of an encoded circuit, if any, and its QPY file."""
    if data[:1] != bytes((_NOTED,)):
        return b"", data
    reader = Reader(data, start=1)
    return reader.bytes(), reader.take(reader.left)
