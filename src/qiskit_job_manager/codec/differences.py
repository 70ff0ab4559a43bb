"""Says in words what differs between a stored experiment and one that was handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.circuit_content import Scope, head_content, instruction_content
from qiskit_job_manager.codec.observables import observable_parts
from qiskit_job_manager.codec.values import encode_value
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_TRANSPILED_AGAIN = (
    "Was it transpiled again without a seed? Give transpile() a seed_transpiler, or hand over the "
    "circuit as it was and let run() transpile it"
)
_RANDOM_NUMBERS = "Are its numbers random? Give their generator a seed"


def difference(stored: Any, given: Any, kind: ExperimentKind) -> str | None:
    """Return what differs first between a stored experiment and one that was handed over.

    Args:
        stored: A circuit or a PUB, as `experiments.read_experiments` gives it.
        given: A circuit, or anything that Qiskit coerces to such a PUB.
        kind: What the two are.

    Returns:
        A sentence without a full stop, with the likely cause if there is one; or ``None`` if the
        two are the same, names and metadata aside.
    """
    if kind is ExperimentKind.CIRCUIT:
        return _of_circuits(stored, given)
    pub = type(stored).coerce(given)
    return _of_circuits(stored.circuit, pub.circuit) or _of_pubs(stored, pub)


def _of_pubs(stored: Any, given: Any) -> str | None:
    for what in ("shots", "precision"):
        before, now = getattr(stored, what, None), getattr(given, what, None)
        if before != now:
            return f"its {what} were {before} and are {now}"
    before, now = (_values(each.parameter_values) for each in (stored, given))
    if before.keys() == now.keys():
        for name, values in before.items():
            if values.shape != now[name].shape:
                shapes = f"the shape {values.shape} and have {now[name].shape}"
                return f"the values of its parameter {name!r} had {shapes}"
            if not np.array_equal(values, now[name], equal_nan=True):
                return f"the values of its parameter {name!r} are others. {_RANDOM_NUMBERS}"
    if hasattr(stored, "observables"):
        parts = (encode_value(observable_parts(each.observables)) for each in (stored, given))
        return None if len(set(parts)) == 1 else "its observables are others"
    return None


def _values(bindings: Any) -> dict[str, np.ndarray[Any, Any]]:
    return {
        name: np.asarray(array[..., place], float)
        for names, array in bindings.data.items()
        for place, name in enumerate(names)
    }


def _of_circuits(stored: QuantumCircuit, given: QuantumCircuit) -> str | None:
    found, cause = _in_heads(stored, given), None
    if found is None:
        found, cause = _in_instructions(stored, given)
    if found is None:
        return None
    if stored.layout is not None or given.layout is not None:
        cause = _TRANSPILED_AGAIN
    return f"{found}. {cause}" if cause else found


def _in_heads(stored: QuantumCircuit, given: QuantumCircuit) -> str | None:
    before, now = head_content(stored), head_content(given)
    for what, said in before.items():
        if repr(said) == repr(now[what]):
            continue
        if what == "registers":
            return _of_registers(stored, given)
        one, other = (
            (getattr(each, "global_phase", None) if what == "global phase" else head[what])
            for each, head in ((stored, before), (given, now))
        )
        return f"its {what} was {one} and is {other}"
    return None


def _of_registers(stored: QuantumCircuit, given: QuantumCircuit) -> str:
    before, now = (
        [(each.name, each.size) for each in (*circuit.qregs, *circuit.cregs)]
        for circuit in (stored, given)
    )
    return f"its registers were {before} and are {now} (name, size)"


def _in_instructions(
    stored: QuantumCircuit, given: QuantumCircuit
) -> tuple[str | None, str | None]:
    """Return what differs, and its likely cause."""
    scopes = Scope.of(stored), Scope.of(given)
    for index, pair in enumerate(zip(stored.data, given.data, strict=False)):
        one, other = (
            instruction_content(each, scope) for each, scope in zip(pair, scopes, strict=True)
        )
        if repr(one) != repr(other):
            before, now = (
                _told(each, circuit) for each, circuit in zip(pair, (stored, given), strict=True)
            )
            if before == now:
                now += ", with another label, unit, attribute or definition"
            cause = _RANDOM_NUMBERS if _only_numbers_differ(*pair) else None
            return f"its instruction {index} was {before} and is {now}", cause
    if len(stored.data) != len(given.data):
        return f"it had {len(stored.data)} instructions and has {len(given.data)}", None
    return None, None


def _told(instruction: Any, circuit: QuantumCircuit) -> str:
    params = ", ".join(_short(each) for each in instruction.params)
    unit = getattr(instruction.operation, "unit", None)
    bits = [circuit.find_bit(each).index for each in (*instruction.qubits, *instruction.clbits)]
    arguments = f"({params}{f' {unit}' if unit else ''})" if params else ""
    label = f" labelled {instruction.label!r}" if instruction.label else ""
    return f"{instruction.name}{arguments}{label} on {bits}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 and "\n" not in text else "..."


def _only_numbers_differ(one: Any, other: Any) -> bool:
    numbers = [isinstance(each, int | float) for each in (*one.params, *other.params) if one.params]
    return one.name == other.name and bool(numbers) and all(numbers) and one.label == other.label
