"""Stand where a Qiskit backend, sampler or estimator is expected, and run through a manager."""

from qiskit_job_manager.dropins.backend import ManagedBackend
from qiskit_job_manager.dropins.primitive_job import ManagedPrimitiveJob
from qiskit_job_manager.dropins.primitives import ManagedEstimator, ManagedSampler

__all__ = ["ManagedBackend", "ManagedEstimator", "ManagedPrimitiveJob", "ManagedSampler"]
