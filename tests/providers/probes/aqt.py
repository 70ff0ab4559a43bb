# /// script
# dependencies = ["qiskit-aqt-provider"]
# ///
"""AQT's offline simulator."""

from qiskit_aqt_provider.aqt_provider import AQTProvider

PACKAGES = ("qiskit-aqt-provider",)


def backend():
    return AQTProvider().offline.ideal()
