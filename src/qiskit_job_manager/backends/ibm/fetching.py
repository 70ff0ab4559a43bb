"""Reads the results of jobs, each with what the service measured of the job."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qiskit_job_manager.backends.ibm.figures import figures_in, within_patience
from qiskit_job_manager.backends.ibm.results import is_page, is_result, is_whole
from qiskit_job_manager.codec.ibm_json import encode_runtime_text
from qiskit_job_manager.errors import RemoteJobFailedError, ResultGoneError, TransientBackendError
from qiskit_job_manager.model import RawResult, RemoteState

if TYPE_CHECKING:
    from qiskit_job_manager.backends.ibm.desk import Desk
    from qiskit_job_manager.backends.ibm.following import Follower
    from qiskit_job_manager.model import RemoteFigures, RemoteStatus

PATIENT_READS = 20
"""How often what is no result is read before it counts: for minutes, as the engine waits."""

_SHOWN = 2000


class Fetcher:
    """Reads results. Safe to use from any thread.

    Args:
        desk: What asks the service.
        follower: What knows the statuses.
        reads_once: Whether the jobs are private, so that a result can be read only once.
    """

    def __init__(self, desk: Desk, follower: Follower, *, reads_once: bool) -> None:
        self._desk = desk
        self._follower = follower
        self._reads_once = reads_once
        self._sessions: dict[str, str] = {}
        self._figures: dict[str, RemoteFigures] = {}
        self._odd: Counter[str] = Counter()

    def note_session(self, remote_id: str, session_id: str | None) -> None:
        """Take note of the batch or session that a job was sent in."""
        if session_id is not None:
            self._sessions[remote_id] = session_id

    def fetch(self, remote_id: str) -> RawResult:
        """Return the raw result of a job that has ended.

        Its figures are asked for first, so that a result is on disk as soon as it is here.

        Raises:
            BackendError: As `Backend.fetch`.
        """
        status = self._follower.status(remote_id)
        figures = self._measured(remote_id)
        text = self._text(remote_id, status)
        kept = encode_runtime_text(text)
        self._follower.forget(remote_id)
        for known in (self._sessions, self._figures, self._odd):
            known.pop(remote_id, None)
        return RawResult(kept.format, kept.data, figures)

    def error_message(self, remote_id: str) -> str | None:
        """Return why a job failed: what the service says, or else what it left as a result.

        Raises:
            BackendError: It could not be read.
        """
        status = self._follower.status(remote_id)
        if status.message or status.state is not RemoteState.ERROR or self._reads_once:
            return status.message
        text = self._desk.result(remote_id) or ""
        return None if is_result(text) else text[-_SHOWN:] or None

    def _text(self, remote_id: str, status: RemoteStatus) -> str:
        match status.state:
            case RemoteState.DONE:
                return self._of_done(remote_id)
            case RemoteState.ERROR:
                return self._of_failed(remote_id, status)
            case RemoteState.CANCELLED:
                raise RemoteJobFailedError(status.message or f"the job {remote_id} was cancelled")
            case _:
                raise TransientBackendError(f"the job {remote_id} is still {status.state}")

    def _of_done(self, remote_id: str) -> str:
        """Return the text of a job that went well.

        What can be read once is kept, whatever it is, but for the page of a gateway, which never
        asked for it. Otherwise what is plainly no result is read again, many times.
        """
        what = f"the result of the job {remote_id}"
        text = self._desk.result(remote_id)
        if text and not is_page(text) and (self._reads_once or is_whole(text)):
            return text
        if not text and self._reads_once:
            raise ResultGoneError(f"{what} came empty: it was read before")
        self._odd[remote_id] += 1
        if self._odd[remote_id] < PATIENT_READS or (text and is_page(text)):
            raise TransientBackendError(f"what came is not {what}")
        if not text:
            raise ResultGoneError(f"{what} came empty, {PATIENT_READS} times")
        return text

    def _of_failed(self, remote_id: str, status: RemoteStatus) -> str:
        """Return what a failed job left behind, if that is a result."""
        try:
            text = self._desk.result(remote_id) or ""
        except ResultGoneError:
            text = ""
        if is_result(text):
            return text
        said = status.message or text[-_SHOWN:]
        raise RemoteJobFailedError(said or f"the job {remote_id} failed, and IBM says not why")

    def _measured(self, remote_id: str) -> RemoteFigures | None:
        known = self._figures.get(remote_id)
        if known is None:
            session_id = self._sessions.get(remote_id)
            known = within_patience(lambda: figures_in(self._desk.metrics(remote_id), session_id))
        if known is not None:
            self._figures[remote_id] = known
        return known
