"""Whether anything comes of running a circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.walking import names_in

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

# Simulators that return a state by themselves, by the ends of their names. `AerSimulator` does not,
# whatever its method: it returns no data of a circuit that neither measures nor saves.
_STATE_SIMULATORS = ("unitary_simulator", "statevector_simulator")


def gives_data(circuit: QuantumCircuit, backend: Any) -> bool:
    """Say whether a result has counts, or data of another kind, as Aer's ``save_…`` make it."""
    if any(name == "measure" or name.startswith("save_") for name in names_in(circuit)):
        return True
    return str(getattr(backend, "name", "")).endswith(_STATE_SIMULATORS)
