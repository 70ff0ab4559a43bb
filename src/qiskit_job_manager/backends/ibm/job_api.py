"""Asks the service about jobs by their ids and tags, with one request for each question.

All requests go through the client's own sessions, with its tokens, proxies and retries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.backends.calibration import of_properties
from qiskit_job_manager.backends.ibm.errors import SESSION_CLOSED, is_login_missing, read_error
from qiskit_job_manager.backends.ibm.usage import allowance_in, usage_in_info
from qiskit_job_manager.backends.provider_errors import message_of
from qiskit_job_manager.backends.status_names import state_of
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    ResultGoneError,
    TransientBackendError,
)
from qiskit_job_manager.model import RemoteState, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qiskit_job_manager.backends.ibm.connection import Connection, OpenBackend
    from qiskit_job_manager.model import Allowance, RemoteFigures

PAGE = 200
"""Jobs in one page of a listing: the most that the service allows."""

MOST_PAGES = 50
"""Pages that are read at most, because a listing may grow while it is read."""

_RAN_TOO_LONG = 1305
_ENDED_BY_SERVICE = frozenset(map(str, {_RAN_TOO_LONG, *SESSION_CLOSED}))

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class JobInfo:
    """What the service says about a job.

    Attributes:
        id: Its id.
        status: Its status.
        tags: Its tags.
        figures: What the service measured: the usage, once it is final, and when the job was
            accepted, but not when it ran.
        has_usage: Whether the usage is among it.
    """

    id: str
    status: RemoteStatus
    tags: tuple[str, ...]
    figures: RemoteFigures
    has_usage: bool


class JobApi:
    """Asks the service about jobs. Safe to use from any thread.

    Args:
        connection: Opens the service.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def job(self, remote_id: str) -> JobInfo:
        """Return one job.

        Raises:
            ResultGoneError: There is no such job.
            TransientBackendError: It could not be asked about.
            CredentialsError: The user must log in again.
        """
        what = f"the status of the job {remote_id}"
        return self._ask(what, lambda at: job_info_in(at.client.job_get(remote_id)))

    def newest(self, tag: str, wanted: Iterable[str]) -> list[JobInfo]:
        """Return jobs with a tag, newest first, up to the last of the wanted ones."""
        missing = set(wanted)
        infos: list[JobInfo] = []
        for page in range(MOST_PAGES):
            found, is_last = self._page(tag, page * PAGE, newest_first=True)
            infos += found
            missing.difference_update(info.id for info in found)
            if is_last or not missing:
                break
        return infos

    def tagged(self, tag: str) -> list[JobInfo]:
        """Return all jobs with a tag, oldest first, so that new jobs come on later pages."""
        infos: dict[str, JobInfo] = {}
        for page in range(MOST_PAGES):
            found, is_last = self._page(tag, page * PAGE, newest_first=False)
            infos.update((info.id, info) for info in found)
            if is_last:
                break
        return list(infos.values())

    def _page(self, tag: str, skip: int, *, newest_first: bool) -> tuple[list[JobInfo], bool]:
        def read(at: OpenBackend) -> tuple[list[JobInfo], bool]:
            answer = at.client.jobs_get(
                limit=PAGE, skip=skip, job_tags=[tag], descending=newest_first
            )
            found = [job_info_in(each) for each in answer["jobs"]]
            return found, not found or skip + len(found) >= int(answer["count"])

        return self._ask(f"the list of the jobs with the tag {tag}", read)

    def result(self, remote_id: str) -> str | None:
        """Return the raw text of the result of a job that has ended, or ``None``.

        Raises:
            As `job`.
        """
        what = f"the result of the job {remote_id}"

        def ask(at: OpenBackend) -> str | None:
            text: str | None = _ended_job(at, remote_id).result(decoder=RawText)
            return text

        return self._ask(what, ask)

    def metrics(self, remote_id: str) -> Mapping[str, Any]:
        """Return what the service measured of a job.

        Raises:
            As `job`.
        """
        what = f"the metrics of the job {remote_id}"
        return self._ask(what, lambda at: dict(_ended_job(at, remote_id).metrics()))

    def cancel(self, remote_id: str) -> None:
        """Ask the service to cancel a job; one that has ended or was deleted stays as it is.

        Raises:
            TransientBackendError: The request may not have arrived.
            CredentialsError: The user must log in again.
        """

        def ask(at: OpenBackend) -> None:
            try:
                _ended_job(at, remote_id).cancel()
            except Exception as error:
                # The job has ended. The client may also have asked twice, because the first answer
                # was an error.
                if type(error).__name__ != "RuntimeInvalidStateError":
                    raise

        try:
            self._ask(f"the answer to cancelling {remote_id}", ask)
        except ResultGoneError:
            return

    def delete(self, remote_id: str) -> None:
        """Delete a job with its result; one that is gone stays so.

        Raises:
            TransientBackendError: The request may not have arrived.
            CredentialsError: The user must log in again.
        """
        try:
            self._ask(
                f"the answer to deleting {remote_id}", lambda at: at.client.job_delete(remote_id)
            )
        except ResultGoneError:
            return

    def allowance(self) -> Allowance | None:
        """Return what the instance has used and may use in its period, or ``None``.

        Raises:
            As `job`.
        """
        what = "the usage of the instance"
        return self._ask(what, lambda at: allowance_in(at.client.cloud_usage()))

    def calibration(self) -> Mapping[str, Any] | None:
        """Return the present properties of the backend; ``None`` where it has none.

        Raises:
            As `job`.
        """

        def ask(at: OpenBackend) -> Mapping[str, Any] | None:
            if at.backend is None:
                return None
            calibration_id = getattr(at.backend, "calibration_id", None)
            name = at.backend.name
            said = at.client.backend_properties(name, calibration_id=calibration_id)
            return of_properties(said) if said else None

        return self._ask(f"the properties of {self._connection.name}", ask)

    def _ask(self, what: str, ask: Callable[[OpenBackend], _Answer]) -> _Answer:
        """Ask; if the service refuses the token, ask once more with a new token."""
        opened = self._connection.for_reading
        try:
            return ask(opened)
        except Exception as error:
            if not is_login_missing(error):
                raise _unreadable(error, what) from error
            renewed = self._renewed(opened, _unreadable(error, what))
        try:
            return ask(renewed)
        except Exception as error:
            raise _unreadable(error, what) from error

    def _renewed(self, opened: OpenBackend, refused: BackendError) -> OpenBackend:
        try:
            self._connection.renew(opened)
        except CredentialsError as error:
            raise refused from error
        return self._connection.for_reading


