"""Shows progress while a call waits: on a terminal, in a notebook, or as lines in a log."""

from qiskit_job_manager.displays.shown_progress import shown_progress
from qiskit_job_manager.displays.steps import shown_steps

__all__ = ["shown_progress", "shown_steps"]
