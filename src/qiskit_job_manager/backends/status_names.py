"""Translates the statuses of many providers into one vocabulary."""

from __future__ import annotations

from typing import Any

from qiskit_job_manager.model import RemoteState, RemoteStatus

_STATUS_NAMES = {
    RemoteState.QUEUED: (
        "INITIALIZING INITIALIZED CREATED SUBMITTED PENDING WAITING QUEUED VALIDATING VALIDATED "
        "RECEIVED READY HELD"
    ),
    RemoteState.RUNNING: "RUNNING EXECUTING PROCESSING STARTED COMPILING CANCELLING CANCELING",
    RemoteState.DONE: "DONE COMPLETED COMPLETE SUCCEEDED SUCCESS FINISHED",
    RemoteState.ERROR: "ERROR ERRORED FAILED FAILURE",
    RemoteState.CANCELLED: "CANCELLED CANCELED ABORTED",
}
_STATE_OF = {name: state for state, names in _STATUS_NAMES.items() for name in names.split()}


def status_of(job: Any) -> RemoteStatus:
    """Ask a Qiskit job for its status; may ask the network, and raises what the job raises.

    Statuses come as Qiskit's enumeration, as another one, or as text in any spelling. An unknown
    status does not end a job: the job is then asked whether it is in a final state.
    """
    try:
        said = job.status()
    except NotImplementedError:
        # Only its result can be waited for, and reading it waits.
        return RemoteStatus(RemoteState.DONE, message="the job has no status")
    state = state_of(said)
    if state is not None:
        return RemoteStatus(state)
    ended = getattr(job, "in_final_state", lambda: False)()
    return RemoteStatus(RemoteState.DONE if ended else RemoteState.RUNNING, message=str(said))


def state_of(said: Any) -> RemoteState | None:
    """Return the state that a provider's status means, or ``None`` if it is not known."""
    return _STATE_OF.get(_normalised(said))


def _normalised(said: Any) -> str:
    name = getattr(said, "name", said)
    return str(name).strip().upper().removeprefix("JOBSTATUS.").replace("-", "_")
