"""What jobs of many providers say of themselves, in one vocabulary."""

from __future__ import annotations

from typing import Any

from qiskit_job_manager.model import RemoteState, RemoteStatus

_WORDS = {
    RemoteState.QUEUED: (
        "INITIALIZING INITIALIZED CREATED SUBMITTED PENDING WAITING QUEUED VALIDATING VALIDATED "
        "RECEIVED READY HELD"
    ),
    RemoteState.RUNNING: "RUNNING EXECUTING PROCESSING STARTED COMPILING CANCELLING CANCELING",
    RemoteState.DONE: "DONE COMPLETED COMPLETE SUCCEEDED SUCCESS FINISHED",
    RemoteState.ERROR: "ERROR ERRORED FAILED FAILURE",
    RemoteState.CANCELLED: "CANCELLED CANCELED ABORTED",
}
_STATE_OF = {word: state for state, words in _WORDS.items() for word in words.split()}


def status_of(job: Any) -> RemoteStatus:
    """Ask a Qiskit job for its status; may ask the network, and raises what the job raises.

    Statuses come as Qiskit's enumeration, as others, and as text in any spelling. A word that
    nobody knows never ends a job by itself: the job is asked whether it is in a final state.
    """
    try:
        said = job.status()
    except NotImplementedError:
        # Its result is then the only thing to wait for, and reading it waits.
        return RemoteStatus(RemoteState.DONE, message="the job cannot tell its status")
    state = state_of(said)
    if state is not None:
        return RemoteStatus(state)
    ended = getattr(job, "in_final_state", lambda: False)()
    return RemoteStatus(RemoteState.DONE if ended else RemoteState.RUNNING, message=str(said))


def state_of(said: Any) -> RemoteState | None:
    """Return what a provider's word for a state means, in any spelling, if that is known."""
    return _STATE_OF.get(_word(said))


def _word(said: Any) -> str:
    name = getattr(said, "name", said)
    return str(name).strip().upper().removeprefix("JOBSTATUS.").replace("-", "_")
