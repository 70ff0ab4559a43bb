"""An adapter for the cloud; an example for authors of adapters."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from qiskit_job_manager.backends import BaseBackend, provider_errors
from qiskit_job_manager.backends.registry import Scalar, query_of, scalars_in
from qiskit_job_manager.errors import (
    BackendError,
    InvalidArgumentError,
    JobNotEndedError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing.cloud_service.client import TIMEOUT_S, CloudClient
from qiskit_job_manager.testing.emulator.transport import (
    CloudAnswerError,
    CloudUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.model import Blob, RawResult
    from qiskit_job_manager.testing.cloud_service.client import JobView

TOKEN_VARIABLE = "QJM_CLOUD_TOKEN"  # noqa: S105  # the name of a variable, not a token

_RIGHT = "cloud:http://127.0.0.1:8000?variant=findable&listing_lag_s=0.5"
_STATES = {
    "queued": RemoteState.QUEUED,
    "running": RemoteState.RUNNING,
    "done": RemoteState.DONE,
    "failed": RemoteState.ERROR,
    "cancelled": RemoteState.CANCELLED,
}
_Answer = TypeVar("_Answer")


class Variant(StrEnum):
    """Which abilities of the cloud the adapter uses.

    Attributes:
        FINDABLE: Jobs are found by their tag.
        IDEMPOTENT: The tag is also the idempotency key.
        BLIND: Neither.
    """

    FINDABLE = "findable"
    IDEMPOTENT = "idempotent"
    BLIND = "blind"


class CloudAdapter(BaseBackend):
    """A `Backend` on the cloud.

    Its credentials come from the environment or from the caller. They are not part of its `uri`.

    Args:
        address: Host and port.
        variant: Which abilities of the cloud it uses.
        listing_lag_s: The lag of the listing that it declares, whether or not that is true.
        reads_once: Whether it declares that a result can be read only once.
        bulk_status: Whether it asks about many jobs in one request.
        awaits: Whether a request for a result waits in the cloud until the job ends.
        timeout_s: Seconds for all of a request.
        token: The token of the account; by default the value of ``QJM_CLOUD_TOKEN``, if set.

    Attributes:
        client: Its client of the cloud.

    Example:
        >>> CloudAdapter("127.0.0.1:8000", Variant.IDEMPOTENT).uri
        'cloud:http://127.0.0.1:8000?variant=idempotent'
    """

    def __init__(  # noqa: PLR0913  # one for each thing that it can be told to say of itself
        self,
        address: str,
        variant: Variant = Variant.FINDABLE,
        *,
        listing_lag_s: float = 0.0,
        reads_once: bool = False,
        bulk_status: bool = True,
        awaits: bool = False,
        timeout_s: float = TIMEOUT_S,
        token: str | None = None,
    ) -> None:
        self.client = CloudClient(
            address, token=token or os.environ.get(TOKEN_VARIABLE), timeout_s=timeout_s
        )
        self._variant = variant
        self._capabilities = Capabilities(
            findable=variant is Variant.FINDABLE,
            listing_lag_s=listing_lag_s,
            idempotent=variant is Variant.IDEMPOTENT,
            reads_once=reads_once,
            bulk_status=bulk_status,
            awaits=awaits,
        )
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        """Name for people."""
        return "cloud"

    @property
    def uri(self) -> str:
        """The URI that `open_cloud` opens; default values are left out."""
        can = self._capabilities
        said: dict[str, Scalar] = {
            "variant": str(self._variant),
            "listing_lag_s": can.listing_lag_s,
            "reads_once": can.reads_once,
            "bulk_status": can.bulk_status,
            "awaits": can.awaits,
            "timeout_s": self._timeout_s,
        }
        odd = {name: value for name, value in said.items() if value != _DEFAULTS[name]}
        query = f"?{query_of(odd)}" if odd else ""
        return f"cloud:http://{self.client.address}{query}"

    @property
    def account(self) -> str:
        """The address of the service, which counts its limits for all requests together."""
        return f"cloud {self.client.address}"

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities that its arguments declare."""
        return self._capabilities

    # -- submitting -------------------------------------------------------------------------------

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # as the port has it
    ) -> str:
        """Send one job, once."""
        try:
            json.dumps(dict(options))
        except (TypeError, ValueError) as error:
            raise SubmissionRefusedError(f"the run options cannot be sent: {error}") from error
        key = tag if self._capabilities.idempotent else None
        try:
            return self.client.submit(payload, options, tag, key=key)
        except CloudUnreachableError as error:
            # Without a connection nothing was sent: a definite no.
            raise SubmissionDeferredError(str(error)) from error
        except Exception as error:
            if isinstance(error, CloudAnswerError) and error.code == "too_many_jobs":
                answer = provider_errors.http_answer_behind(error)
                wait_s = answer.retry_after_s if answer else None
                raise SubmissionDeferredError(str(error), wait_s, too_many_pending=True) from error
            raise provider_errors.submission_error(error, self.name, volatile=False) from error

    def find(self, tag: str) -> Sequence[str]:
        """Return the ids of all jobs with this tag, oldest first."""
        found = self._read(f"the jobs with the tag {tag}", lambda: self.client.find(tag))
        return [job.id for job in found]

    # -- following --------------------------------------------------------------------------------

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about jobs, together or one by one."""
        if not self._capabilities.bulk_status:
            return super().statuses(remote_ids)
        asked = list(remote_ids)
        views = self._read("the status of the jobs", lambda: self.client.jobs(asked))
        found = {view.id: _status(view) for view in views}
        gone = RemoteStatus(RemoteState.GONE)
        return {remote_id: found.get(remote_id, gone) for remote_id in asked}

    def status(self, remote_id: str) -> RemoteStatus:
        """Ask about one job; one that the cloud does not have is gone."""
        try:
            what = f"the status of the job {remote_id}"
            return _status(self._read(what, lambda: self.client.job(remote_id)))
        except ResultGoneError as error:
            return RemoteStatus(RemoteState.GONE, message=str(error))

    def fetch(self, remote_id: str) -> RawResult:
        """Read a result as it comes.

        A result that can be read once is kept, whatever it is. Otherwise an answer that is plainly
        no result, such as the page of a gateway, is read again later.
        """
        what = f"the result of the job {remote_id}"
        wait_s = self._timeout_s / 2 if self._capabilities.awaits else 0.0
        try:
            raw = self._read(what, lambda: self.client.result(remote_id, wait_s))
        except TransientBackendError as error:
            raise _about_the_job(error) or error from error.__cause__
        once = self._capabilities.reads_once
        if raw is None and once:
            raise ResultGoneError(f"{what} came empty: it was read before")
        if raw is None or (not once and raw.format.startswith("text/")):
            raise TransientBackendError(f"what came is not {what}")
        return raw

    def cancel(self, remote_id: str) -> None:
        """Ask for a job to be cancelled; one that has ended, or is gone, stays as it is."""
        try:
            what = f"the answer to cancelling {remote_id}"
            self._read(what, lambda: self.client.cancel(remote_id))
        except ResultGoneError:
            return
        except TransientBackendError as error:
            if _code_of(error) != "has_ended":
                raise

    def error_message(self, remote_id: str) -> str | None:
        """Return why a job failed or was cancelled, in the cloud's words."""
        return self.status(remote_id).message

    def _read(self, what: str, ask: Callable[[], _Answer]) -> _Answer:
        """Make a request that may be repeated."""
        try:
            return ask()
        except Exception as error:
            raise provider_errors.read_error(error, what) from error


