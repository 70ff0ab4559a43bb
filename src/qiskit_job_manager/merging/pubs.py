"""Merges the results of the shares of one primitive unified bloc (PUB), one rule a field.

| field | together |
| --- | --- |
| bits of a classical register | the shots one after the other, in the order of the shares |
| of a sampler, two axes beyond the PUB's: values of each shot | one after the other |
| of a sampler, one axis beyond the PUB's: averages over shots | mean, weighted by shots |
| ``evs`` of an estimator | mean, weighted by shots |
| ``stds``, ``ensemble_standard_error`` of an estimator | as the mean of independent values has it |
| all else of an estimator | kept if it is the same in all shares, else left out |

Merging is an addition, as it is in `shares`: what a later merge needs is in the merged result. The
names of what was left out are in ``metadata["left_out_by_merging"]``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import MergeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np

LEFT_OUT = "left_out_by_merging"

_DEVIATIONS = ("stds", "ensemble_standard_error")
_ADDED = ("shots", "num_randomizations")
_PRECISION = "target_precision"


@dataclass(frozen=True, slots=True)
class PubShare:
    """The result of one share of a PUB.

    Attributes:
        shape: Shape of the PUB: that of its parameter values and observables.
        shots: Shots that it stands for; its weight in averages.
        sampled: Whether a sampler gave it.
        fields: Its data by name. Bits are arrays of bytes of the PUB's shape, with two axes more:
            shots, and bytes, highest first.
        bits: Number of bits of each field that is an array of bits.
        metadata: Everything else that the primitive returned.
    """

    shape: tuple[int, ...]
    shots: int
    sampled: bool
    fields: Mapping[str, Any]
    bits: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


def merge_pubs(parts: Sequence[PubShare]) -> PubShare:
    """Return what the shares of one PUB give together.

    ``shots`` and ``num_randomizations`` in the metadata are added, and ``target_precision`` is what
    all shares together reach; everything else is that of the first share that has it.

    Args:
        parts: The shares, in order; not changed, but the result shares values with them.

    Raises:
        MergeError: There is no share, or a field cannot be merged; the message names it.
    """
    if not parts:
        raise MergeError("there are no shares to merge")
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    _check_alike("shape", [part.shape for part in parts])
    _check_alike("kind", ["sampler" if part.sampled else "estimator" for part in parts])
    fields, left_out = (_sampled if first.sampled else _estimated)(parts)
    return PubShare(
        shape=first.shape,
        shots=sum(part.shots for part in parts),
        sampled=first.sampled,
        fields=fields,
        bits=first.bits,
        metadata=_metadata(parts, left_out),
    )


def _check_alike(what: str, values: Sequence[Any]) -> None:
    for number, value in enumerate(values):
        if value != values[0]:
            raise MergeError(
                f"the {what} of share 0 is {values[0]!r} and that of share {number} {value!r}"
            )


def _sampled(parts: Sequence[PubShare]) -> tuple[dict[str, Any], set[str]]:
    names = dict.fromkeys(name for part in parts for name in part.fields)
    for name in names:
        _check_present(name, parts)
        _check_alike(f"number of bits of {name!r}", [part.bits.get(name) for part in parts])
    return {name: _by_shots(name, parts) for name in names}, set()


def _check_present(name: str, parts: Sequence[PubShare]) -> None:
    missing = [number for number, part in enumerate(parts) if name not in part.fields]
    if missing:
        raise MergeError(f"the field {name!r} is missing in share {missing[0]} and not in others")


def _by_shots(name: str, parts: Sequence[PubShare]) -> Any:
    import numpy as np

    arrays = [np.asarray(part.fields[name]) for part in parts]
    axes = arrays[0].ndim - len(parts[0].shape)
    if axes == 2:  # shots, and bytes or memory slots
        return _fitted(name, lambda: np.concatenate(arrays, axis=-2))
    if axes == 1:
        return _mean(name, arrays, parts)
    raise MergeError(f"the field {name!r} has {axes} axes for each circuit, neither 1 nor 2")


def _estimated(parts: Sequence[PubShare]) -> tuple[dict[str, Any], set[str]]:
    names = dict.fromkeys(name for part in parts for name in part.fields)
    _check_present("evs", parts)
    fields, left_out = {}, set()
    for name in names:
        if name == "evs":
            fields[name] = _mean(name, [part.fields[name] for part in parts], parts)
        elif name in _DEVIATIONS:
            _check_present(name, parts)
            fields[name] = _deviation(name, parts)
        elif _is_same_in_all(name, parts):
            fields[name] = parts[0].fields[name]
        else:
            left_out.add(name)
    return fields, left_out


def _is_same_in_all(name: str, parts: Sequence[PubShare]) -> bool:
    from qiskit_job_manager.merging.values import same

    if any(name not in part.fields for part in parts):
        return False
    return all(same(parts[0].fields[name], part.fields[name]) for part in parts)


def _mean(name: str, values: Sequence[Any], parts: Sequence[PubShare]) -> Any:
    import numpy as np

    return _fitted(name, lambda: np.asarray(sum(_weighted(name, values, parts))))


def _deviation(name: str, parts: Sequence[PubShare]) -> Any:
    """Return the standard deviation of a weighted mean of independent values."""
    import numpy as np

    values = [part.fields[name] for part in parts]
    squares = (each**2 for each in _weighted(name, values, parts))
    return _fitted(name, lambda: np.asarray(np.sqrt(sum(squares))))


def _weighted(
    name: str, values: Sequence[Any], parts: Sequence[PubShare]
) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the values as arrays, each times the weight of its share."""
    import numpy as np

    arrays = [np.asarray(value) for value in values]
    _check_alike(f"shape of {name!r}", [array.shape for array in arrays])
    weights = _weights(name, parts)
    yield from (weight * array for weight, array in zip(weights, arrays, strict=True))


def _weights(name: str, parts: Sequence[PubShare]) -> list[float]:
    total = sum(part.shots for part in parts)
    if total == 0:
        raise MergeError(f"the field {name!r} cannot be averaged, as the shares have no shots")
    return [part.shots / total for part in parts]


def _fitted(name: str, merge: Callable[[], Any]) -> Any:
    try:
        return merge()
    except MergeError:
        raise  # it names the field already
    except (TypeError, ValueError) as error:
        raise MergeError(f"the shares' {name!r} do not fit together: {error}") from error


def _metadata(parts: Sequence[PubShare], left_out: set[str]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.metadata.items():
            merged.setdefault(name, value)
    for name in _ADDED:
        values = [part.metadata[name] for part in parts if name in part.metadata]
        if values and all(isinstance(value, int) for value in values):
            merged[name] = sum(values)
    precisions = [part.metadata.get(_PRECISION) for part in parts]
    if all(_is_number(value) for value in precisions):
        merged[_PRECISION] = _joint_precision(precisions)
    before = {name for part in parts for name in part.metadata.get(LEFT_OUT, ())}
    if before | left_out:
        merged[LEFT_OUT] = sorted(before | left_out)
    return merged


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _joint_precision(precisions: Sequence[Any]) -> float:
    """Return what shares reach together whose weights are the inverse squares of these."""
    if not all(precisions):
        return 0.0
    return 1 / math.sqrt(sum(1 / precision**2 for precision in precisions))
