# /// script
# dependencies = ["qiskit-aer"]
# ///
"""Aer's simulator, with a noise model."""

from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError

PACKAGES = ("qiskit-aer",)
LEAST = 0.8


def backend():
    noise = NoiseModel()
    noise.add_all_qubit_readout_error(ReadoutError([[0.99, 0.01], [0.02, 0.98]]))
    return AerSimulator(noise_model=noise, seed_simulator=7)


def trouble(provider):
    from checks import basis_state

    return provider.prepared([basis_state(1)]), {"method": "nonsense"}
