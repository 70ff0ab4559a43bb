"""Merges the data of an experiment, one rule a field.

| field | together |
| --- | --- |
| ``counts`` | added |
| ``memory``, single shots | one after the other, in the order of the shares |
| ``memory``, averages | mean, weighted by shots |
| saved for every shot | one after the other |
| saved as an average | mean, weighted by shots |
| saved as a plain sum | refused: simulators that sample add it once, whatever the shots |
| all else (states, unitaries) | must be the same in all shares; the first is kept |

How a simulator saved a field is read from the result's own ``metadata["result_subtypes"]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qiskit_job_manager.errors import MergeError
from qiskit_job_manager.merging.shares import merge_counts
from qiskit_job_manager.merging.values import concatenated, mean, same

_CLASSIFIED = 2
_SUMS = ("accum", "c_accum")


@dataclass(frozen=True, slots=True)
class FieldParts:
    """One field of the data, of all shares.

    Attributes:
        name: Name of the field.
        values: Its values, in the order of the shares.
        shots: Shots of each share.
        like: The first share, for what it says of its data.
    """

    name: str
    values: Sequence[Any]
    shots: Sequence[int]
    like: Mapping[str, Any]


def merge_data(parts: Sequence[Mapping[str, Any]], shots: Sequence[int]) -> dict[str, Any]:
    """Return the data of several shares together.

    Args:
        parts: Shares in the form of `ExperimentResult.to_dict`, all with data; at least one.
        shots: Shots of each.

    Raises:
        MergeError: A field is missing in a share, or cannot be merged; the message names it.
    """
    names = dict.fromkeys(name for part in parts for name in part["data"])
    return {name: _merge_field(name, parts, shots) for name in names}


def _merge_field(name: str, parts: Sequence[Mapping[str, Any]], shots: Sequence[int]) -> Any:
    missing = [number for number, part in enumerate(parts) if name not in part["data"]]
    if missing:
        raise MergeError(f"the field {name!r} is missing in share {missing[0]} and not in others")
    field = FieldParts(name, [part["data"][name] for part in parts], shots, parts[0])
    try:
        return _rule(field)(field)
    except (TypeError, ValueError, AttributeError) as error:
        raise MergeError(f"the shares' {name!r} do not fit together: {error}") from error


def _rule(field: FieldParts) -> Callable[[FieldParts], Any]:
    if field.name == "counts":
        return lambda field: merge_counts(field.values)
    if field.name == "memory":
        return _average if _is_averaged(field) else lambda field: concatenated(field.values)
    metadata = field.like.get("metadata")
    subtypes = metadata.get("result_subtypes") if isinstance(metadata, Mapping) else None
    subtype = subtypes.get(field.name) if isinstance(subtypes, Mapping) else None
    if subtype in _SUMS:
        raise ValueError("a sum over shots cannot be told from one sample; save the average")
    return _BY_SUBTYPE.get(subtype, _constant)


def _is_averaged(field: FieldParts) -> bool:
    """Tell whether memory is an average over shots, by what it says or else by its shape."""
    level = field.like.get("meas_level", _CLASSIFIED)
    if level == _CLASSIFIED:
        return False
    stated = field.like.get("meas_return")
    if stated is not None:
        return str(getattr(stated, "value", stated)).lower() != "single"
    memory = np.asarray(field.values[0])
    # Complex numbers in lists are pairs, which adds an axis.
    axes = memory.ndim - (memory.dtype.kind != "c")
    return axes == (1 if level == 1 else 2)


def _average(field: FieldParts) -> Any:
    return mean(field.values, field.shots)


def _each_shot(field: FieldParts) -> Any:
    # A simulator that runs the circuit once and then samples saves one value for all shots.
    if all(len(value) == shots for value, shots in zip(field.values, field.shots, strict=True)):
        return concatenated(field.values)
    return _constant(field)


def _constant(field: FieldParts) -> Any:
    first = field.values[0]
    for number, value in enumerate(field.values):
        if not same(first, value):
            raise ValueError(f"share {number} differs from share 0, and they cannot be added")
    return first


_BY_SUBTYPE: Mapping[Any, Callable[[FieldParts], Any]] = {
    "list": _each_shot,
    "average": _average,
}
