# /// script
# dependencies = ["qiskit-aer"]
# ///
"""Aer's `SamplerV2` and `EstimatorV2`."""

from qiskit_aer.primitives import EstimatorV2, SamplerV2

PACKAGES = ("qiskit-aer",)


def backend():
    return SamplerV2(seed=7)


def estimator():
    return EstimatorV2()
