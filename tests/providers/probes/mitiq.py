# /// script
# dependencies = ["mitiq", "qiskit-aer", "ply"]
# ///
"""Mitiq."""

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_job_manager import ManagedBackend

PACKAGES = ("mitiq", "qiskit-aer")
LEAST_GAIN = 0.05


def zero_noise(manager):
    """Extrapolate <ZZ> of an identity to zero noise; each point runs on a managed backend."""
    from mitiq import zne

    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["x"])
    simulator = AerSimulator(noise_model=noise, seed_simulator=7, basis_gates=["x", "id", "cx"])
    runs = ManagedBackend(simulator, manager=manager)
    circuit = QuantumCircuit(1)
    for _ in range(20):
        circuit.x(0)

    def expected(folded):
        measured = folded.copy()
        measured.measure_all()
        counts = runs.run(measured, shots=20_000).result(60).get_counts()
        return sum((-1) ** bits.count("1") * n for bits, n in counts.items()) / 20_000

    plain = expected(circuit)
    mitigated = zne.execute_with_zne(
        circuit, expected, factory=zne.inference.RichardsonFactory([1.0, 2.0, 3.0])
    )
    assert 1 - mitigated < 1 - plain - LEAST_GAIN, (plain, mitigated)


uses = {"zero-noise extrapolation on a `ManagedBackend`": zero_noise}
