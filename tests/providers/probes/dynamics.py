# /// script
# dependencies = ["qiskit-dynamics"]
# ///
"""Qiskit Dynamics."""

from qiskit_dynamics import DynamicsBackend, Solver

PACKAGES = ("qiskit-dynamics",)


def backend():
    return DynamicsBackend(Solver())
