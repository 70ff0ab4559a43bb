# /// script
# dependencies = ["qiskit-braket-provider"]
# ///
"""Braket's local simulator."""

from qiskit_braket_provider import BraketLocalBackend

PACKAGES = ("qiskit-braket-provider",)


def backend():
    return BraketLocalBackend()


def trouble(provider):
    from checks import goes_on

    return provider.prepared([goes_on()]), {}
