# /// script
# dependencies = ["qiskit-ibm-runtime", "qiskit-aer"]
# ///
"""IBM's fake backends."""

from qiskit_ibm_runtime.fake_provider import FakeManilaV2

PACKAGES = ("qiskit-ibm-runtime",)
LEAST = 0.6


def backend():
    return FakeManilaV2()
