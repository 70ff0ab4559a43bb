# /// script
# dependencies = ["qiskit-braket-provider>=0.20"]
# ///
"""Braket's local simulator."""

from qiskit_braket_provider import BraketLocalBackend

PACKAGES = ("qiskit-braket-provider",)


def backend():
    return BraketLocalBackend()


def trouble(provider):
    from checks import goes_on

    return provider.prepared([goes_on()]), {}
