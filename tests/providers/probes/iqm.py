# /// script
# dependencies = ["iqm-client[qiskit]>=36"]
# [tool.probe]
# override = ["qiskit>=2.4", "qiskit-aer>=0.17"]
# ///
"""IQM's fake Adonis, installed against its own limit on Qiskit."""

from iqm.qiskit_iqm import IQMFakeAdonis

PACKAGES = ("iqm-client",)
LEAST = 0.75


def backend():
    return IQMFakeAdonis()
