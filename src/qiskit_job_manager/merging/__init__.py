"""What the shares of one experiment give together: merging undoes the split of the shots."""

from qiskit_job_manager.merging.counts import merge_counts
from qiskit_job_manager.merging.shares import merge

__all__ = ["merge", "merge_counts"]
