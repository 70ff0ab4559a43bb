"""The execution mode of jobs: each for itself, or together in a batch or session."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.errors import failed_request_behind, submission_error
from qiskit_job_manager.backends.ibm.uri import Execution
from qiskit_job_manager.backends.provider_errors import message_of
from qiskit_job_manager.errors import (
    BackendError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
)

if TYPE_CHECKING:
    from qiskit_job_manager.backends.ibm.connection import OpenBackend


class ExecutionModes:
    """Gives what a primitive is to be made with. Safe to use from any thread.

    Batches that are opened here are one for each job set and process. They end by themselves, when
    the time is over that IBM gives them, and only the time that their jobs run is charged.

    Args:
        execution: The mode where the job set asks for none.
        session_id: The batch or session to go on with, or ``None``.
        held: That batch or session, as the user handed it over, or ``None``.
    """

    def __init__(
        self, execution: Execution, session_id: str | None = None, held: Any = None
    ) -> None:
        self._execution = execution
        self._session_id = session_id
        self._held = held
        self._batches: dict[str, Any] = {}
        self._short_lock = threading.Lock()

    @property
    def execution(self) -> Execution:
        """The mode where the job set asks for none."""
        return self._execution

    @property
    def is_users(self) -> bool:
        """Whether it is a batch or session of the user's, in which all jobs are sent."""
        return self._session_id is not None or self._execution is Execution.SESSION

    def mode(self, opened: OpenBackend, label: str, asked: Execution | None) -> Any:
        """Return the client's backend, batch or session.

        Args:
            opened: The service and the backend.
            label: What the jobs of one job set have in common.
            asked: What the job set asks for, or ``None``.

        Raises:
            SubmissionRefusedError: There is none any more, or the plan has none.
            SubmissionDeferredError: It could not be had now.
            CredentialsError: The user must log in again.
        """
        try:
            if self.is_users:
                return self._users(opened)
            if (asked or self._execution) is Execution.BATCH:
                return self._batch(opened, label)
        except BackendError:
            raise
        except Exception as error:
            raise _not_to_be_had(error, opened.backend.name) from error
        return opened.backend

    def drop(self, label: str) -> bool:
        """Forget a batch that takes no more jobs, and say whether another is to be opened."""
        with self._short_lock:
            return self._batches.pop(label, None) is not None

    def _users(self, opened: OpenBackend) -> Any:
        held = self._held
        if held is None or held.service is not opened.service:
            held = self._held = _again(self._execution, self._session_id, opened.service)
        return held

    def _batch(self, opened: OpenBackend, label: str) -> Any:
        batch = self._batches.get(label)
        if batch is not None and batch.service is opened.service:
            return batch
        from qiskit_ibm_runtime import Batch

        made = Batch(backend=opened.backend)
        with self._short_lock:
            kept = self._batches.get(label)
            if kept is None or kept.service is not opened.service:
                kept = self._batches[label] = made
        if kept is not made:  # another thread was faster; nobody waits for anybody here
            with contextlib.suppress(Exception):
                made.close()
        return kept


def session_in(mode: Any) -> str | None:
    """Return the id of a batch or session, or ``None`` for a backend."""
    found = getattr(mode, "session_id", None)
    return found if isinstance(found, str) else None


def _again(execution: Execution, session_id: str | None, service: Any) -> Any:
    from qiskit_ibm_runtime import Batch, Session

    kind = Session if execution is Execution.SESSION else Batch
    return kind.from_id(session_id, service)


def _not_to_be_had(error: Exception, where: str) -> BackendError:
    """Sort what asking for a batch or session raised; no job was sent, whatever it was."""
    said = f"no batch or session could be had on {where}: {message_of(error)}"
    trouble = failed_request_behind(error)
    if trouble is None:
        return SubmissionRefusedError(f"{said}; hand over a new one with retrieve_job_set")
    sorted_out = submission_error(error, where)
    if isinstance(sorted_out, SubmissionInDoubtError):
        return SubmissionDeferredError(said, trouble.retry_after_s)
    return sorted_out
