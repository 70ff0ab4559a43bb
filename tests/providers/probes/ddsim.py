# /// script
# dependencies = ["mqt-ddsim"]
# ///
"""DDSIM, decision diagrams."""

from mqt.ddsim import DDSIMProvider

PACKAGES = ("mqt-ddsim",)


def backend():
    return DDSIMProvider().get_backend("qasm_simulator")
