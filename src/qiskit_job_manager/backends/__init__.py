"""The adapters to what runs circuits; importing this does not import Qiskit."""

from qiskit_job_manager.backends.adapting import adapt
from qiskit_job_manager.backends.opening import open_backend

__all__ = ["adapt", "open_backend"]
