"""Experiments of any kind: encoded as what the backend takes, and read again one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import (
    encode_circuit,
    frames_in,
    has_metadata,
    hash_circuit,
    is_of_this_version,
    needs_proof,
    pack_frames,
    read_circuits,
)
from qiskit_job_manager.codec.formats import PAYLOAD_KINDS, WRITTEN_FORMATS
from qiskit_job_manager.codec.identity import HASH_VERSION
from qiskit_job_manager.codec.pubs import (
    encode_estimator_pub,
    encode_sampler_pub,
    hash_estimator_pub,
    hash_sampler_pub,
    read_pubs,
)
from qiskit_job_manager.codec.values import decode_value
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob, EncodedExperiment, ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit import QuantumCircuit


def encode_experiment(experiment: Any, kind: ExperimentKind) -> EncodedExperiment:
    """Encode one experiment.

    Args:
        experiment: A circuit, or a PUB in any form that Qiskit coerces. A sampler takes a circuit
            alone for a PUB.
        kind: What it is to be encoded as, which depends on what runs it.

    Raises:
        CodecError: It is not of that kind, or cannot be stored; the message says why.
    """
    encode: dict[ExperimentKind, Callable[[Any], EncodedExperiment]] = {
        ExperimentKind.CIRCUIT: encode_circuit,
        ExperimentKind.SAMPLER_PUB: encode_sampler_pub,
        ExperimentKind.ESTIMATOR_PUB: encode_estimator_pub,
    }
    _check_kind(experiment, kind)
    return encode[kind](experiment)


def hash_experiment(experiment: Any, kind: ExperimentKind) -> bytes:
    """Return the content hash that `encode_experiment` gives, whether or not it can be stored.

    Args:
        experiment: As for `encode_experiment`.
        kind: As for `encode_experiment`.

    Raises:
        CodecError: It is not of that kind, or nothing certain can be said of it.
    """
    give: dict[ExperimentKind, Callable[[Any], bytes]] = {
        ExperimentKind.CIRCUIT: hash_circuit,
        ExperimentKind.SAMPLER_PUB: hash_sampler_pub,
        ExperimentKind.ESTIMATOR_PUB: hash_estimator_pub,
    }
    _check_kind(experiment, kind)
    return give[kind](experiment)


def circuit_of(experiment: Any) -> Any:
    """Return the circuit of what was handed over: a circuit, or a PUB in any form."""
    first = experiment[0] if isinstance(experiment, tuple | list) and experiment else experiment
    return getattr(first, "circuit", first)


def _check_kind(experiment: Any, kind: ExperimentKind) -> None:
    from qiskit import QuantumCircuit

    if kind is ExperimentKind.CIRCUIT and not isinstance(experiment, QuantumCircuit):
        raise CodecError(
            f"{type(experiment).__name__} is no QuantumCircuit; a PUB needs a primitive, such as a "
            "SamplerV2, for its backend"
        )


def encode_if_doubtful(experiment: Any, kind: ExperimentKind) -> EncodedExperiment | None:
    """Encode an experiment if it may turn out to be one that cannot be kept, else return ``None``.

    So a list can be checked as a whole for little more than looking at it.

    Raises:
        CodecError: As `encode_experiment`.
    """
    from qiskit import QuantumCircuit

    circuit = circuit_of(experiment)
    if isinstance(circuit, QuantumCircuit) and not needs_proof(circuit):
        return None
    return encode_experiment(experiment, kind)


def is_hashed_as_now(stored: bytes, content_hash: bytes, kind: ExperimentKind) -> bool:
    """Tell whether the hash of an encoded experiment can be compared with those made now.

    Args:
        stored: The encoded experiment.
        content_hash: Its content hash.
        kind: What it was encoded as.
    """
    frame = stored if kind is ExperimentKind.CIRCUIT else decode_value(stored)[0]
    return content_hash[0] == HASH_VERSION and is_of_this_version(frame)


def metadata_differs(stored: bytes, given: Any, kind: ExperimentKind) -> bool:
    """Tell whether an encoded experiment is known to have other metadata than one handed over."""
    frame = stored if kind is ExperimentKind.CIRCUIT else decode_value(stored)[0]
    return has_metadata(frame, circuit_of(given).metadata) is False


def pack_experiments(experiments: Sequence[EncodedExperiment], kind: ExperimentKind) -> Blob:
    """Put encoded experiments of one kind together, in order."""
    return Blob(WRITTEN_FORMATS[kind], pack_frames([each.data for each in experiments]))


def read_experiments(payload: Blob) -> list[Any]:
    """Return the experiments of a job, in order, as they are sent.

    Returns:
        For each experiment the circuit or the PUB, or a `CodecError` that says why this one cannot
        be read.

    Raises:
        CodecError: The bytes as a whole are damaged, or of another format.
    """
    kind = PAYLOAD_KINDS.get(payload.format)
    if kind is None:
        known = ", ".join(PAYLOAD_KINDS)
        raise CodecError(f"Experiments of format {payload.format!r} cannot be read; known: {known}")
    if kind is ExperimentKind.CIRCUIT:
        return read_circuits(frames_in(payload))
    return read_pubs(payload, kind)


def part_of(payload: Blob, offsets: Sequence[int]) -> Blob:
    """Return a payload with some of the experiments of another, in the order of the offsets.

    Raises:
        CodecError: The bytes are damaged.
    """
    frames = frames_in(payload)
    return Blob(payload.format, pack_frames([frames[offset] for offset in offsets]))


def split_payload(payload: Blob, count: int) -> tuple[Blob, Blob]:
    """Return the first experiments of a payload, and the others.

    Args:
        payload: As `pack_experiments` made it.
        count: How many are in the first part.

    Raises:
        CodecError: The bytes are damaged.
    """
    frames = frames_in(payload)
    return (
        Blob(payload.format, pack_frames(frames[:count])),
        Blob(payload.format, pack_frames(frames[count:])),
    )


def stored_circuit(payload: Blob, offset: int) -> QuantumCircuit:
    """Return the circuit of one experiment of a payload, or of its PUB.

    Args:
        payload: As `pack_experiments` made it.
        offset: Place of the experiment in the payload, from 0.

    Raises:
        CodecError: The bytes are damaged.
    """
    [experiment] = read_experiments(part_of(payload, [offset]))
    if isinstance(experiment, CodecError):
        raise experiment
    circuit: QuantumCircuit = getattr(experiment, "circuit", experiment)
    return circuit
