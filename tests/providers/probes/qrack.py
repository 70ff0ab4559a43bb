# /// script
# dependencies = ["qiskit-qrack-provider", "pyqrack-cpu", "qiskit-aer"]
# [tool.probe]
# last = ["pyqrack-cpu"]
# ///
"""Qrack on the CPU."""

from qiskit.providers.qrack import Qrack

PACKAGES = ("qiskit-qrack-provider", "pyqrack-cpu")


def backend():
    return Qrack.get_backend("qasm_simulator")
