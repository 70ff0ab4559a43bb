# /// script
# dependencies = ["qiskit-quantuminspire"]
# ///
"""Quantum Inspire's provider."""

PACKAGES = ("qiskit-quantuminspire",)


def backend():
    from qiskit_quantuminspire.qi_provider import QIProvider

    return QIProvider().get_backend()