def _unreadable(error: Exception, what: str) -> BackendError:
    """Sort what asking raised; an answer may lack something that it always has."""
    if isinstance(error, LookupError | TypeError):
        text = f"{what} could not be read: the answer lacks {message_of(error)}"
        return TransientBackendError(text)
    return read_error(error, what)


def job_info_in(answer: Mapping[str, Any]) -> JobInfo:
    """Read the service's description of a job.

    Raises:
        LookupError: A field is missing.
        TypeError: A field has another type.
    """
    tags: Sequence[Any] = answer.get("tags") or ()
    return JobInfo(
        id=str(answer["id"]),
        status=_status_in(answer["state"]),
        tags=tuple(map(str, tags)),
        figures=usage_in_info(answer),
        has_usage=isinstance(answer.get("usage"), dict),
    )


def _status_in(state: Mapping[str, Any]) -> RemoteStatus:
    said = str(state["status"])
    code = state.get("reason_code") or state.get("reasonCode")
    reason = state.get("reason")
    message = f"Error code {code}; {reason}" if code and reason else reason
    known = state_of(said)
    if known is None:  # of a newer service: the job runs until its status is a known one
        return RemoteStatus(RemoteState.RUNNING, message=said)
    # Nobody asked to cancel these.
    if known is RemoteState.CANCELLED and str(code) in _ENDED_BY_SERVICE:
        known = RemoteState.ERROR
    return RemoteStatus(known, message=None if message is None else str(message))


def _ended_job(at: OpenBackend, remote_id: str) -> Any:
    """Return the client's job object of a job that is known to have ended.

    The client's own class asks for the status before each result. For a failed job it asks for the
    result before each status, and raises if there is no result.
    """
    from qiskit_ibm_runtime import RuntimeJobV2

    class EndedJob(RuntimeJobV2):  # type: ignore[misc]  # the client has no type information
        """A job whose status is not asked for."""

        def status(self) -> str:
            """Return that it has ended."""
            return "DONE"

    return EndedJob(
        backend=at.backend,
        api_client=at.client,
        job_id=remote_id,
        program_id="",
        service=at.service,
    )


class RawText:
    """A decoder for the client that returns the text of a result; see ``RuntimeJobV2.result``."""

    @classmethod
    def is_applicable(cls, data: object) -> bool:  # noqa: ARG003  # part of the client's interface
        """Return that any text can be decoded."""
        return True

    @classmethod
    def decode(cls, data: str) -> str:
        """Return the text."""
        return data
