"""Circuits to bytes and back.

A circuit is one QPY file. Where QPY alone would lose something, the file follows notes on it:

    0x02, varint length, notes (see `circuit_notes`), QPY
    0x01, varint length, notes of the first version (see `aer_saves`), QPY; only read

``qpy-frames/2`` is a container (see `containers`) with an empty head. The text of a block is

    varint per circuit: its length
    circuits, one after the other

``qpy-frames/1`` is the same without notes of the second version.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.aer_saves import read_saves
from qiskit_job_manager.codec.circuit_notes import (
    IN_QPY,
    apply_notes,
    check_metadata,
    is_json,
    with_operations,
    write_notes,
)
from qiskit_job_manager.codec.circuit_proof import PROVEN, content_of, prove
from qiskit_job_manager.codec.containers import Container, PackedBlock, split
from qiskit_job_manager.codec.containers import pack as pack_container
from qiskit_job_manager.codec.formats import CIRCUITS_FORMAT, PAYLOAD_KINDS, formats_of
from qiskit_job_manager.codec.identity import body_of, content_hash, hash_of, metadata_in
from qiskit_job_manager.codec.kept_operations import OperationCodec
from qiskit_job_manager.codec.qpy_files import (
    VERSION_AT,
    dump_qpy,
    joined,
    load_all_of_qpy,
    load_qpy,
)
from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.codec.varint import Reader, write_bytes, write_varint
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob, EncodedExperiment, ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit

_SAVES_NOTED = 1
_NOTED = 2
# Of QPY's bytes the higher levels make nothing smaller, and take up to three times as long.
_LEVEL = 1
_MOST_CIRCUITS_PER_BLOCK = 128
_HEAVIEST_BLOCK_BYTES = 1 << 20


def encode_circuit(circuit: QuantumCircuit) -> EncodedExperiment:
    """Encode one circuit, and prove that it can be read back as it is.

    Its content hash is the same in every process for the same circuit, whatever its name and its
    metadata, and whatever names Qiskit counted up inside it.

    Raises:
        CodecError: It cannot be kept; the message names the instruction, or the key of the
            metadata, and says why.
    """
    metadata = circuit.metadata
    in_qpy = is_json(metadata)
    if not in_qpy:
        check_metadata(metadata)
    body = None
    counts = circuit.count_ops()
    if PROVEN.issuperset(counts):
        data = _dump(circuit, metadata=in_qpy)
        body = body_of(circuit, counts, data)
    if body is not None:
        digest, notes = hash_of(body), b"" if in_qpy else write_notes({}, metadata)
    else:
        proved = prove(circuit, _OPERATIONS, metadata=in_qpy)
        data, digest = proved.qpy, content_hash(proved.content)
        notes = write_notes(proved.kept, IN_QPY if in_qpy else metadata)
    return EncodedExperiment(name=circuit.name, content_hash=digest, data=_framed(notes, data))


def hash_circuit(circuit: QuantumCircuit) -> bytes:
    """Return the content hash that `encode_circuit` gives a circuit, if it can be kept or not.

    Raises:
        CodecError: Nothing certain can be said of it; the message names the instruction.
    """
    counts = circuit.count_ops()
    if PROVEN.issuperset(counts):
        body = body_of(circuit, counts, _dump(circuit, metadata=False))
        if body is not None:
            return hash_of(body)
    return content_hash(content_of(circuit))


def needs_proof(circuit: QuantumCircuit) -> bool:
    """Tell whether a circuit may turn out to be one that cannot be kept.

    Of others, which are nearly all, tests have proved that they can.
    """
    return not (is_json(circuit.metadata) and PROVEN.issuperset(circuit.count_ops()))


def has_metadata(frame: bytes, metadata: dict[Any, Any]) -> bool | None:
    """Tell whether an encoded circuit has this metadata; ``None``: that is not known."""
    _, notes, file = _parts(frame)
    stored = decode_value(notes) if frame[0] == _NOTED else {}
    if "metadata" not in stored:
        in_qpy = metadata_in(file)
        if in_qpy is None:
            return None
        stored["metadata"] = json.loads(in_qpy)
    try:
        return encode_value(stored["metadata"]) == encode_value(metadata)
    except CodecError:  # what cannot be kept is not what is stored
        return False


def is_of_this_version(frame: bytes) -> bool:
    """Tell whether an encoded circuit is a QPY file of the version that is written now."""
    from qiskit.qpy.common import QPY_VERSION

    return bool(_parts(frame)[2][VERSION_AT] == QPY_VERSION)


def _dump(circuit: QuantumCircuit, *, metadata: bool) -> bytes:
    try:
        return dump_qpy(circuit, metadata=metadata)
    except Exception as error:
        # QPY raises whatever its parts raise: of JSON, of struct.
        raise CodecError(f"{type(error).__name__}: {error}") from error


def _framed(notes: bytes, data: bytes) -> bytes:
    if not notes:
        return data
    noted = bytearray((_NOTED,))
    write_bytes(noted, notes)
    return bytes(noted) + data


def _encode_definition(circuit: QuantumCircuit) -> bytes:
    """Encode a circuit inside an operation, without its metadata."""
    proved = prove(circuit, _OPERATIONS, metadata=False)
    return _framed(write_notes(proved.kept), proved.qpy)


def _decode_definition(data: bytes) -> QuantumCircuit:
    return load_circuit(data, 0)


_OPERATIONS = OperationCodec(_encode_definition, _decode_definition)


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
    if PAYLOAD_KINDS.get(blob.format) is not ExperimentKind.CIRCUIT:
        known = " and ".join(map(repr, formats_of(ExperimentKind.CIRCUIT)))
        raise CodecError(f"Circuits of format {blob.format!r} cannot be read; known are {known}")
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

    Raises:
        CodecError: One of them cannot be read.
    """
    circuits = read_circuits(frames)
    for each in circuits:
        if isinstance(each, CodecError):
            raise each
    return circuits


