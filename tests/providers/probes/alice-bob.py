# /// script
# dependencies = ["qiskit-alice-bob-provider"]
# ///
"""Alice & Bob's emulator of logical qubits."""

from qiskit_alice_bob_provider import AliceBobLocalProvider

PACKAGES = ("qiskit-alice-bob-provider",)


def backend():
    return AliceBobLocalProvider().get_backend("EMU:40Q:LOGICAL_NOISELESS")
