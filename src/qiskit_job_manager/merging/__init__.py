"""What the shares of one experiment give together: merging undoes the split of the shots."""

from qiskit_job_manager.merging.pubs import PubShare, merge_pubs
from qiskit_job_manager.merging.shares import merge, merge_counts

__all__ = ["PubShare", "merge", "merge_counts", "merge_pubs"]
