"""What can be done with values of the same kind from several shares."""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np

# Single precision simulators repeat amplitudes to about seven digits.
_RELATIVE = 1e-5
_ABSOLUTE = 1e-6


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, numbers within rounding and NaN equal to itself.

    Containers are compared by content; what has an ``__array__`` as an array.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Number) and isinstance(other, Number):
        return _same_numbers(complex(one), complex(other))  # type: ignore[call-overload]
    if hasattr(one, "__array__") or hasattr(other, "__array__"):
        return _same_arrays(np.asarray(one), np.asarray(other))
    return bool(one == other)


def concatenated(values: Sequence[Any]) -> Any:
    """Return sequences one after the other: an array if all are arrays, else a list."""
    if all(isinstance(value, np.ndarray) for value in values):
        return np.concatenate(values)
    return [element for value in values for element in value]


def mean(values: Sequence[Any], weights: Sequence[int]) -> Any:
    """Return the weighted mean in the form of the values.

    Args:
        values: Numbers, arrays, nested lists, dictionaries (an absent key is zero), or anything
            that can be added and multiplied by a number.
        weights: Shots of each.

    Raises:
        ValueError: The values have different shapes, or the weights are all zero.
    """
    total = sum(weights)
    if total == 0:
        raise ValueError("an average over no shots has no weight")
    if isinstance(values[0], Mapping):
        keys = dict.fromkeys(key for value in values for key in value)
        return {key: mean([value.get(key, 0.0) for value in values], weights) for key in keys}
    if _is_list(values[0]):
        return mean([np.asarray(value) for value in values], weights).tolist()
    if len({np.asarray(value).shape for value in values}) > 1:
        raise ValueError("the shares have different shapes")
    shares = [
        value * (weight / total) for value, weight in zip(values, weights, strict=True) if weight
    ]
    return sum(shares[1:], shares[0])


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _same_numbers(one: complex, other: complex) -> bool:
    # Apart from arrays, as a list of a million numbers would make as many arrays.
    both_nan = cmath.isnan(one) and cmath.isnan(other)
    return both_nan or cmath.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def _same_arrays(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "biufc" and other.dtype.kind in "biufc":
        return np.allclose(one, other, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
    return bool(np.array_equal(one, other))
