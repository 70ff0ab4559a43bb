"""Results of primitive unified blocs (PUBs): merged, and read point by point of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import ManagedResultDataNotAvailable
from qiskit_job_manager.merging import PubShare, merge_pubs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qiskit.primitives import PubResult
    from qiskit.result.models import ExperimentResult


def merged(pubs: Sequence[PubResult], shots: Sequence[int]) -> PubResult:
    """Return the merged result of the shares of one PUB.

    Args:
        pubs: The results of the shares, in order; one at least.
        shots: Shots of each, by which averages are weighted.

    Raises:
        MergeError: They do not fit together; the message names the field.
    """
    from qiskit.primitives import BitArray, DataBin

    if len(pubs) == 1:
        return pubs[0]
    whole = merge_pubs([_share(pub, weight) for pub, weight in zip(pubs, shots, strict=True)])
    fields = {
        name: BitArray(value, whole.bits[name]) if name in whole.bits else value
        for name, value in whole.fields.items()
    }
    return type(pubs[0])(DataBin(shape=whole.shape, **fields), dict(whole.metadata))


def _share(pub: PubResult, shots: int) -> PubShare:
    from qiskit.primitives import BitArray, SamplerPubResult

    bits = {name: v.num_bits for name, v in pub.data.items() if isinstance(v, BitArray)}
    return PubShare(
        shape=tuple(pub.data.shape),
        shots=shots,
        sampled=bool(bits) or isinstance(pub, SamplerPubResult),
        fields={name: v.array if name in bits else v for name, v in pub.data.items()},
        bits=bits,
        metadata=pub.metadata,
    )


def at_each_point(
    found: ExperimentResult, name: str, read: Callable[[ExperimentResult], Any]
) -> Any:
    """Read an experiment, or each point of a sweep as an experiment of its own.

    Args:
        found: The experiment.
        name: The field of its data that is read: an array of objects, if it is a sweep.
        read: Reads an experiment that has only that field.

    Returns:
        What is read, or of a sweep an array of it in the parameters' shape.
    """
    points = getattr(found.data, name, None)
    if isinstance(points, (dict, list)):
        return read(found)
    import numpy as np
    from qiskit.result.models import ExperimentResult, ExperimentResultData

    if not isinstance(points, np.ndarray) or points.dtype != object:
        return read(found)
    whole = np.empty(points.shape, object)
    for place in np.ndindex(points.shape):
        data = ExperimentResultData(**{name: points[place]})
        whole[place] = read(ExperimentResult(found.shots, True, data, header=found.header))
    return whole


def must_have(found: ExperimentResult, name: str, index: int) -> None:
    """Check that the result of a PUB can be read as something that ``backend.run`` gives.

    Raises:
        ManagedResultDataNotAvailable: It cannot; the message says which fields it has.
    """
    data = found.data.to_dict()
    if name not in data:
        fields = ", ".join(data) or "nothing"
        raise ManagedResultDataNotAvailable(
            f"experiment {index} has no {name}: a primitive ran it, and its result holds {fields}; "
            f"pub_result({index}).data has them"
        )


def must_be_one_circuit(found: ExperimentResult, index: int) -> None:
    """Check that the result of a PUB has a place in a `qiskit.result.Result`.

    Raises:
        ManagedResultDataNotAvailable: It has none, as it is a sweep or an estimator's.
    """
    if not isinstance(getattr(found.data, "counts", None), dict):
        raise ManagedResultDataNotAvailable(
            f"a qiskit.result.Result holds the counts of single circuits, and experiment {index} "
            "is a sweep or has no counts; primitive_result() combines the results of primitives"
        )


def missing_pub(reason: str) -> PubResult:
    """Return an empty result for a PUB that has none, with the reason in its metadata."""
    from qiskit.primitives import DataBin, PubResult

    return PubResult(DataBin(), {"error": reason})


def common_metadata(of_jobs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one metadata for the results of several jobs.

    Returns:
        What all have in common; where they differ, ``"jobs"`` has that of each job, in order.
    """
    each = [dict(metadata) for metadata in of_jobs]
    first = each[0] if each else {}
    common = {k: v for k, v in first.items() if all(_says(other, k, v) for other in each)}
    return common if all(len(m) == len(common) for m in each) else {**common, "jobs": each}


_OF_THE_SET = frozenset({"backend_name", "job_id", "success", "results", "status", "date"})


def common_fields(envelopes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of one `qiskit.result.Result` for the results of several jobs.

    Args:
        envelopes: The fields of each result, without its experiments.

    Returns:
        What all have in common, without the fields that belong to the job set; the sum of their
        ``time_taken``; and their ``metadata``, as `common_metadata` returns it.
    """
    each = [dict(envelope) for envelope in envelopes]
    times = [found.pop("time_taken", None) for found in each]
    metadata = [found.pop("metadata", None) for found in each]
    fields = {k: v for k, v in common_metadata(each).items() if k not in {*_OF_THE_SET, "jobs"}}
    seconds = [time for time in times if isinstance(time, (int, float))]
    if seconds:
        fields["time_taken"] = sum(seconds)
    known = [found for found in metadata if isinstance(found, dict)]
    return fields | ({"metadata": common_metadata(known)} if known else {})


def _says(metadata: Mapping[str, Any], key: str, value: Any) -> bool:
    from qiskit_job_manager.merging.values import same

    return key in metadata and same(metadata[key], value)
