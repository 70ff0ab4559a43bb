"""Results, read from the store one experiment at a time."""

from qiskit_job_manager.results.lookup import Experiments
from qiskit_job_manager.results.managed_results import ManagedResults
from qiskit_job_manager.results.source import ResultSource, reason, source_of, span

__all__ = ["Experiments", "ManagedResults", "ResultSource", "reason", "source_of", "span"]
