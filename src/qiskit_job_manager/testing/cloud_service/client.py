"""Two clients of the cloud: one for its users, and one for the test that controls it."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qiskit_job_manager.model import Blob, RawResult
from qiskit_job_manager.testing.cloud_service.ledger import Books
from qiskit_job_manager.testing.cloud_service.request_handler import FORMAT_PREFIX
from qiskit_job_manager.testing.emulator.transport import (
    Answer,
    CloudAnswerError,
    Transport,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.testing.cloud_service.faults import (
        Endpoint,
        Fate,
        Faults,
        Outage,
        Trouble,
    )

TIMEOUT_S = 10.0
_IDS_PER_REQUEST = 100


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the cloud describes it.

    Attributes:
        id: Its id.
        state: ``"queued"``, ``"running"``, ``"done"``, ``"failed"`` or ``"cancelled"``.
        position: Place in the queue, from 1, or ``None``.
        message: Why it failed or was cancelled, or ``None``.
    """

    id: str
    state: str
    position: int | None
    message: str | None


class CloudClient:
    """A user's view of the cloud. Sends every request once. Safe to use from any thread.

    Every method raises what `Transport` raises: `CloudAnswerError` for a refusal or an answer that
    makes no sense, with the HTTP status; `CloudUnreachableError` when nothing was sent; else
    `OSError` or `http.client.HTTPException`, after which it is unknown whether the cloud did it.

    Args:
        address: Host and port.
        token: The token of the account, if the cloud needs one.
        timeout_s: Seconds for all of a request.

    Attributes:
        address: Host and port.
    """

    def __init__(
        self, address: str, *, token: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.address = address
        self._send = Transport(address, token, timeout_s)

    def submit(
        self, payload: Blob, options: Mapping[str, Any], tag: str, *, key: str | None = None
    ) -> str:
        """Send a job and return its id; the same key, if there is one, gives the same job."""
        answer = self._send(
            "POST",
            "/jobs",
            {
                "payload": base64.b64encode(payload.data).decode(),
                "format": payload.format,
                "options": dict(options),
                "tag": tag,
                "key": key,
            },
        )
        job_id = answer.json().get("id")
        if not isinstance(job_id, str) or not job_id:
            raise CloudAnswerError("the cloud did not say which job it made", answer)
        return job_id

    def find(self, tag: str) -> list[JobView]:
        """Return the jobs with a tag that are listed by now, oldest first."""
        found: list[JobView] = []
        after: str | None = "0"
        while after is not None:
            answer = self._send("GET", f"/jobs?tag={quote(tag, safe='')}&after={quote(after)}")
            found += _jobs_in(answer)
            after = answer.json().get("next")
        return found

    def job(self, job_id: str) -> JobView:
        """Return one job."""
        answer = self._send("GET", _path(job_id))
        return _job_of(answer.json(), answer)

    def jobs(self, job_ids: Sequence[str]) -> list[JobView]:
        """Return many jobs; those that do not exist are left out."""
        found: list[JobView] = []
        for start in range(0, len(job_ids), _IDS_PER_REQUEST):
            ids = ",".join(quote(each, safe="") for each in job_ids[start:][:_IDS_PER_REQUEST])
            found += _jobs_in(self._send("GET", f"/jobs?ids={ids}"))
        return found

    def result(self, job_id: str, wait_s: float = 0.0) -> RawResult | None:
        """Return the answer to a request for a result, undecoded; ``None``: it was empty.

        Its format is the content type where that is not one of the cloud's own.

        Args:
            job_id: The job.
            wait_s: How long the cloud waits for the end of the job before it answers.
        """
        query = f"?wait_s={wait_s:g}" if wait_s else ""
        answer = self._send("GET", f"{_path(job_id)}/result{query}")
        if not answer.body:
            return None
        return RawResult(answer.content_type.removeprefix(FORMAT_PREFIX), answer.body)

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not ended."""
        self._send("POST", f"{_path(job_id)}/cancel")

    def delete(self, job_id: str) -> None:
        """Delete a job from the cloud."""
        self._send("DELETE", _path(job_id))

    def log_in(self) -> None:
        """Renew expired credentials."""
        self._send("POST", "/login")


class CloudControl:
    """Controls the cloud from any process; see the methods of the same names of `CloudService`.

    Args:
        address: Host and port of the cloud.

    Example:
        >>> from qiskit_job_manager.testing.cloud_service import (
        ...     CloudService, Endpoint, Trouble, Way)
        >>> with CloudService() as cloud:
        ...     CloudControl(cloud.address).script(Endpoint.SUBMIT, Trouble(Way.RESET, after=True))
    """

    def __init__(self, address: str) -> None:
        self._send = Transport(address, None, TIMEOUT_S)

    def behave(self, faults: Faults) -> None:
        """Set how the cloud behaves from now on."""
        self._tell(faults=asdict(faults))

    def script(self, endpoint: Endpoint, *troubles: Trouble | None) -> None:
        """Set the troubles of the next requests of a kind, one each; ``None``: no trouble."""
        self._tell(script={endpoint: [None if each is None else asdict(each) for each in troubles]})

    def tell(self, *fates: Fate) -> None:
        """Set the fates of the next jobs that are accepted, one each."""
        self._tell(fates=fates)

    def expire(self) -> None:
        """Refuse every request until the next login."""
        self._tell(expire=True)

    def begin_outage(self, outage: Outage, seconds: float) -> None:
        """Make the whole cloud fail for a time."""
        self._tell(outage=outage, seconds=seconds)

    def books(self) -> Books:
        """Return the ledger so far."""
        return Books.of_json(self._send("GET", "/ledger").json()["entries"])

    def _tell(self, **said: Any) -> None:
        self._send("POST", "/faults", said)


def _path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _jobs_in(answer: Answer) -> list[JobView]:
    jobs = answer.json().get("jobs")
    if not isinstance(jobs, list):
        raise CloudAnswerError("the cloud answered something else than a list of jobs", answer)
    return [_job_of(each, answer) for each in jobs]


def _job_of(said: Any, answer: Answer) -> JobView:
    try:
        return JobView(said["id"], said["state"], said["position"], said["message"])
    except (KeyError, TypeError) as error:
        raise CloudAnswerError("the cloud described something else than a job", answer) from error
