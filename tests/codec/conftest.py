"""Helpers of the codec's tests."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for library_gates


def _same_array(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _same(a: Any, b: Any) -> bool:
    """Equal values of equal types, in equal order, down to the bits of floats."""
    if type(a) is not type(b):
        return False
    match a:
        case dict():
            return len(a) == len(b) and all(
                _same(x, y) for x, y in zip(a.items(), b.items(), strict=True)
            )
        case list() | tuple():
            return len(a) == len(b) and all(map(_same, a, b))
        case float():
            return struct.pack("d", a) == struct.pack("d", b)
        case complex():
            return _same(a.real, b.real) and _same(a.imag, b.imag)
        case np.ndarray() | np.generic():
            return _same_array(np.asarray(a), np.asarray(b))
    return bool(a == b)


@pytest.fixture(scope="session")
def same():
    return _same


@pytest.fixture(scope="session")
def same_result():
    """Tell whether two Qiskit results are the same in all they say."""

    def compare(a: Any, b: Any) -> bool:
        if (a.results is None) != (b.results is None):
            return False
        forms = [
            ({**vars(each), "results": None}, [one.to_dict() for one in each.results or ()])
            for each in (a, b)
        ]
        return _same(forms[0], forms[1])

    return compare
