"""What an operation of Qiskit's library was constructed with, as far as it can be told."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuit_content import base_class

if TYPE_CHECKING:
    from collections.abc import Iterator

# Arguments that are kept under other names.
_ATTRIBUTES = {"expression": "boolean_expression", "gate": "base_gate", "rot_axis": "rot_axes"}


def likely_arguments(operation: Any) -> Iterator[dict[str, Any]]:
    """Guess what an operation was constructed with, from attributes and parameters of like names.

    The caller must construct it with each guess, and compare.

    Yields:
        Arguments of the constructor, by name.
    """
    kind = base_class(operation)
    if kind.__name__ in ("Initialize", "StatePreparation"):
        yield _arguments_of_a_state(getattr(operation, "_stateprep", operation), kind)
        return
    arguments, missing = _arguments_by_name(operation, kind)
    params = list(operation.params)
    if len(missing) == len(params):
        yield arguments | dict(zip(missing, params, strict=True))
    if len(missing) == 1:
        yield arguments | {missing[0]: params}
    # A number of qubits, without those that the constructor adds.
    number = missing[0] if missing else "num_qubits"
    if number.startswith("num_") and len(missing) <= 1:
        for count in range(1, operation.num_qubits):
            yield arguments | {number: count}


def _arguments_by_name(operation: Any, kind: type) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments that are attributes, and the names of others that must be given."""
    arguments, missing = {}, []
    for name, needed in _signature(kind):
        attributes = (f"_{name}", name, _ATTRIBUTES.get(name, name))
        attribute = next((each for each in attributes if hasattr(operation, each)), None)
        if attribute and name != "params":
            arguments[name] = getattr(operation, attribute)
        elif needed:
            missing.append(name)
    return arguments, missing


def _arguments_of_a_state(preparation: Any, kind: type) -> dict[str, Any]:
    arguments = {"params": preparation._params_arg}
    if preparation._from_int:
        arguments["num_qubits"] = preparation.num_qubits
    if kind.__name__ == "StatePreparation":
        arguments["inverse"] = preparation._inverse
    return arguments


@lru_cache(maxsize=256)
def _signature(kind: type) -> list[tuple[str, bool]]:
    """Return the arguments of a constructor by name, and whether each must be given."""
    return [
        (each.name, each.default is each.empty)
        for each in inspect.signature(kind).parameters.values()
        if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
