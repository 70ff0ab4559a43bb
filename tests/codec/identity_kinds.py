"""Circuits that are built alike in every process, and that Qiskit names or orders otherwise.

    python identity_kinds.py COUNT

prints the content hash of each as JSON, after counting the automatic names up.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, transpile
from qiskit.circuit import Parameter, ParameterVector, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import (
    HalfAdderGate,
    IntegerComparatorGate,
    LinearPauliRotationsGate,
    MCMTGate,
    ModularAdderGate,
    MultiplierGate,
    PauliEvolutionGate,
    PhaseOracleGate,
    QFTGate,
    RXGate,
    RYGate,
    StatePreparation,
    UCGate,
    ZGate,
)
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager.codec.circuits import encode_circuit

QASM = """OPENQASM 2.0; include "qelib1.inc";
gate there a,b { h a; cx a,b; } gate back a,b { cx a,b; h a; }
gate both(t) a,b { there a,b; rx(t) a; back a,b; }
opaque magic(x) a;
qreg q[2]; creg c[2]; there q[0],q[1]; back q[0],q[1]; both(0.25) q[1],q[0]; magic(1) q[0];
measure q -> c;"""


def kinds():
    yield "openqasm 2", qasm2.loads(QASM)
    circuit = QuantumCircuit(4)
    circuit.append(MCMTGate(ZGate(), 2, 2), range(4))
    circuit.append(MCMTGate(RYGate(0.5), 2, 1).inverse(), range(3))
    yield "mcmt", circuit
    for gate in (
        ModularAdderGate(2),
        HalfAdderGate(2),
        MultiplierGate(1),
        IntegerComparatorGate(2, 1),
        LinearPauliRotationsGate(2),
        QFTGate(3),
        PhaseOracleGate("a & b"),
    ):
        circuit = QuantumCircuit(gate.num_qubits)
        circuit.append(gate.inverse(), circuit.qubits)
        circuit.append(
            gate.control(1, annotated=False).inverse(),
            [_more(circuit), *circuit.qubits[: gate.num_qubits]],
        )
        yield "inverse " + gate.name, circuit
    qubits, bits = QuantumRegister(2), ClassicalRegister(2)
    circuit = QuantumCircuit(qubits, bits)
    circuit.h(0)
    circuit.measure(qubits, bits)
    yield "unnamed registers", circuit
    circuit = circuit.copy()
    circuit.delay(5, 0, unit="us")
    with circuit.if_test((bits, 2)):
        circuit.x(qubits[1])
    yield "unnamed registers in control flow", circuit
    sub = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1))
    sub.h(0)
    sub.measure(1, 0)
    circuit = QuantumCircuit(3, 2)
    circuit.append(sub.to_instruction(), [2, 0], [1])
    circuit.append(sub.to_instruction().repeat(2), [0, 1], [0])
    yield "unnamed instruction", circuit
    gates = QuantumCircuit(2)
    gates.rx(0.5, 0)
    gates.cx(0, 1)
    circuit = QuantumCircuit(4)
    for gate in (
        gates.to_gate(),
        gates.to_gate().inverse(),
        gates.to_gate().power(2),
        gates.to_gate().control(1, annotated=False),
        gates.to_gate().control(1, ctrl_state=0, annotated=False).inverse(),
    ):
        circuit.append(gate, range(gate.num_qubits))
    yield "forms of an unnamed gate", circuit
    circuit = QuantumCircuit(6, 6)
    for bit in range(5):
        with circuit.if_test((bit, 1)) as else_:
            circuit.cx(bit, bit + 1)
            circuit.cx(5 - bit, (7 - bit) % 5)
        with else_, circuit.for_loop(range(3)) as i:
            circuit.rx(i * 0.5, [0, 3, 1])
            circuit.measure([2, 4], [5, 3])
    yield "many bits in blocks", circuit
    circuit = QuantumCircuit(2, 2)
    one, other = (circuit.add_var(name, expr.lift(0, types.Uint(8))) for name in ("one", "other"))
    stretch = circuit.add_stretch("s")
    circuit.store(one, expr.add(one, other))
    circuit.delay(expr.mul(stretch, 2.0), 0)
    with circuit.while_loop(expr.less(one, 5)):
        circuit.add_var("inner", expr.lift(True))
        circuit.store(one, expr.add(other, 3))
        with circuit.switch(one) as case:
            with case(1, 4):
                circuit.x(0)
            with case(case.DEFAULT):
                circuit.delay(stretch, 1)
    yield "variables", circuit
    s, t = Parameter("s"), Parameter("t")
    x = ParameterVector("x", 3)
    circuit = QuantumCircuit(2, global_phase=s * t)
    circuit.rx(s + 2 * t - x[1], 0)
    circuit.delay(s, 0, unit="us")
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZI"], [1, 2]), time=t), [0, 1])
    circuit.append(UCGate([np.eye(2), np.array([[0, 1], [1, 0]])]), [0, 1])
    circuit.append(RXGate(t).control(1, annotated=True), [0, 1])
    circuit.append(StatePreparation([0.6, 0.8]).inverse(), [0])
    yield "parameters", circuit
    circuit = QuantumCircuit(4)
    circuit.compose(QFTGate(4).definition, inplace=True)
    circuit.append(circuit.to_gate().inverse(), range(4))
    circuit.measure_all()
    device = GenericBackendV2(5, seed=1)
    yield "transpiled", transpile(circuit, device, seed_transpiler=1, optimization_level=1)


def _more(circuit):
    qubit = Qubit()
    circuit.add_bits([qubit])
    return qubit


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        QuantumCircuit(1), QuantumRegister(1), ClassicalRegister(1)
    print(json.dumps({name: encode_circuit(each).content_hash.hex() for name, each in kinds()}))
