"""What a dry run says: a job that the service takes as any other, and runs on no QPU."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.fetch import parse_json
from qiskit_job_manager.backends.ibm.usage import spans_s, usage_so_far_s
from qiskit_job_manager.errors import SubmissionRefusedError, TransientBackendError
from qiskit_job_manager.model import RemoteState

if TYPE_CHECKING:
    from qiskit_job_manager.backends.ibm.job_api import JobApi

WITHIN_S = 600.0
"""How long a dry run may take; the service may let it wait."""

_POLL_S = (0.1, 5.0)
_ENDED = frozenset({RemoteState.DONE, RemoteState.ERROR, RemoteState.CANCELLED})


def dry_run_usage_s(job_api: JobApi, remote_id: str) -> float | None:
    """Wait for the end of a dry run, and return the quantum seconds that the job would use.

    Raises:
        SubmissionRefusedError: The service refused the job.
        TransientBackendError: It has not ended in time, or could not be asked about.
    """
    _wait(job_api, remote_id)
    said = usage_so_far_s(job_api.metrics(remote_id))
    if said:
        return said
    result: Any = parse_json(job_api.result(remote_id) or "")
    return spans_s(result)


def _wait(job_api: JobApi, remote_id: str) -> None:
    until_s, pause_s = time.monotonic() + WITHIN_S, _POLL_S[0]
    while (status := job_api.job(remote_id).status).state not in _ENDED:
        if time.monotonic() > until_s:
            raise TransientBackendError(
                f"the dry run {remote_id} has not ended within {WITHIN_S:.0f} s; it costs nothing"
            )
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _POLL_S[1])
    if status.state is not RemoteState.DONE:
        reason = status.message or f"it ended as {status.state}"
        raise SubmissionRefusedError(f"the service refused the job in a dry run: {reason}")
