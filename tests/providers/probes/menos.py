# /// script
# dependencies = ["menos"]
# ///
"""MENOS."""

from menos.qiskit import MENOSBackend

PACKAGES = ("menos",)


def backend():
    return MENOSBackend()
