# /// script
# dependencies = ["pennylane", "pennylane-qiskit>=0.44.1", "qiskit-aer"]
# [tool.probe]
# override = ["qiskit>=2.4", "qiskit-ibm-runtime>=0.51"]
# ///
"""PennyLane's Qiskit device, installed against its own limit on Qiskit."""

import math

from qiskit_aer import AerSimulator

from qiskit_job_manager import ManagedBackend

PACKAGES = ("pennylane", "pennylane-qiskit")


def device(manager):
    """The expectation value of a rotated qubit."""
    import pennylane as qml

    runs = ManagedBackend(AerSimulator(seed_simulator=7), manager=manager)
    place = qml.device("qiskit.remote", wires=1, backend=runs, shots=4000)

    @qml.qnode(place)
    def turned(angle):
        qml.RX(angle, wires=0)
        return qml.expval(qml.PauliZ(0))

    found = float(turned(0.7))
    assert abs(found - math.cos(0.7)) < 0.06, found


uses = {"`qiskit.remote` on a `ManagedBackend`": device}
