"""The metadata of a circuit: kept as it was given, or refused by key."""

from __future__ import annotations

from typing import Any

import numpy as np

from qiskit_job_manager.codec.values import decode_value, encode_value
from qiskit_job_manager.errors import CodecError

_DEEPEST_JSON = 32


def is_json(value: Any, depth: int = 0) -> bool:
    """Tell whether JSON gives a value back as it is: types, keys and order included."""
    kind = type(value)
    if kind in (str, int, float, bool, type(None)):
        return True
    if depth >= _DEEPEST_JSON:
        return False
    if kind is list:
        return all(is_json(each, depth + 1) for each in value)
    if kind is dict:
        return all(type(key) is str and is_json(each, depth + 1) for key, each in value.items())
    return False


def check_metadata(metadata: dict[Any, Any]) -> None:
    """Check that metadata can be stored as a tagged value.

    Raises:
        CodecError: A value, or a key, would come back as something else; the message names it.
    """
    for key, value in metadata.items():
        if not (_comes_back(key) and _comes_back(value)):
            raise CodecError(
                f"metadata {key!r}, {repr(value)[:80]}, is or holds what cannot be stored; it "
                "may hold numbers, strings, bytes, None, dates, NumPy's numbers and arrays, and "
                "lists, tuples, sets and dicts of these"
            )


def _comes_back(value: Any) -> bool:
    return _is_same(value, decode_value(encode_value(value)))


def _is_same(given: Any, read: Any) -> bool:
    if not isinstance(given, type(read)):
        return False
    if isinstance(read, np.ndarray | np.generic):
        one, other = np.asarray(given), np.asarray(read)
        same_kind = one.dtype == other.dtype and one.shape == other.shape
        return same_kind and one.tobytes() == other.tobytes()
    if isinstance(read, dict):
        return len(given) == len(read) and all(map(_is_same, given.items(), read.items()))
    if isinstance(read, list | tuple):
        return len(given) == len(read) and all(map(_is_same, given, read))
    return bool(given == read) or (given != given and read != read)  # noqa: PLR0124  # no number
