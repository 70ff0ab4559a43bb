"""The loop that moves job sets forward: reads, decides, acts, writes."""

from qiskit_job_manager.engine.loop import Engine
from qiskit_job_manager.engine.spool import Spool

__all__ = ["Engine", "Spool"]
