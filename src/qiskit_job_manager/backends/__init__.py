"""The adapters to backends; importing this does not import Qiskit."""

from qiskit_job_manager.backends.adapt import adapt, compare_seeds, options_to_store
from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.registry import open_backend
from qiskit_job_manager.backends.run_options import OptionNames, option_names

__all__ = [
    "BaseBackend",
    "OptionNames",
    "adapt",
    "compare_seeds",
    "open_backend",
    "option_names",
    "options_to_store",
]
