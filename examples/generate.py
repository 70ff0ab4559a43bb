"""Writes the circuits of `examples/circuits` again, from the MQT Bench collection.

Run it in an environment of its own, as this project does not depend on the collection:

    python3 -m venv bench-env
    bench-env/bin/pip install mqt.bench==2.3.0 qiskit==2.6.2
    bench-env/bin/python examples/generate.py

The same versions write the same files, byte for byte.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from mqt.bench import BenchmarkLevel, get_benchmark
from mqt.bench.benchmarks import create_circuit
from qiskit import QuantumCircuit, qasm2, qasm3, transpile

TARGET = Path(__file__).parent / "circuits"
SMALLEST, LARGEST = 3, 12
# A circuit that does something else after seeing a measurement can only be written in OpenQASM 3.
DYNAMIC_FAMILIES = ("dynamic_qft", "iqpe")
STATIC_FAMILIES = (
    "bmw_quark_cardinality",
    "bmw_quark_copula",
    "bv",
    "cdkm_ripple_carry_adder",
    "dj",
    "draper_qft_adder",
    "full_adder",
    "ghz",
    "graphstate",
    "grover",
    "half_adder",
    "modular_adder",
    "multiplier",
    "qaoa",
    "qft",
    "qftentangled",
    "qnn",
    "qpeexact",
    "qpeinexact",
    "qwalk",
    "randomcircuit",
    "vbe_ripple_carry_adder",
    "vqe_real_amp",
    "vqe_su2",
    "vqe_two_local",
    "wstate",
)
# Those of the standard library of OpenQASM 2.
GATES = (
    *("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "rx", "ry", "rz", "p", "u"),
    *("cx", "cy", "cz", "ch", "cp", "crx", "cry", "crz", "cu", "swap", "rxx", "rzz"),
    *("ccx", "cswap"),
)
# These grow to thousands of gates; beyond this they would be most of the collection.
LARGEST_OF = {"grover": 8, "qwalk": 7}


def main() -> None:
    """Write every family in every size that it exists in."""
    for folder in ("qasm2", "qasm3"):
        shutil.rmtree(TARGET / folder, ignore_errors=True)
        (TARGET / folder).mkdir(parents=True)
    for family in STATIC_FAMILIES + DYNAMIC_FAMILIES:
        for size in _sizes(family):
            circuit = make(family, size)
            if circuit is not None:
                write(circuit, f"{family}_{size}", dynamic=family in DYNAMIC_FAMILIES)


def _sizes(family: str) -> range:
    return range(SMALLEST, LARGEST_OF.get(family, LARGEST) + 1)


def make(family: str, size: int) -> QuantumCircuit | None:
    """Return one circuit, measured, or ``None`` if the family does not exist in this size."""
    # The other families that need chance have a seed of their own.
    seed = {"seed": size} if family == "graphstate" else {}
    try:
        drawn = create_circuit(family, size, **seed)
    except ValueError:
        return None  # an adder of two numbers needs an even number of qubits, and so on
    circuit = get_benchmark(drawn, BenchmarkLevel.INDEP, opt_level=1)
    if "measure" not in circuit.count_ops():
        circuit.measure_all()
    if family in DYNAMIC_FAMILIES:
        return circuit
    # A gate defined in a file is opaque to a reader, and costs Qiskit's transpiler minutes when it
    # spans ten qubits, as in Grover's search.
    return transpile(circuit, basis_gates=GATES, optimization_level=0)


def write(circuit: QuantumCircuit, name: str, *, dynamic: bool) -> None:
    """Write one circuit as a file that is called by its name."""
    folder, text = ("qasm3", qasm3.dumps(circuit)) if dynamic else ("qasm2", qasm2.dumps(circuit))
    (TARGET / folder / f"{name}.qasm").write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
