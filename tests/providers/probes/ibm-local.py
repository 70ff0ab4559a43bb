# /// script
# dependencies = ["qiskit-ibm-runtime", "qiskit-aer"]
# ///
"""IBM's client in its local testing mode."""

from qiskit_ibm_runtime import EstimatorV2, SamplerV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

PACKAGES = ("qiskit-ibm-runtime",)
LEAST = 0.6


def backend():
    return SamplerV2(mode=FakeManilaV2())


def estimator():
    return EstimatorV2(mode=FakeManilaV2())


def device(runs):
    return FakeManilaV2()
