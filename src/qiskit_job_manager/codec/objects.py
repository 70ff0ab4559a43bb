"""The objects of `qiskit.quantum_info` that simulators put into results, as plain parts.

What is stored is a number in `_KINDS`, whose order is for ever; classes are imported from names
that stand here. Aer has subclasses of its own: without Aer, Qiskit's take their place.

    state                       (array, dims)
    operator, superoperator     (array, input dims, output dims)
    stabilizer state, Clifford  (tableau,)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from qiskit_job_manager.errors import CodecError

_STATES = frozenset({"Statevector", "DensityMatrix"})
_OPERATORS = frozenset({"Operator", "SuperOp"})
_QISKIT = "qiskit.quantum_info"
_AER = "qiskit_aer.backends.compatibility"
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
)


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
