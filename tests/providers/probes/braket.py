# /// script
# dependencies = ["qiskit-braket-provider"]
# ///
"""Braket's local simulator."""

from qiskit_braket_provider import BraketLocalBackend

PACKAGES = ("qiskit-braket-provider",)


def backend():
    return BraketLocalBackend()
