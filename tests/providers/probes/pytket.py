# /// script
# dependencies = ["pytket-qiskit", "qiskit-aer"]
# ///
"""pytket's Aer backend as a Qiskit backend."""

from pytket.extensions.qiskit import AerBackend
from pytket.extensions.qiskit.tket_backend import TketBackend

PACKAGES = ("pytket-qiskit",)


def backend():
    return TketBackend(AerBackend(), AerBackend().default_compilation_pass())


def prepare(circuits, _device):
    """Leave circuits as they are: the backend compiles them itself, and Qiskit cannot for it."""
    return circuits
