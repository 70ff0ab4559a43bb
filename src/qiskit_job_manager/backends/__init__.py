"""The adapters to backends; importing this does not import Qiskit."""

from qiskit_job_manager.backends.adapt import adapt, options_to_store, refuse_other_options
from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.registry import open_backend

__all__ = ["BaseBackend", "adapt", "open_backend", "options_to_store", "refuse_other_options"]
