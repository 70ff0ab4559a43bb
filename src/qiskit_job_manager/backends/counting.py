"""Whether anything comes of running a circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

# Aer's instructions that put something into a result begin so.
_SAVE = "save_"
# Simulators that return a state by themselves, by the ends of their names. `AerSimulator` does not,
# whatever its method: it returns no data of a circuit that neither measures nor saves.
_STATE_SIMULATORS = ("unitary_simulator", "statevector_simulator")


def gives_data(circuit: QuantumCircuit, backend: Any) -> bool:
    """Say whether a result has counts, or data of another kind."""
    return _measures(circuit) or str(backend.name).endswith(_STATE_SIMULATORS)


def _measures(circuit: QuantumCircuit) -> bool:
    for name in circuit.count_ops():
        if name == "measure" or name.startswith(_SAVE):
            return True
    return circuit.has_control_flow_op() and any(
        _measures(block)
        for instruction in circuit.data
        if instruction.is_control_flow()
        for block in instruction.operation.blocks
    )
