"""Every instruction class of `qiskit.circuit.library` that can be built, by introspection.

The table gives the arguments of the constructors that need some. A class that a later Qiskit adds,
and that needs arguments, fails `test_every_class_of_the_library_is_tried` until it has a line here.
"""

from __future__ import annotations

import inspect
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ControlledGate, Gate, Instruction, library
from qiskit.quantum_info import Pauli, SparsePauliOp, random_unitary

_AMPLITUDES = np.array([1, 1j, 0.5, -1]) / np.sqrt(3.25)
_UNITARIES = [random_unitary(2, seed=seed).data for seed in (1, 2)]
_MATRIX = random_unitary(4, seed=3).data
_ANGLES = ((0.1,), (0.1, 0.2), (0.1, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4))

ARGUMENTS: dict[str, list[tuple[Any, ...]]] = {
    "AndGate": [(2,), (2, [1, -1])],
    "Barrier": [(2,), (2, "here")],
    "BitFlipOracleGate": [("a & ~b",), ("a | b", ["b", "a"])],
    "BitwiseXorGate": [(3, 5)],
    "DiagonalGate": [([1, -1, 1j, 1],)],
    "ExactReciprocalGate": [(2, 0.5), (2, 0.5, True)],
    "FullAdderGate": [(2,)],
    "GraphStateGate": [([[0, 1], [1, 0]],)],
    "HalfAdderGate": [(2,)],
    "HamiltonianGate": [(np.array([[1, 0.5], [0.5, -1]]), 0.3)],
    "Initialize": [
        (_AMPLITUDES,),
        (_AMPLITUDES.astype(np.complex64), None, True),
        ("r0",),
        (2, 2),
        ([3, 4j], None, True),
    ],
    "InnerProductGate": [(2,)],
    "IntegerComparatorGate": [(2, 2), (2, 2, False)],
    "Isometry": [(_MATRIX[:, :2], 0, 0), (_MATRIX, 0, 0)],
    "LinearAmplitudeFunctionGate": [(2, 0.5, 0.1, (0, 1), (0, 1))],
    "LinearFunction": [([[1, 1], [0, 1]],)],
    "LinearPauliRotationsGate": [(2,), (2, 0.5, 0.25, "X")],
    "MCGupDiag": [(_UNITARIES[0], 1, 0, 0)],
    "MCMTGate": [(library.ZGate(), 2, 2), (library.RYGate(0.3), 1, 2)],
    "MCPhaseGate": [(0.2, 2), (0.2, 2, None, 1)],
    "MCU1Gate": [(0.2, 2)],
    "MCXGate": [(2,), (3,), (5,), (5, None, 3)],
    "MCXGrayCode": [(5,), (5, None, 3)],
    "MCXRecursive": [(5,), (5, None, 3)],
    "MCXVChain": [(4,), (4, True), (4, False, None, 5), (4, True, None, 5)],
    "MSGate": [(2, 0.3), (2, [[0, 0.5], [0.5, 0]])],
    "ModularAdderGate": [(2,)],
    "MultiplierGate": [(2,), (2, 2)],
    "OrGate": [(2,), (2, [1, -1])],
    "PauliEvolutionGate": [
        (SparsePauliOp(["XX", "ZI"], [0.5, 1]), 0.3),
        ([Pauli("XX"), SparsePauliOp(["ZI"])], 0.5, "evolve"),
        (
            SparsePauliOp(["XX", "ZI"]),
            0.3,
            None,
            __import__("qiskit").synthesis.SuzukiTrotter(2, 3),
        ),
    ],
    "PauliGate": [("XYZ",)],
    "PauliProductMeasurement": [(Pauli("XZ"),), (Pauli("-XZ"), "parity")],
    "PauliProductRotationGate": [(Pauli("XZ"), 0.3)],
    "PermutationGate": [([1, 2, 0],)],
    "PhaseOracleGate": [("a & ~b",), ("a | b", ["b", "a"])],
    "PiecewiseChebyshevGate": [(0.5, 2), (0.5, 2, 2, [0, 2])],
    "PiecewiseLinearPauliRotationsGate": [(2, [0, 2], [0.5, 1], [0.1, 0.2])],
    "PiecewisePolynomialPauliRotationsGate": [(2, [0, 2], [[0.5], [1.0]])],
    "PolynomialPauliRotationsGate": [(2,), (2, [0.1, 0.5, 0.2])],
    "QFTGate": [(3,)],
    "QuadraticFormGate": [(2, [[1, 0], [0, 1]], [1, -1], 0.5)],
    "StatePreparation": [
        (_AMPLITUDES,),
        (_AMPLITUDES, None, True),
        ("r0",),
        ("1l", None, True),
        (2, 2),
        (2, 2, True),
    ],
    "UCGate": [(_UNITARIES,), (_UNITARIES, True)],
    "UCPauliRotGate": [([0.1, 0.2], "Z")],
    "UCRXGate": [([0.1, 0.2],)],
    "UCRYGate": [([0.1, 0.2],)],
    "UCRZGate": [([0.1, 0.2],)],
    "UniformSuperpositionGate": [(3, 2)],
    "UnitaryGate": [(_MATRIX,), (_MATRIX, "mine")],
    "WeightedSumGate": [(2,), (2, [1, 2])],
    "XXMinusYYGate": [(0.1,), (0.1, 0.2)],
    "XXPlusYYGate": [(0.1,), (0.1, 0.2)],
}

