"""What becomes of a job that a backend accepted too late for its driver to record.

The answer to a submission may come after another driver has taken the job set over, or after the
job was submitted again. Such a job costs money, so it is recorded without the lease, logged, and
cancelled where no driver waits for it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qiskit_job_manager.engine.duplicate_submissions import cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.engine.call_results import BackendCall
    from qiskit_job_manager.model import AttemptRecord
    from qiskit_job_manager.ports import Clock, Store

logger = logging.getLogger(__name__)


def late_acceptance(
    store: Store, clock: Clock, call: BackendCall, remote_id: str
) -> Callable[[], None]:
    """Return the call that deals with a job that was accepted late.

    Args:
        store: Where the attempts are.
        clock: Tells the time.
        call: The submission.
        remote_id: What it returned.
    """

    def run() -> None:
        for job_index, attempt in store.attempts_tagged(call.job_set_key, [call.tag or ""]):
            if attempt.remote_id == remote_id:
                continue  # another driver has found it by its tag
            ending = _ending(call, attempt, remote_id)
            text = f"accepted as {remote_id}, too late to be recorded; {ending}"
            store.record_late_acceptance(call.job_set_key, clock.now(), job_index, text)
            fields = {"event": "accepted late", "job_set_id": call.record.job_set_id}
            where = (job_index, call.record.name)
            logger.warning("job %d of %r was %s", *where, text, extra=fields)

    return run


def _ending(call: BackendCall, attempt: AttemptRecord, remote_id: str) -> str:
    """Cancel the job unless it may still count; say what was done."""
    if attempt.remote_id is None and attempt.ended_at is None:
        return "its job is in doubt, so it was not cancelled"
    trouble = None if call.backend is None else cancelled(call.backend, remote_id)
    return f"it could not be cancelled: {trouble}" if trouble else "it was asked to be cancelled"
