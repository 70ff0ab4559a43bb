"""Results, read from the store as they are asked for."""

from qiskit_job_manager.results.lookup import Experiments
from qiskit_job_manager.results.managed_results import ManagedResults
from qiskit_job_manager.results.source import ResultSource, span

__all__ = ["Experiments", "ManagedResults", "ResultSource", "span"]
