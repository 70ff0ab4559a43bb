# /// script
# dependencies = ["qiskit-qrack-provider", "pyqrack-cpu", "qiskit-aer"]
# [tool.probe]
# last = ["pyqrack-cpu"]
# ///
"""Qrack on the CPU."""

from qiskit.providers.qrack import Qrack

PACKAGES = ("qiskit-qrack-provider", "pyqrack-cpu")


def backend():
    return next(each for each in Qrack.backends() if each.name == "qasm_simulator")
