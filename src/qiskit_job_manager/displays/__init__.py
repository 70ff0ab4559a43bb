"""Shows how a job set goes while somebody waits for it, wherever they are."""

from qiskit_job_manager.displays.showing import shown_progress

__all__ = ["shown_progress"]