def read_circuits(frames: Sequence[bytes]) -> list[Any]:
    """Return for each frame the circuit that `encode_circuit` encoded, or why it cannot be read.

    They are read together as far as they may be: at each call Qiskit looks for a configuration
    file, and lets go of Python's lock for that, which other threads then keep for milliseconds.

    Args:
        frames: The encoded circuits.

    Returns:
        One `QuantumCircuit` or one `CodecError` a frame.
    """
    runs = split([len(each) for each in frames], _MOST_CIRCUITS_PER_BLOCK, _HEAVIEST_BLOCK_BYTES)
    return [each for run in runs for each in _loaded(frames[run.start : run.stop], run.start)]


def _loaded(frames: Sequence[bytes], first: int) -> list[Any]:
    # What cannot be read is read again, alone, to say which it is.
    with contextlib.suppress(Exception):
        parts = [_parts(each) for each in frames]
        file = joined([data for _, _, data in parts])
        if file is not None:
            circuits = load_all_of_qpy(file)
            return [
                _restored(circuit, version, notes)
                for circuit, (version, notes, _) in zip(circuits, parts, strict=True)
            ]
    return [_loaded_alone(each, first + place) for place, each in enumerate(frames)]


def _loaded_alone(frame: bytes, offset: int) -> Any:
    try:
        return load_circuit(frame, offset)
    except CodecError as error:
        return error


def load_circuit(data: bytes, offset: int) -> QuantumCircuit:
    """Return the circuit that `encode_circuit` encoded.

    Args:
        data: The encoded circuit.
        offset: Its place among others, for messages.

    Raises:
        CodecError: It cannot be read.
    """
    try:
        version, notes, file = _parts(data)
        return _restored(load_qpy(file), version, notes)
    except CodecError as error:
        raise CodecError(f"Stored circuit {offset} cannot be read: {error}") from error
    except Exception as error:
        # QPY raises whatever its parts raise.
        raise CodecError(
            f"Stored circuit {offset} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _parts(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the version of the notes of an encoded circuit, the notes, and its QPY file."""
    if data[:1] not in (bytes((_SAVES_NOTED,)), bytes((_NOTED,))):
        return 0, b"", data
    reader = Reader(data, start=1)
    return data[0], reader.bytes(), reader.take(reader.left)


def _restored(circuit: QuantumCircuit, version: int, notes: bytes) -> QuantumCircuit:
    if version == _SAVES_NOTED:
        return with_operations(circuit, read_saves(notes))
    return apply_notes(circuit, notes, _OPERATIONS) if version else circuit
