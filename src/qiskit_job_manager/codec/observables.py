"""Qiskit's arrays of observables as plain parts.

An observable is a sum of terms: a coefficient, and letters on some of the qubits. The letters are
those of `qiskit.quantum_info.SparseObservable`: ``XYZ`` and the projectors ``01+-rl``. Qubits
without a letter are not written, as a device has far more of them than an observable looks at.
The parts are a tuple:

    qubits        int
    shape         tuple of int
    terms         int64 array: number of terms of each observable, in C order
    coefficients  float64 array, one a term
    weights       int64 array: number of letters of each term
    letters       str: the letters of all terms, one after the other
    places        int64 array: the qubit of each letter
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from qiskit.primitives.containers.observables_array import ObservablesArray

    Array = np.ndarray[Any, np.dtype[Any]]

_TYPES = (int, tuple, np.ndarray, np.ndarray, np.ndarray, str, np.ndarray)
_MOST_QUBITS = 2**20


def observable_parts(observables: ObservablesArray) -> tuple[Any, ...]:
    """Take an array of observables apart.

    Raises:
        CodecError: One is none that Qiskit coerces, as its coefficients are not real.
    """
    each = [_terms(one) for one in observables.sparse_observables_array().ravel()]
    terms = [term for one in each for term in one]
    coefficients = np.array([coefficient for _, _, coefficient in terms], np.complex128)
    if coefficients.imag.any():
        raise CodecError("a coefficient is not real")
    return (
        observables.num_qubits,
        tuple(observables.shape),
        np.array([len(one) for one in each], np.int64),
        np.ascontiguousarray(coefficients.real),
        np.array([len(letters) for letters, _, _ in terms], np.int64),
        "".join(letters for letters, _, _ in terms),
        np.array([place for _, places, _ in terms for place in places], np.int64),
    )


def _terms(observable: Any) -> list[tuple[str, list[int], complex]]:
    try:
        terms: list[tuple[str, list[int], complex]] = observable.to_sparse_list()
    except AttributeError:
        raise CodecError(f"{type(observable).__name__} is no SparseObservable") from None
    return terms


def build_observables(parts: Any) -> ObservablesArray:
    """Put together what `observable_parts` took apart.

    Raises:
        CodecError: The parts do not fit together.
        Exception: They do not fit Qiskit, which raises what it will.
    """
    from qiskit.primitives.containers.observables_array import ObservablesArray
    from qiskit.quantum_info import SparseObservable

    qubits, shape, terms, coefficients, weights, letters, places = _checked(parts)
    sums = _terms_of(coefficients, weights, letters, places)
    array = np.empty(len(terms), object)
    for number, (start, stop) in enumerate(pairwise(_ends(terms))):
        array[number] = SparseObservable.from_sparse_list(sums[start:stop], qubits)
    # As they stand: to simplify again might drop what the user's own Qiskit kept.
    return ObservablesArray(array.reshape(shape), qubits, copy=False, validate=False)


def _checked(parts: Any) -> tuple[Any, ...]:
    if not isinstance(parts, tuple) or tuple(map(type, parts)) != _TYPES:
        raise CodecError("Stored observables are none")
    qubits, shape, terms, coefficients, weights, letters, places = parts
    for array, kind in ((terms, "i"), (coefficients, "f"), (weights, "i"), (places, "i")):
        if array.ndim != 1 or array.dtype.kind != kind or (kind == "i" and (array < 0).any()):
            raise CodecError("Stored observables have columns of a wrong kind")
    fits = (
        0 <= qubits <= _MOST_QUBITS
        and all(type(length) is int and length >= 0 for length in shape)
        and prod(shape) == len(terms)
        and _total(terms) == len(coefficients) == len(weights)
        and _total(weights) == len(letters) == len(places)
    )
    if not fits:
        raise CodecError("The columns of stored observables do not fit together")
    return parts


def _total(lengths: Array) -> int:
    return sum(lengths.tolist())  # Python's numbers, as the sum of damaged ones may overflow


def _ends(lengths: Array) -> list[int]:
    return [0, *np.cumsum(lengths).tolist()]


def _terms_of(
    coefficients: Array, weights: Array, letters: str, places: Array
) -> list[tuple[str, list[int], float]]:
    spans = pairwise(_ends(weights))
    qubits = places.tolist()
    return [
        (letters[start:stop], qubits[start:stop], coefficient)
        for (start, stop), coefficient in zip(spans, coefficients.tolist(), strict=True)
    ]