# What the lowest Qiskit that the project allows does not have yet.
ADDED_LATER = frozenset({"MCGupDiag", "UniformSuperpositionGate"})


def library_classes() -> list[type[Instruction]]:
    """Return the instruction classes of the library, in order of their names."""
    members = (getattr(library, name) for name in sorted(dir(library)))
    return [each for each in members if inspect.isclass(each) and issubclass(each, Instruction)]


@lru_cache(maxsize=1)
def library_gates() -> list[tuple[str, Instruction]]:
    """Return a name and an instance for each class and each line of arguments."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some classes are deprecated
        return [
            (f"{kind.__name__}-{number}", kind(*arguments))
            for kind in library_classes()
            for number, arguments in enumerate(_arguments(kind))
        ]


def _arguments(kind: type[Instruction]) -> list[tuple[Any, ...]]:
    if kind.__name__ in ARGUMENTS:
        return ARGUMENTS[kind.__name__]
    needed = [
        each
        for each in inspect.signature(kind).parameters.values()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    return [_ANGLES[len(needed) - 1] if needed else ()]


def forms(gate: Instruction) -> list[tuple[str, Any]]:
    """Return a gate, and all that Qiskit makes of it: inverse, power, controlled and labelled."""
    found = [("itself", gate)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, make in _FORMS.items():
            try:
                form = make(gate)
            except Exception:  # noqa: BLE001  # Qiskit raises what it will where there is none
                continue
            if form is not None:
                found.append((name, form))
    return found


def _labelled(gate: Any) -> Any:
    labelled = gate.to_mutable()
    labelled.label = "my label"
    return labelled


def _if_gate(make: Any) -> Any:
    return lambda gate: make(gate) if isinstance(gate, Gate) else None


_FORMS = {
    "inverse": lambda gate: gate.inverse(),
    "power": _if_gate(lambda gate: gate.power(2)),
    "root": _if_gate(lambda gate: gate.power(0.5)),
    "control": _if_gate(lambda gate: gate.control(1, annotated=False)),
    "open": _if_gate(lambda gate: gate.control(2, ctrl_state=1, annotated=False)),
    "labelled open": _if_gate(
        lambda gate: gate.control(2, ctrl_state=1, label="open", annotated=False)
    ),
    "labelled": _labelled,
    "controlled inverse": _if_gate(
        lambda gate: gate.inverse().control(1, ctrl_state=0, annotated=False)
    ),
    "inverse of controlled": _if_gate(lambda gate: gate.control(1, annotated=False).inverse()),
    "annotated inverse": lambda gate: gate.inverse(annotated=True),
    "annotated control": _if_gate(lambda gate: gate.control(1, annotated=True)),
    "annotated power": _if_gate(lambda gate: gate.power(2, annotated=True)),
    "annotated twice": _if_gate(
        lambda gate: gate.control(2, ctrl_state=1, annotated=True).inverse(annotated=True)
    ),
    "open by state": lambda gate: _opened(gate) if isinstance(gate, ControlledGate) else None,
    "repeated": lambda gate: gate.repeat(2),
    "reversed": lambda gate: gate.reverse_ops(),
}


def _opened(gate: ControlledGate) -> Any:
    opened = gate.to_mutable()
    opened.ctrl_state = 0
    return opened


def alone(operation: Any) -> QuantumCircuit:
    """Return a circuit with only this operation."""
    circuit = QuantumCircuit(operation.num_qubits, operation.num_clbits, name="alone")
    circuit.append(operation, circuit.qubits, circuit.clbits)
    return circuit
