"""Transpiling for the backend that will run the circuits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidExperimentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2

SEED = 20190327
"""Seed of the transpiler: the same files must give the same circuits, or no run could resume."""


def transpile_for(
    backend: BackendV2, circuits: Sequence[QuantumCircuit], optimization_level: int
) -> list[QuantumCircuit]:
    """Transpile in as many processes as Qiskit is set to use; names and order stay.

    Raises:
        InvalidExperimentError: A circuit does not fit the backend; the message names it.
    """
    from qiskit import transpile
    from qiskit.exceptions import QiskitError

    try:
        # A list of one stays a list, too.
        return list(
            transpile(
                list(circuits),
                backend=backend,
                optimization_level=optimization_level,
                seed_transpiler=SEED,
            )
        )
    except QiskitError as error:
        raise InvalidExperimentError(
            f"A circuit cannot be transpiled for {backend.name}: {error.message}"
        ) from error
