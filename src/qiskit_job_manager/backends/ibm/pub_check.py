"""Checks whether a PUB can run on one of IBM's backends."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.checks.pubs import PubCheck, circuit_in
from qiskit_job_manager.backends.ibm.limits import too_many_instructions
from qiskit_job_manager.backends.primitives.known import PrimitiveInfo
from qiskit_job_manager.errors import InvalidExperimentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qiskit.circuit import QuantumCircuit

_LETTERS = frozenset("IXYZ")


class IBMPubCheck:
    """Checks the PUBs for one backend. Safe to use from any thread.

    It checks what holds for any primitive, with the backend's target, which is read from the
    service once, at the first PUB. And it refuses what the service is known to refuse.

    Args:
        takes: The kind of the experiments.
        backend: Returns the client's backend.
    """

    def __init__(self, takes: ExperimentKind, backend: Callable[[], Any]) -> None:
        self._takes = takes
        self._backend = backend
        self._pubs: PubCheck | None = None

    def __call__(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check one PUB.

        Raises:
            InvalidExperimentError: It cannot run.
        """
        pubs = self._pubs
        if pubs is None:
            pubs = self._pubs = PubCheck(_info(self._takes, self._backend()))
        pubs(experiment, index, options)
        circuit = circuit_in(experiment)
        if circuit is None:  # pragma: no cover  # refused above
            return
        wrong = self._refused(circuit, experiment)
        if wrong is not None:
            raise InvalidExperimentError(f"experiment {index} ({circuit.name!r}) {wrong}")

    def _refused(self, circuit: QuantumCircuit, experiment: Any) -> str | None:
        if self._takes is ExperimentKind.ESTIMATOR_PUB:
            return _odd_observables(experiment) or too_many_instructions(circuit)
        return _odd_registers(circuit) or too_many_instructions(circuit)


def _info(takes: ExperimentKind, backend: Any) -> PrimitiveInfo:
    return PrimitiveInfo(
        takes=takes,
        backend=backend,
        local=False,
        reentrant=True,
        seed=None,
        seeded=None,
        over_backend=True,
    )


def _odd_registers(circuit: QuantumCircuit) -> str | None:
    for register in circuit.cregs:
        if register.size == 0:
            return f"has the classical register {register.name!r} without bits; remove it"
        if not register.name.isidentifier() or keyword.iskeyword(register.name):
            return (
                f"has a classical register called {register.name!r}; the service takes names that "
                "Python takes for variables"
            )
    return None


def _odd_observables(experiment: Any) -> str | None:
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    observables = EstimatorPub.coerce(experiment).observables
    for observable in observables.ravel().tolist():
        odd = {letter for pauli in observable for letter in pauli} - _LETTERS
        if odd:
            return (
                f"has an observable with {sorted(odd)[0]!r}; the service takes I, X, Y and Z: "
                "write projectors as sums of these"
            )
    return None
