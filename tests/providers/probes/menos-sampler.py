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


def trouble(provider):
    from checks import goes_on

    return provider.prepared([goes_on()]), {}
