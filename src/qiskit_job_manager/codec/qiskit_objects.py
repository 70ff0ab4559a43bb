"""The objects of Qiskit that simulators put into results, as plain parts.

What is stored is a number in `_KINDS`, whose order is for ever; classes are imported from names
that stand here. Aer has subclasses of its own: without Aer, Qiskit's take their place.

    state                       (array, dims)
    operator, superoperator     (array, input dims, output dims)
    stabilizer state, Clifford  (tableau,)
    distribution, counts        (list of pairs, dict of its attributes in `_ATTRIBUTES`)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from qiskit_job_manager.errors import CodecError

_STATES = frozenset({"Statevector", "DensityMatrix"})
_OPERATORS = frozenset({"Operator", "SuperOp"})
_QISKIT = "qiskit.quantum_info"
_AER = "qiskit_aer.backends.compatibility"
_RESULT = "qiskit.result"
_KINDS = (
    (_QISKIT, "Statevector"),
    (_QISKIT, "DensityMatrix"),
    (_QISKIT, "Operator"),
    (_QISKIT, "SuperOp"),
    (_QISKIT, "StabilizerState"),
    (_QISKIT, "Clifford"),
    (_AER, "Statevector"),
    (_AER, "DensityMatrix"),
    (_AER, "Operator"),
    (_AER, "SuperOp"),
    (_AER, "StabilizerState"),
    (_RESULT, "ProbDistribution"),
    (_RESULT, "QuasiDistribution"),
    (_RESULT, "Counts"),
)
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "ProbDistribution": frozenset({"shots", "_num_bits"}),
    "QuasiDistribution": frozenset({"shots", "_num_bits", "_stddev_upper_bound"}),
    "Counts": frozenset({"int_raw", "hex_raw", "creg_sizes", "memory_slots", "time_taken"}),
}


def object_number(kind: type) -> int | None:
    """Return the number of a class, or ``None`` if it is none of these. Imports nothing."""
    for number, (module, name) in enumerate(_KINDS):
        if kind.__name__ == name and f"{kind.__module__}.".startswith(f"{module}."):
            return number
    return None


def object_parts(number: int, value: Any) -> tuple[Any, ...]:
    """Take an object of class ``number`` apart."""
    name = _KINDS[number][1]
    if name in _STATES:
        return value.data, value.dims()
    if name in _OPERATORS:
        return value.data, value.input_dims(), value.output_dims()
    if name in _ATTRIBUTES:
        known = {key: each for key, each in vars(value).items() if key in _ATTRIBUTES[name]}
        return list(dict.items(value)), known
    return ((value if name == "Clifford" else value.clifford).tableau,)


def build_object(number: int, parts: Any) -> Any:
    """Put together what `object_parts` took apart.

    Raises:
        CodecError: There is no class of that number, or the parts do not fit it.
    """
    if number >= len(_KINDS):
        raise CodecError(f"Stored bytes have an object of unknown number {number}")
    module, name = _KINDS[number]
    from qiskit.exceptions import QiskitError

    try:
        return _build(_kind(module, name), name, *parts)
    except (TypeError, ValueError, IndexError, QiskitError) as error:
        raise CodecError(f"A stored {name} is damaged: {error}") from error


def _kind(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except ImportError:
        return getattr(import_module(_QISKIT), name)


def _build(kind: Any, name: str, array: Any, *dims: Any) -> Any:
    if name in _ATTRIBUTES:
        [attributes] = dims
        return _build_distribution(kind, name, array, attributes)
    if name in _STATES:
        [all_dims] = dims
        return kind(array, dims=all_dims)
    if name in _OPERATORS:
        input_dims, output_dims = dims
        return kind(array, input_dims=input_dims, output_dims=output_dims)
    if name == "Clifford":
        return kind(array, validate=False)
    from qiskit.quantum_info import Clifford

    return kind(Clifford(array, validate=False), validate=False)


def _build_distribution(kind: Any, name: str, pairs: Any, attributes: dict[str, Any]) -> Any:
    """Make one without its constructor, which would reformat the keys and forget their width."""
    if not attributes.keys() <= _ATTRIBUTES[name]:
        raise CodecError(f"A stored {name} has attributes that none has")
    value = kind.__new__(kind)
    dict.update(value, pairs)
    vars(value).update(attributes)
    return value
