"""Arrays and their types, as plain parts; byte planes.

A type is what NumPy writes of it into its own files: a text such as ``"<c16"``, or a list of
fields. Types that hold Python objects are refused both ways.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from qiskit_job_manager.errors import CodecError

_KINDS = "biufcSUVmM"
_WRITTEN = re.compile(rf"[<>|=][{_KINDS}]\d+(\[\d*[a-zA-Z]+\])?")


def dtype_parts(dtype: np.dtype[Any]) -> Any:
    """Return a type as texts, lists and tuples.

    Raises:
        CodecError: Arrays of this type cannot be stored.
    """
    if dtype.hasobject or not dtype.itemsize or dtype.kind not in _KINDS:
        raise CodecError(f"Arrays of {dtype} cannot be stored")
    return np.lib.format.dtype_to_descr(dtype)


def build_dtype(parts: Any) -> np.dtype[Any]:
    """Undo `dtype_parts`.

    Raises:
        CodecError: The parts are none that `dtype_parts` gives.
    """
    _check_texts(parts)
    dtype = np.lib.format.descr_to_dtype(parts)
    if dtype.hasobject or not dtype.itemsize or dtype.kind not in _KINDS:
        raise CodecError(f"A stored array is of type {dtype}, which is never written")
    return dtype


def _check_texts(parts: Any) -> None:
    """Refuse what NumPy would take for more than the name of a type: it has a language of them."""
    if isinstance(parts, tuple) and parts:
        _check_texts(parts[0])  # and the shape of an array of it
    elif isinstance(parts, list):
        for _, inner, *_ in parts:
            _check_texts(inner)
    elif not (isinstance(parts, str) and _WRITTEN.fullmatch(parts)):
        raise CodecError(f"A stored array is of type {parts!r}, which is never written")


def to_planes(data: bytes, width: int) -> bytes:
    """Put the first bytes of all items first, then their second bytes, and so on.

    The high bytes of integers are alike, and bytes that are alike compress well side by side.
    """
    if width <= 1:
        return data
    return np.frombuffer(data, np.uint8).reshape(-1, width).T.tobytes()


def from_planes(data: bytes, width: int) -> bytes:
    """Undo `to_planes`.

    Raises:
        CodecError: The bytes are no whole number of items.
    """
    if width <= 1:
        return data
    if len(data) % width:
        raise CodecError(f"{len(data)} stored bytes cannot hold items of {width} bytes")
    return np.frombuffer(data, np.uint8).reshape(width, -1).T.tobytes()
