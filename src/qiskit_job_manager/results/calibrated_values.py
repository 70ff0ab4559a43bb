"""The values of a calibration that tell of errors, and which of them a circuit uses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qiskit import QuantumCircuit

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_INSTRUCTIONS = {"readout_error": "measure", "T1": None, "T2": None}


class Place(NamedTuple):
    """Names a value: what it is, of which instruction, on which qubits."""

    quantity: str
    instruction: str | None
    qubits: tuple[int, ...]

    def __str__(self) -> str:
        qubits = ", ".join(map(str, self.qubits))
        on = f"{self.instruction} on {qubits}" if self.quantity == "gate_error" else qubits
        return f"{self.quantity} of {on}"


class Value(NamedTuple):
    """A value, ``None`` where it is no number, and when it was calibrated, if that is told."""

    number: float | None
    dated: datetime | None


@dataclass(frozen=True, slots=True)
class CalibratedValues:
    """What a calibration tells of errors.

    Attributes:
        values: The values.
        gates: The gates that it lists, with or without an error.
    """

    values: dict[Place, Value]
    gates: set[tuple[str, tuple[int, ...]]]


@dataclass(slots=True)
class Used:
    """What a circuit uses of a device.

    Attributes:
        gates: Its gates on their qubits, in order.
        measured: The qubits that are measured.
        qubits: All qubits that something is done to.
    """

    gates: dict[tuple[str, tuple[int, ...]], None] = field(default_factory=dict)
    measured: dict[int, None] = field(default_factory=dict)
    qubits: dict[int, None] = field(default_factory=dict)

    def places(self) -> Iterator[Place]:
        """Yield the values that it rests on, whether or not a calibration has them."""
        yield from (Place("gate_error", *gate) for gate in self.gates)
        for qubit in self.measured:
            yield Place("gate_error", "measure", (qubit,))
            yield Place("readout_error", "measure", (qubit,))
        for qubit in self.qubits:
            yield Place("T1", None, (qubit,))
            yield Place("T2", None, (qubit,))


def used_by(circuit: QuantumCircuit, *, measures_all: bool) -> Used:
    """Return what a circuit uses, as it was sent: its qubits are those of the device.

    Args:
        circuit: The circuit.
        measures_all: Whether each qubit that it uses is measured, as an estimator does, whose
            circuits measure nothing themselves.
    """
    from qiskit.circuit import Gate

    used = Used()
    for operation, qubits, has_clbits in _operations(circuit, range(circuit.num_qubits)):
        used.qubits.update(dict.fromkeys(qubits))
        if has_clbits:
            used.measured.update(dict.fromkeys(qubits))
        elif isinstance(operation, Gate) and qubits:
            used.gates[operation.name, qubits] = None
    if measures_all:
        used.measured.update(used.qubits)
    return used


def _operations(
    circuit: QuantumCircuit, qubits: Sequence[int]
) -> Iterator[tuple[Any, tuple[int, ...], bool]]:
    """Yield each operation with its qubits, and whether it writes bits; blocks are walked into."""
    for each in circuit.data:
        on = tuple(qubits[circuit.find_bit(qubit).index] for qubit in each.qubits)
        blocks = getattr(each.operation, "blocks", ())
        for block in blocks:
            yield from _operations(block, on)
        if not blocks and not getattr(each.operation, "_directive", False):
            yield each.operation, on, bool(each.clbits)


def values_of(calibration: Mapping[str, Any]) -> CalibratedValues:
    """Return the values of a calibration that tell of errors.

    It may come from somebody else's archive, so what has another form is left out.

    Args:
        calibration: In the form of `backends.calibration`.
    """
    values: dict[Place, Value] = {}
    for index, qubit in enumerate(_list(calibration.get("qubits"))):
        for each in _dicts(qubit):
            name = each.get("name")
            if isinstance(name, str) and name in _INSTRUCTIONS:
                values[Place(name, _INSTRUCTIONS[name], (index,))] = _value(each)
    gates = set()
    for gate in _dicts(calibration.get("gates")):
        known = str(gate.get("gate")), tuple(map(_index, _list(gate.get("qubits"))))
        gates.add(known)
        for each in _dicts(gate.get("parameters")):
            if each.get("name") == "gate_error":
                values[Place("gate_error", *known)] = _value(each)
    return CalibratedValues(values, gates)


def _value(said: Mapping[str, Any]) -> Value:
    number, unit = said.get("value"), said.get("unit")
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return Value(None, _moment(said.get("date")))
    in_units = float(number) * _SECONDS.get(str(unit), 1.0)
    known = in_units if math.isfinite(in_units) and in_units >= 0.0 else None
    return Value(known, _moment(said.get("date")))


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _index(qubit: Any) -> int:
    return qubit if isinstance(qubit, int) else -1


def _dicts(said: Any) -> Iterator[dict[str, Any]]:
    return (each for each in _list(said) if isinstance(each, dict))


def _list(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []
