"""Shows progress while a call waits: on a terminal, in a notebook, or as lines in a log."""

from qiskit_job_manager.displays.display import shown_progress, shown_steps

__all__ = ["shown_progress", "shown_steps"]
