"""What a user hands over as an experiment, encoded as what runs it wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import CIRCUITS_FORMAT, encode_circuit, pack_frames
from qiskit_job_manager.codec.pubs import (
    ESTIMATOR_PUBS_FORMAT,
    SAMPLER_PUBS_FORMAT,
    encode_estimator_pub,
    encode_sampler_pub,
)
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob, EncodedExperiment, ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit

_FORMATS = {
    ExperimentKind.CIRCUIT: CIRCUITS_FORMAT,
    ExperimentKind.SAMPLER_PUB: SAMPLER_PUBS_FORMAT,
    ExperimentKind.ESTIMATOR_PUB: ESTIMATOR_PUBS_FORMAT,
}


def encode_experiment(experiment: Any, kind: ExperimentKind) -> EncodedExperiment:
    """Encode one experiment.

    Args:
        experiment: A circuit, or a PUB in any form that Qiskit coerces. A sampler takes a circuit
            alone for a PUB.
        kind: What it is to be encoded as, which depends on what runs it.

    Raises:
        CodecError: It is not of that kind, or cannot be stored; the message says why.
    """
    if kind is ExperimentKind.SAMPLER_PUB:
        return encode_sampler_pub(experiment)
    if kind is ExperimentKind.ESTIMATOR_PUB:
        return encode_estimator_pub(experiment)
    from qiskit import QuantumCircuit

    if not isinstance(experiment, QuantumCircuit):
        raise CodecError(
            f"{type(experiment).__name__} is no QuantumCircuit; a PUB needs a primitive, such as a "
            "SamplerV2, for its backend"
        )
    return encode_circuit(experiment)


def pack_experiments(experiments: Sequence[EncodedExperiment], kind: ExperimentKind) -> Blob:
    """Put encoded experiments of one kind together, in order."""
    return Blob(_FORMATS[kind], pack_frames([each.data for each in experiments]))


def stored_circuit(blob: Blob, offset: int) -> QuantumCircuit:
    """Return the circuit of one experiment that `pack_experiments` put together.

    Args:
        blob: The packed experiments.
        offset: Place of the experiment among them, from 0.

    Raises:
        CodecError: The bytes are damaged.
    """
    from qiskit_job_manager.codec.circuits import frames_in, load_circuit
    from qiskit_job_manager.codec.values import decode_value

    frame = frames_in(blob)[offset]
    # The first part of a PUB is its circuit.
    data = frame if blob.format.startswith("qpy-frames/") else decode_value(frame)[0]
    circuit: QuantumCircuit = load_circuit(data, offset)
    return circuit
