"""The PUBs of a job, each with its share of the shots or of the precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qiskit_job_manager.codec.pubs import unpack_estimator_pubs, unpack_sampler_pubs
from qiskit_job_manager.errors import CodecError, SubmissionRefusedError
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.planning import precision_of_share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.model import Blob

PUB_OPTIONS = frozenset({"shots", "precision"})
"""Run options that go into the PUBs of a job, and not to the primitive."""


def job_pubs(
    payload: Blob, takes: ExperimentKind, options: Mapping[str, Any], where: str
) -> list[SamplerPub] | list[EstimatorPub]:
    """Return the PUBs of a job, in order.

    Args:
        payload: The encoded PUBs.
        takes: Whether they are those of a sampler or of an estimator.
        options: The run options of the job.
        where: Name of the backend, for the message.

    Raises:
        SubmissionRefusedError: The payload cannot be read; nothing was sent.
    """
    try:
        if takes is ExperimentKind.ESTIMATOR_PUB:
            return [_with_precision(pub, options) for pub in unpack_estimator_pubs(payload)]
        return [_with_shots(pub, options) for pub in unpack_sampler_pubs(payload)]
    except CodecError as error:
        raise SubmissionRefusedError(f"nothing was sent to {where}: {error}") from error


def _with_shots(pub: SamplerPub, options: Mapping[str, Any]) -> SamplerPub:
    shots = options.get("shots")
    if shots is None:
        return pub
    return SamplerPub(pub.circuit, pub.parameter_values, shots, validate=False)


def _with_precision(pub: EstimatorPub, options: Mapping[str, Any]) -> EstimatorPub:
    precision = options.get("precision") if pub.precision is None else pub.precision
    if precision is None:
        return pub
    own = precision_of_share(precision, options.get("shots"))
    return EstimatorPub(pub.circuit, pub.observables, pub.parameter_values, own, validate=False)
