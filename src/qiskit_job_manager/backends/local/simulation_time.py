"""Estimates how long Aer will simulate a circuit in one call.

The estimate is rough, and rather too long than too short: it only decides which process simulates.
Its constants were measured with Aer 0.18 on one core, with circuits of 2 to 24 qubits.

If it can, Aer simulates a circuit once and draws all shots from the last state. If a measurement
acts on later instructions, a qubit is reset, or noise is drawn, it simulates each shot again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit.circuit import CircuitInstruction, QuantumCircuit

_SHOT_S = 40e-6
"""To begin a shot that is simulated by itself."""

_DRAW_S = 1e-6
"""To draw a shot from a state, and for each of its qubits a tenth of it."""

_INSTRUCTION_S = 1e-6
_AMPLITUDE_S = 3e-9
"""To change a state by an instruction, and for each amplitude of the state."""

_AMPLITUDE_BYTES = 16

_NOISE = 3
"""How many times as long each instruction takes with its noise."""

_TABLEAU_S = 0.15e-9
"""To measure n qubits of a stabilizer state, times n cubed."""

_BEGIN = 10
"""To make a state and to sum it up takes as long as so many instructions."""

_LOOPS = 10
"""How often the block of a loop is run that ends by what is measured."""

_CLIFFORD = frozenset(
    {"barrier", "cx", "cy", "cz", "dcx", "delay", "ecr", "h", "id", "iswap", "measure", "pauli"}
    | {"reset", "s", "sdg", "swap", "sx", "sxdg", "x", "y", "z"}
)
_REPEATING = frozenset(
    {"if_else", "for_loop", "while_loop", "switch_case", "mark", "jump", "initialize", "reset"}
    | {"kraus", "quantum_channel", "roerror", "superop"}
)
_AFTER_MEASURING = frozenset({"measure", "barrier", "delay"})

_POWERS = {"density_matrix": 2, "unitary": 2, "superop": 4, "statevector": 1}
"""How many times the qubits count in the size of the state."""

_WIDEST = 30
"""Where a state vector is not to be had, Aer falls back on matrix product states."""

_UNKNOWN_AS = 18
"""Of a method whose time depends on the entanglement, the qubits that are reckoned with."""


NARROW = 12
"""Up to so many qubits a state takes next to no memory, and Aer changes it on one core."""


def simulation_s(
    circuit: QuantumCircuit, shots: int, method: str = "automatic", *, noisy: bool = False
) -> float:
    """Return how many seconds Aer simulates a circuit, on one core.

    Args:
        circuit: The circuit, as it is handed to Aer.
        shots: How often it is run.
        method: Aer's ``method``.
        noisy: Whether the backend has a noise model.
    """
    names = circuit.count_ops()
    n_qubits = width(circuit)
    repeats = _repeats(circuit, names)
    if method == "automatic":
        method = _chosen(names, n_qubits, shots, noisy=noisy)
    if method == "stabilizer":
        draw_s = _DRAW_S * (1 + n_qubits / 10) + _TABLEAU_S * n_qubits**3
        once_s = _instructions(circuit) * _INSTRUCTION_S
    else:
        draw_s = _DRAW_S * (1 + n_qubits / 10)
        each_s = _INSTRUCTION_S + _AMPLITUDE_S * _amplitudes(n_qubits, method)
        once_s = (_instructions(circuit) + _BEGIN * (not repeats)) * each_s
        repeats = repeats or (noisy and method != "density_matrix")
    if repeats:
        return shots * (_SHOT_S + draw_s + once_s * (_NOISE if noisy else 1))
    return once_s + shots * draw_s


def state_bytes(
    circuit: QuantumCircuit, shots: int, method: str = "automatic", *, noisy: bool = False
) -> int:
    """Return how many bytes the state of a circuit takes; 0 where it is small or not known."""
    n_qubits = width(circuit)
    if method == "automatic":
        method = _chosen(circuit.count_ops(), n_qubits, shots, noisy=noisy)
    power = _POWERS.get(method, 0)
    return _AMPLITUDE_BYTES << min(power * n_qubits, 100) if power else 0


def width(circuit: QuantumCircuit) -> int:
    """Return how many qubits a circuit works on, or has, if these are few.

    Most of a device's have nothing to do.
    """
    if circuit.num_qubits <= NARROW:
        return int(circuit.num_qubits)
    used = {qubit for each in circuit.data if each.name != "barrier" for qubit in each.qubits}
    return len(used)


def _chosen(names: Mapping[str, int], n_qubits: int, shots: int, *, noisy: bool) -> str:
    """Return the method that Aer takes by itself."""
    if names.keys() <= _CLIFFORD and not noisy:
        return "stabilizer"
    if noisy and shots > 2**n_qubits:
        return "density_matrix"
    return "statevector" if n_qubits <= _WIDEST else "matrix_product_state"


def _amplitudes(n_qubits: int, method: str) -> float:
    power = _POWERS.get(method)
    if power is None:
        return 2.0 ** min(n_qubits, _UNKNOWN_AS)
    return 2.0 ** min(power * n_qubits, 100)


def _instructions(circuit: QuantumCircuit) -> int:
    """Count the instructions that are run, those of blocks too."""
    if not circuit.has_control_flow_op():
        return len(circuit.data)
    return sum(1 + _in_blocks(each) for each in circuit.data)


def _in_blocks(instruction: CircuitInstruction) -> int:
    if not instruction.is_control_flow():
        return 0
    times = 1
    if instruction.name == "for_loop":
        times = len(instruction.operation.params[0])
    elif instruction.name == "while_loop":
        times = _LOOPS
    return times * sum(map(_instructions, instruction.operation.blocks))


def _repeats(circuit: QuantumCircuit, names: Mapping[str, int]) -> bool:
    """Say whether Aer simulates each shot again, or may have to."""
    return not _REPEATING.isdisjoint(names) or _acts_after_measuring(circuit, names)


def _acts_after_measuring(circuit: QuantumCircuit, names: Mapping[str, int]) -> bool:
    data = circuit.data
    n_measures = names.get("measure", 0)
    # Nearly all circuits measure last, and most of them nothing but that.
    if {each.name for each in data[len(data) - n_measures :]} <= {"measure"}:
        return False
    measured = set()
    for each in data:
        if each.name == "measure":
            measured.update(each.qubits)
        elif each.name not in _AFTER_MEASURING and not measured.isdisjoint(each.qubits):
            return True
    return False
