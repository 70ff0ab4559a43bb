# /// script
# dependencies = ["qdd"]
# ///
"""QDD's sampler and estimator."""

from qdd.qdd_estimator import Estimator
from qdd.qdd_sampler import Sampler

PACKAGES = ("qdd",)


def backend():
    return Sampler()


def estimator():
    return Estimator()
