# /// script
# dependencies = ["menos"]
# ///
"""MENOS' sampler and estimator."""

from menos.qiskit import MENOSEstimator, MENOSSampler

PACKAGES = ("menos",)


def backend():
    return MENOSSampler()


def estimator():
    return MENOSEstimator()
