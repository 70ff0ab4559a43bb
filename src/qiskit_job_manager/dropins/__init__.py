"""Stand where a Qiskit backend, sampler or estimator is expected, and run through a manager."""

from qiskit_job_manager.dropins.backend import ManagedBackend
from qiskit_job_manager.dropins.primitives import (
    ManagedEstimator,
    ManagedPrimitiveJob,
    ManagedSampler,
)

__all__ = ["ManagedBackend", "ManagedEstimator", "ManagedPrimitiveJob", "ManagedSampler"]