_DEFAULTS: dict[str, Scalar] = {
    "variant": str(Variant.FINDABLE),
    "listing_lag_s": 0.0,
    "reads_once": False,
    "bulk_status": True,
    "awaits": False,
    "timeout_s": TIMEOUT_S,
}


def open_cloud(argument: str | None) -> CloudAdapter:
    """Open the adapter from the part of its URI after ``cloud:``; an entry point.

    Raises:
        InvalidArgumentError: It cannot be used.
    """
    uri = f"cloud:{argument or ''}"
    try:
        parts = urlsplit(argument or "")
        if parts.scheme != "http" or not parts.port or parts.path not in ("", "/"):
            raise ValueError("it has no address")
        return CloudAdapter(parts.netloc, **_options_in(parts.query))
    except ValueError as error:
        raise InvalidArgumentError(
            f"{uri!r} cannot be opened: {error}; right would be {_RIGHT!r}"
        ) from error


def _options_in(query: str) -> dict[str, Any]:
    """Return the arguments of `CloudAdapter` in a query.

    Raises:
        ValueError: One is not known, or not of its type.
    """
    said: dict[str, Any] = dict(scalars_in(query)) if query else {}
    for name, value in said.items():
        plain = _DEFAULTS.get(name)
        whole_number = isinstance(plain, float) and type(value) is int
        if type(value) is not type(plain) and not whole_number:
            raise ValueError(f"{name}={value} is not known")
    return said | {"variant": Variant(said.get("variant", Variant.FINDABLE))}


def _status(view: JobView) -> RemoteStatus:
    state = _STATES.get(view.state)
    if state is None:
        raise TransientBackendError(f"the cloud calls the state of {view.id} {view.state!r}")
    return RemoteStatus(state, view.position, view.message)


def _about_the_job(error: TransientBackendError) -> BackendError | None:
    """Return the error for a job that failed, was cancelled, or has not ended, if it did."""
    match _code_of(error):
        case "job_failed" | "job_cancelled":
            return RemoteJobFailedError(str(error.__cause__))
        case "not_ended":
            return JobNotEndedError(str(error.__cause__))
    return None


def _code_of(error: Exception) -> str | None:
    return getattr(error.__cause__, "code", None)
