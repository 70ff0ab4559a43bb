"""Primitive unified blocs (PUBs) to bytes and back.

A PUB is stored after Qiskit has coerced it, so however it was spelled, an equal one is read. It is
one tagged value (see `values`), a tuple:

    circuit     bytes (see `circuits`)
    shape       tuple of int: shape of the parameter values
    values      tuple of (names, float64 array): the last axis of the array is the names
    own         what the PUB asks for itself, or None: int shots, or float precision
    observables of an estimator's PUB only (see `observables`)

``sampler-pubs/2`` and ``estimator-pubs/2`` hold many, as ``qpy-frames/2`` holds circuits.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.circuits import encode_circuit, frames_in, hash_circuit, read_circuits
from qiskit_job_manager.codec.formats import PAYLOAD_KINDS, formats_of
from qiskit_job_manager.codec.identity import hash_of
from qiskit_job_manager.codec.observables import build_observables, observable_parts
from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import EncodedExperiment, ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit import QuantumCircuit
    from qiskit.primitives.containers.bindings_array import BindingsArray
    from qiskit.primitives.containers.estimator_pub import EstimatorPub, EstimatorPubLike
    from qiskit.primitives.containers.sampler_pub import SamplerPub, SamplerPubLike

    from qiskit_job_manager.model import Blob

# Bindings without parameters have a shape and no values that would take room for it.
_MOST_POINTS = 2**32


def encode_sampler_pub(pub: SamplerPubLike) -> EncodedExperiment:
    """Encode what Qiskit coerces to a `SamplerPub`: a circuit alone, or with values and shots.

    Its content hash is that of the circuit, with the value of each parameter and the shots: the
    same however the parameters were grouped.

    Raises:
        CodecError: Qiskit does not take it for one, or it cannot be stored; the message says why.
    """
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    known = _coerced(SamplerPub.coerce, pub, "a sampler's PUB")
    shots = _shots(known)
    circuit, values = _encoded_parts(known)
    return EncodedExperiment(
        name=circuit.name,
        content_hash=_hash(b"sampler", circuit.content_hash, known.parameter_values, shots),
        data=encode_value((circuit.data, known.shape, values, shots)),
        circuits=known.size,
        shots=shots,
    )


def hash_sampler_pub(pub: SamplerPubLike) -> bytes:
    """Return the content hash that `encode_sampler_pub` gives, if its circuit can be kept or not.

    Raises:
        CodecError: Qiskit does not take it for one, or nothing certain can be said of its circuit.
    """
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    known = _coerced(SamplerPub.coerce, pub, "a sampler's PUB")
    _check_names(known)
    circuit = hash_circuit(known.circuit)
    return _hash(b"sampler", circuit, known.parameter_values, _shots(known))


def encode_estimator_pub(pub: EstimatorPubLike) -> EncodedExperiment:
    """Encode what Qiskit coerces to an `EstimatorPub`: circuit, observables, values, precision.

    Its content hash is that of the circuit, with the value of each parameter, the observables as
    Qiskit simplifies them, and the precision.

    Raises:
        CodecError: Qiskit does not take it for one, or it cannot be stored; the message says why.
    """
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    known = _coerced(EstimatorPub.coerce, pub, "an estimator's PUB")
    precision = _precision(known)
    circuit, values = _encoded_parts(known)
    bindings = known.parameter_values
    observables = _observables(known, circuit.name)
    return EncodedExperiment(
        name=circuit.name,
        content_hash=_hash(b"estimator", circuit.content_hash, bindings, precision, observables),
        data=encode_value((circuit.data, bindings.shape, values, precision, observables)),
        circuits=bindings.size,
        precision=precision,
    )


def hash_estimator_pub(pub: EstimatorPubLike) -> bytes:
    """Return the content hash that `encode_estimator_pub` gives, if its circuit can be kept or not.

    Raises:
        CodecError: Qiskit does not take it for one, or nothing certain can be said of its parts.
    """
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    known = _coerced(EstimatorPub.coerce, pub, "an estimator's PUB")
    _check_names(known)
    circuit, observables = hash_circuit(known.circuit), _observables(known, known.circuit.name)
    return _hash(b"estimator", circuit, known.parameter_values, _precision(known), observables)


def _shots(pub: SamplerPub) -> int | None:
    return None if pub.shots is None else int(pub.shots)


def _precision(pub: EstimatorPub) -> float | None:
    return None if pub.precision is None else float(pub.precision)


def _coerced(coerce: Callable[[Any], Any], pub: Any, what: str) -> Any:
    try:
        return coerce(pub)
    except Exception as error:
        # What is no PUB may be anything, and raises whatever it raises when it is looked into.
        raise CodecError(
            f"Qiskit does not take this {type(pub).__name__} for {what}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _encoded_parts(pub: Any) -> tuple[EncodedExperiment, tuple[Any, ...]]:
    _check_names(pub)
    values = tuple(
        (tuple(names), _floats(names, array)) for names, array in pub.parameter_values.data.items()
    )
    return encode_circuit(pub.circuit), values


def _floats(names: Any, array: Any) -> np.ndarray[Any, Any]:
    floats = np.asarray(array, np.float64)
    if floats is not array and not np.array_equal(floats, array, equal_nan=True):
        raise CodecError(f"The values of the parameters {list(names)} are no numbers of 64 bits")
    return floats


def _check_names(pub: Any) -> None:
    """Check what Qiskit only counts: that the values are for the circuit's own parameters."""
    given = [name for names in pub.parameter_values.data for name in names]
    wanted = [parameter.name for parameter in pub.circuit.parameters]
    if sorted(given) != sorted(wanted):
        raise CodecError(
            f"Circuit {pub.circuit.name!r} has the parameters {sorted(wanted)}, "
            f"and its values are for {sorted(given)}"
        )


