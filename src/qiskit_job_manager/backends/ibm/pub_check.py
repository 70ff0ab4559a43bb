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
        self._faulty_qubits: frozenset[tuple[int, ...]] | None = None

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
        samples = self._takes is not ExperimentKind.ESTIMATOR_PUB
        return (
            (_odd_registers(circuit) if samples else _odd_observables(experiment))
            or too_many_instructions(circuit)
            or _odd_angles(circuit, experiment, samples=samples)
            or self._faulty(circuit)
        )

    def _faulty(self, circuit: QuantumCircuit) -> str | None:
        """Say where a circuit uses what is out of order; the newer primitives do not look."""
        faulty = self._faulty_qubits
        if faulty is None:
            faulty = self._faulty_qubits = _out_of_order(self._backend())
        for instruction in circuit.data if faulty else ():
            qubits = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
            if instruction.operation.name != "barrier" and (
                qubits in faulty or any((qubit,) in faulty for qubit in qubits)
            ):
                name = instruction.operation.name
                return f"uses {name} on qubits {qubits}, which are out of order; transpile it again"
        return None


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


def _odd_angles(circuit: QuantumCircuit, experiment: Any, *, samples: bool) -> str | None:
    """Say which angle of an RZZ gate the hardware has not; the newer primitives do not look."""
    if "rzz" not in circuit.count_ops():
        return None
    from qiskit.primitives.containers.estimator_pub import EstimatorPub
    from qiskit.primitives.containers.sampler_pub import SamplerPub
    from qiskit_ibm_runtime.exceptions import IBMInputValueError
    from qiskit_ibm_runtime.utils import validate_rzz_pubs

    try:
        validate_rzz_pubs([(SamplerPub if samples else EstimatorPub).coerce(experiment)])
    except IBMInputValueError as error:
        return f"cannot run: {error}"
    return None


def _out_of_order(backend: Any) -> frozenset[tuple[int, ...]]:
    """Return the qubits, each alone, and the pairs of qubits that are out of order."""
    properties = backend.properties()
    if not properties:
        return frozenset()
    pairs = (tuple(gate.qubits) for gate in properties.faulty_gates())
    alone = ((qubit,) for qubit in properties.faulty_qubits())
    return frozenset([*alone, *(each for each in pairs if len(each) > 1)])


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
