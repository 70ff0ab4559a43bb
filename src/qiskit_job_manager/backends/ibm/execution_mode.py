"""The execution mode of jobs: each alone, or together in a batch or session."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
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
    """Returns the mode with which a primitive is made. Safe to use from any thread.

    It opens one batch for each job set and process. IBM closes a batch after some time, and charges
    only for the time in which its jobs run.

    Args:
        execution: The mode, if the job set does not ask for another.
        session_id: Id of the batch or session to use, or ``None``.
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
        """The mode, if the job set does not ask for another."""
        return self._execution

    @property
    def is_given(self) -> bool:
        """Whether all jobs go into a batch or session that the user opened."""
        return self._session_id is not None or self._execution is Execution.SESSION

    def mode(self, opened: OpenBackend, label: str, asked: Execution | None) -> Any:
        """Return the client's backend, batch or session.

        Args:
            opened: The service and the backend.
            label: The label of the job set.
            asked: The mode that the job set asks for, or ``None``.

        Raises:
            SubmissionRefusedError: The batch or session has ended, or the plan includes none.
            SubmissionDeferredError: It could not be opened now.
            CredentialsError: The user must log in again.
        """
        try:
            if self.is_given:
                return self._given_session(opened)
            if (asked or self._execution) is Execution.BATCH:
                return self._batch(opened, label)
        except BackendError:
            raise
        except Exception as error:
            raise _opening_failed(error, opened.backend.name) from error
        return opened.backend

    def drop(self, label: str, mode: Any) -> bool:
        """Forget a mode that takes no more jobs; return whether it is a batch that was opened here.

        Of several jobs that it refuses, the later ones leave alone what replaced it.
        """
        with self._short_lock:
            if self._batches.get(label) is mode:
                del self._batches[label]
        return not self.is_given and session_in(mode) is not None

    def _given_session(self, opened: OpenBackend) -> Any:
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
        if kept is not made:  # another thread was faster; no thread waits for another here
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


def _opening_failed(error: Exception, where: str) -> BackendError:
    """Sort what opening a batch or session raised; no job was sent."""
    text = f"no batch or session could be opened on {where}: {message_of(error)}"
    trouble = failed_request_behind(error)
    if trouble is None:
        return SubmissionRefusedError(
            f"{text}; hand over a new one with {ways.WITH_BACKEND.python.format('...')}"
        )
    meaning = submission_error(error, where)
    if isinstance(meaning, SubmissionInDoubtError):
        return SubmissionDeferredError(text, trouble.retry_after_s)
    return meaning