def _observables(pub: EstimatorPub, name: str) -> Any:
    try:
        return observable_parts(pub.observables)
    except CodecError as error:
        raise CodecError(f"The observables of circuit {name!r} cannot be stored: {error}") from None


def _hash(kind: bytes, circuit: bytes, bindings: BindingsArray, own: Any, *more: Any) -> bytes:
    columns = sorted(
        (name, np.ascontiguousarray(array[..., place]))
        for names, array in bindings.data.items()
        for place, name in enumerate(names)
    )
    said = encode_value((bindings.shape, columns, own, *more))
    return hash_of(kind + circuit + said)


def unpack_sampler_pubs(blob: Blob) -> list[SamplerPub]:
    """Return the PUBs of a sampler that `experiments.pack_experiments` put together, in order.

    Raises:
        CodecError: The bytes are damaged, or of another format.
    """
    return _unpacked(blob, ExperimentKind.SAMPLER_PUB)


def unpack_estimator_pubs(blob: Blob) -> list[EstimatorPub]:
    """Return the PUBs of an estimator that `experiments.pack_experiments` put together, in order.

    Raises:
        CodecError: The bytes are damaged, or of another format.
    """
    return _unpacked(blob, ExperimentKind.ESTIMATOR_PUB)


def _unpacked(blob: Blob, kind: ExperimentKind) -> list[Any]:
    pubs = read_pubs(blob, kind)
    for each in pubs:
        if isinstance(each, CodecError):
            raise each
    return pubs


def read_pubs(blob: Blob, kind: ExperimentKind) -> list[Any]:
    """Return for each PUB that was put together the PUB, or a `CodecError` that says what is wrong.

    Raises:
        CodecError: The bytes as a whole are damaged, or of another format.
    """
    if PAYLOAD_KINDS.get(blob.format) is not kind:
        known = " and ".join(map(repr, formats_of(kind)))
        raise CodecError(f"PUBs of format {blob.format!r} cannot be read here; known are {known}")
    build, n_parts = _BUILDERS[kind]
    parts = [_parts(frame, place, n_parts) for place, frame in enumerate(frames_in(blob))]
    circuits = iter(read_circuits([each[0] for each in parts if isinstance(each, tuple)]))
    return [
        _built(build, place, next(circuits), each[1:]) if isinstance(each, tuple) else each
        for place, each in enumerate(parts)
    ]


def _built(build: Callable[..., Any], place: int, circuit: Any, more: tuple[Any, ...]) -> Any:
    """Return a PUB, or why there is none."""
    if isinstance(circuit, CodecError):
        return circuit
    try:
        pub = build(circuit, *more)
        _check_names(pub)
    except Exception as error:  # noqa: BLE001  # Qiskit's parts raise what they will, Rust's too
        return CodecError(f"Stored PUB {place} is damaged: {error}")
    return pub


def _sampler_pub(circuit: QuantumCircuit, shape: Any, values: Any, shots: Any) -> SamplerPub:
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    return SamplerPub(circuit, _bindings(shape, values), shots)


def _estimator_pub(
    circuit: QuantumCircuit, shape: Any, values: Any, precision: Any, observables: Any
) -> EstimatorPub:
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    bindings = _bindings(shape, values)
    return EstimatorPub(circuit, build_observables(observables), bindings, precision)


def _parts(frame: bytes, place: int, count: int) -> tuple[Any, ...] | CodecError:
    """Return the parts of a stored PUB, or why there are none."""
    try:
        parts = decode_value(frame)
    except CodecError as error:
        return CodecError(f"Stored PUB {place} is damaged: {error}")
    if not isinstance(parts, tuple) or len(parts) != count or not isinstance(parts[0], bytes):
        return CodecError(f"Stored PUB {place} is not one")
    return parts


def _bindings(shape: Any, values: Any) -> BindingsArray:
    from qiskit.primitives.containers.bindings_array import BindingsArray

    data = {}
    for names, array in values:
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            raise CodecError("The stored values of parameters are no floats")
        if not all(isinstance(name, str) for name in names):
            raise CodecError("The stored values of parameters are for things without a name")
        data[tuple(names)] = array
    if not all(type(each) is int and each >= 0 for each in shape) or prod(shape) > _MOST_POINTS:
        raise CodecError(f"Stored parameter values have the impossible shape {shape!r}")
    return BindingsArray(data, shape=shape)


_BUILDERS: dict[ExperimentKind, tuple[Callable[..., Any], int]] = {
    ExperimentKind.SAMPLER_PUB: (_sampler_pub, 4),
    ExperimentKind.ESTIMATOR_PUB: (_estimator_pub, 5),
}
