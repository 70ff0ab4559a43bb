"""Everything that one `JobManager.run` asked for."""

from __future__ import annotations

import sys

from qiskit_job_manager.job_set.as_job import AsJob
from qiskit_job_manager.job_set.asking import Asking
from qiskit_job_manager.job_set.exporting import Exporting
from qiskit_job_manager.job_set.looking import Looking


class ManagedJobSet(AsJob, Asking, Looking, Exporting):
    """A set of jobs that run the experiments of one `JobManager.run`, and a Qiskit job itself.

    Made by `JobManager`. It holds no state of its own: whatever is asked is answered from the
    store, so any number of these may stand for one job set, in any process.
    """


# For those who ask whether it is a job. Whoever can ask has imported Qiskit; the command line,
# which cannot, need not.
if "qiskit" in sys.modules:
    from qiskit.primitives import BasePrimitiveJob
    from qiskit.providers import JobV1

    JobV1.register(ManagedJobSet)
    BasePrimitiveJob.register(ManagedJobSet)
