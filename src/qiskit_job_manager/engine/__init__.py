"""The loop that moves job sets forward: reads, decides, acts, writes."""

from qiskit_job_manager.engine.loop import Engine

__all__ = ["Engine"]
