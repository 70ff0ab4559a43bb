"""The split: from a stream of experiments to jobs that every limit allows."""

from qiskit_job_manager.planning.blocks import longest_job_s, plan, precision_of_share, shots_for
from qiskit_job_manager.planning.seeds import SEED_OPTIONS, derive_seed

__all__ = [
    "SEED_OPTIONS",
    "derive_seed",
    "longest_job_s",
    "plan",
    "precision_of_share",
    "shots_for",
]
