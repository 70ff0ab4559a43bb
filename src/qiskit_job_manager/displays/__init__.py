"""Shows how a job set goes while somebody waits for it, wherever they are."""

from qiskit_job_manager.displays.shown_progress import shown_progress

__all__ = ["shown_progress"]
