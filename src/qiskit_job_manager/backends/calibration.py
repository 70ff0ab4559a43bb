"""How a Qiskit backend is calibrated, as plain values in one form.

The form is that of IBM's ``BackendProperties``, whatever the backend::

    source             "BackendProperties" or "Target"
    backend_name, backend_version
    last_update_date   when the backend was calibrated last, or None
    qubits             for each qubit a list of values: T1, T2, readout_error, ...
    gates              for each gate on its qubits: gate, qubits, parameters: gate_error, ...

A value has a ``name``, a ``value``, a ``unit`` and, where the backend tells it, a ``date``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_GATES = 100_000
_OF_QUBIT = (("T1", "t1", "s"), ("T2", "t2", "s"), ("frequency", "frequency", "Hz"))


def calibration_of(backend: Any) -> Mapping[str, Any] | None:
    """Return how a Qiskit backend is calibrated, or ``None`` where it does not say.

    Args:
        backend: A `BackendV2`. Its ``properties()`` are used where it has this method, otherwise
            its ``target``.

    Raises:
        BackendError: The target has too many gates to be stored.
        Exception: What the backend raises.
    """
    properties = getattr(backend, "properties", None)
    if callable(properties):
        said = properties()
        return None if said is None else of_properties(said.to_dict())
    target = getattr(backend, "target", None)
    return None if target is None else _of_target(backend, target)


def of_properties(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the calibration in IBM's ``BackendProperties``, given as a dictionary."""
    return {"source": "BackendProperties", **properties}


def _of_target(backend: Any, target: Any) -> Mapping[str, Any] | None:
    gates = list(_gates(target))
    qubits = [_qubit(each) for each in target.qubit_properties or ()]
    if not any(gate["parameters"] for gate in gates) and not any(qubits):
        return None
    return {
        "source": "Target",
        "backend_name": getattr(backend, "name", None),
        "backend_version": getattr(backend, "backend_version", None),
        "last_update_date": None,
        "dt": target.dt,
        "qubits": qubits,
        "gates": gates,
    }


def _gates(target: Any) -> Iterator[dict[str, Any]]:
    left = _MOST_GATES
    for name in target.operation_names:
        for qubits, properties in target[name].items():
            left -= 1
            if left < 0:
                msg = f"its target has more than {_MOST_GATES:,} gates, which are not stored"
                raise BackendError(msg)
            if qubits is not None:
                parameters = list(_parameters(properties))
                yield {"gate": name, "qubits": list(qubits), "parameters": parameters}


def _parameters(properties: Any) -> Iterator[dict[str, Any]]:
    for name, attribute, unit in (("gate_error", "error", ""), ("gate_length", "duration", "s")):
        value = getattr(properties, attribute, None)
        if value is not None:
            yield {"name": name, "value": value, "unit": unit}


def _qubit(properties: Any) -> list[dict[str, Any]]:
    values = ((name, getattr(properties, key, None), unit) for name, key, unit in _OF_QUBIT)
    return [
        {"name": name, "value": value, "unit": unit}
        for name, value, unit in values
        if value is not None
    ]
