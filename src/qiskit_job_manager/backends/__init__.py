"""The adapters to what runs circuits; importing this does not import Qiskit."""

from qiskit_job_manager.backends.adapt import adapt, kept_options
from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.registry import open_backend

__all__ = ["BaseBackend", "adapt", "kept_options", "open_backend"]
