"""Handles the requests of users: admits them, applies troubles, and calls the job queue.

    POST   /jobs                 {"payload": base64, "format", "options", "tag", "key"?}: {"id"}
    GET    /jobs?tag=T           {"jobs": [...], "next": cursor or null}; &after=cursor
    GET    /jobs?ids=A,B         {"jobs": [...]}; those that are missing do not exist
    GET    /jobs/ID              {"id", "tag", "state", "position", "message"}
    GET    /jobs/ID/result       the bytes of the result; their format is the content type;
                                 ?wait_s=10: held back for so long at most, until the job ends
    POST   /jobs/ID/cancel
    DELETE /jobs/ID

Control requests never go wrong: POST /faults, POST /login, GET /ledger; see `CloudService`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.formats import formats_of
from qiskit_job_manager.model import Blob, ExperimentKind
from qiskit_job_manager.testing.cloud_service.faults import Endpoint, Outage, Trouble, Way
from qiskit_job_manager.testing.cloud_service.job_queue import Order
from qiskit_job_manager.testing.emulator.messages import Manner, Reply, Request
from qiskit_job_manager.testing.emulator.refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from qiskit_job_manager.testing.cloud_service.account import Account
    from qiskit_job_manager.testing.cloud_service.fault_schedule import FaultSchedule
    from qiskit_job_manager.testing.cloud_service.job_queue import JobQueue

    Work: TypeAlias = Callable[[], Reply]

PAGE = 50
MOST_WAIT_S = 30.0
_LOOK_EVERY_S = 0.05
FORMAT_PREFIX = "application/x-qjm+"
_JOB = re.compile(r"/jobs/(?P<id>[^/]+)(?P<rest>/result|/cancel|)")
_NOTHING_LISTED = "GET /jobs needs tag=... or ids=..."


class RequestHandler:
    """Answers the requests of users. Safe to use from any thread.

    Args:
        jobs: The jobs.
        schedule: Chooses the troubles.
        account: Admits requests.

    Attributes:
        outage: How the whole cloud fails now, or ``None``.
    """

    def __init__(self, jobs: JobQueue, schedule: FaultSchedule, account: Account) -> None:
        self.outage: Outage | None = None
        self._jobs = jobs
        self._schedule = schedule
        self._account = account

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        if self.outage is not None:
            return _in_outage(self.outage)
        try:
            endpoint, work = self._find(request)
            self._account.admit(request.token)
        except RefusedError as refusal:
            return Reply.refusing(refusal)
        trouble = self._schedule.trouble(endpoint)
        if trouble is not None and not trouble.work_is_done:
            return _spoiled(Reply(), trouble)
        reply = _done(work)
        if trouble is not None:
            reply = _spoiled(reply, trouble)
        return replace(reply, drip_s=self._schedule.faults.drip_s)

    def linger(self, request: Request, ends_within: Callable[[float], bool]) -> None:
        """Hold a request for a result until its job ends, as long as it asks for.

        Args:
            request: The request; ``wait_s`` in its query is the longest wait.
            ends_within: Waits so many seconds, and returns whether the service ended meanwhile.
        """
        job = _JOB.fullmatch(request.path)
        if job is None or job["rest"] != "/result":
            return
        left_s = min(_seconds(request.query.get("wait_s", "0")), MOST_WAIT_S)
        while left_s > 0 and self.outage is None:
            pause_s = min(self._jobs.goes_on_for_s(job["id"]), left_s, _LOOK_EVERY_S)
            if pause_s <= 0 or ends_within(pause_s):
                return
            left_s -= pause_s

    def _find(self, request: Request) -> tuple[Endpoint, Work]:
        """Return the kind of a request and the function that does its work."""
        job = _JOB.fullmatch(request.path)
        if job is not None:
            return self._find_about_job(request.method, job["id"], job["rest"])
        match request.method, request.path:
            case "POST", "/jobs":
                return Endpoint.SUBMIT, lambda: self._submit(request)
            case "GET", "/jobs" if "tag" in request.query:
                return Endpoint.FIND, lambda: self._list(request.query)
            case "GET", "/jobs" if "ids" in request.query:
                return Endpoint.STATUS, lambda: self._describe(request.query["ids"].split(","))
            case "GET", "/jobs":
                raise RefusedError(400, "bad_query", _NOTHING_LISTED)
        raise _no_such_thing(request.method, request.path)

    def _find_about_job(self, method: str, job_id: str, rest: str) -> tuple[Endpoint, Work]:
        match method, rest:
            case "GET", "":
                return Endpoint.STATUS, lambda: self._describe_one(job_id)
            case "GET", "/result":
                return Endpoint.RESULT, lambda: self._hand_out(job_id)
            case "POST", "/cancel":
                return Endpoint.CANCEL, lambda: self._cancel(job_id)
            case "DELETE", "":
                return Endpoint.DELETE, lambda: self._delete(job_id)
        raise _no_such_thing(method, f"/jobs/{job_id}{rest}")

    # -- the work ---------------------------------------------------------------------------------

    def _submit(self, request: Request) -> Reply:
        return Reply.of({"id": self._jobs.submit(_order(request.json()))}, 201)

    def _list(self, query: Mapping[str, str]) -> Reply:
        found = self._jobs.listed(query["tag"])
        first = _cursor(query.get("after", "0"))
        rest = len(found) > first + PAGE
        page = {"jobs": found[first : first + PAGE], "next": str(first + PAGE) if rest else None}
        return Reply.of(page)

    def _describe(self, job_ids: list[str]) -> Reply:
        return Reply.of({"jobs": self._jobs.described(job_ids)})

    def _describe_one(self, job_id: str) -> Reply:
        for job in self._jobs.described([job_id]):
            return Reply.of(job)
        raise RefusedError(404, "no_such_job", f"there is no job {job_id}")

    def _hand_out(self, job_id: str) -> Reply:
        raw = self._jobs.result(job_id)
        if raw is None:
            return Reply()
        return Reply(
            body=raw.data,
            content_type=f"{FORMAT_PREFIX}{raw.format}",
            result_of=job_id,
            has_result=True,
        )

    def _cancel(self, job_id: str) -> Reply:
        self._jobs.cancel(job_id)
        return Reply.of({})

    def _delete(self, job_id: str) -> Reply:
        self._jobs.delete(job_id)
        return Reply.of({})


def _done(work: Work) -> Reply:
    try:
        return work()
    except RefusedError as refusal:
        return Reply.refusing(refusal)


def _in_outage(outage: Outage) -> Reply:
    if outage is Outage.UNAVAILABLE:
        return Reply.refusing(RefusedError(503, "outage", "the cloud is down"))
    return Reply(manner=Manner.RESET)


def _spoiled(reply: Reply, trouble: Trouble) -> Reply:
    """Return the reply that is sent instead, because of a trouble."""
    match trouble.way:
        case Way.STATUS:
            text = f"the cloud was told to answer {trouble.status}"
            refusal = RefusedError(trouble.status, "trouble", text, trouble.retry_after_s)
            bad = Reply.refusing(refusal)
        case Way.HTML:
            bad = Reply.html()
        case Way.EMPTY:
            bad = Reply()
        case way:
            return replace(reply, manner=Manner(way.value))
    # The result was read all the same; the ledger records that none of it was sent.
    return replace(bad, result_of=reply.result_of)


def _order(said: dict[str, Any]) -> Order:
    """Read a submission.

    Raises:
        RefusedError: A field is missing or wrong.
    """
    texts = [said.get(name) for name in ("payload", "format", "tag")]
    if not all(isinstance(text, str) for text in texts):
        raise RefusedError(400, "bad_submission", "payload, format and tag must be texts")
    known = formats_of(ExperimentKind.CIRCUIT)
    if said["format"] not in known:
        text = f"circuits of format {said['format']!r} cannot be run, only of {known}"
        raise RefusedError(400, "bad_payload", text)
    options, key = said.get("options", {}), said.get("key")
    if not isinstance(options, dict) or not isinstance(key, str | None):
        raise RefusedError(400, "bad_submission", "options must be an object, and key a text")
    try:
        payload = base64.b64decode(said["payload"], validate=True)
    except binascii.Error as error:
        raise RefusedError(400, "bad_payload", f"payload is not base64: {error}") from error
    return Order(Blob(said["format"], payload), options, said["tag"], key)


def _seconds(text: str) -> float:
    """Return the seconds in a query; 0 if they are not a number."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise RefusedError(400, "bad_query", f"after={text} is not what an earlier page gave")
    return int(text)


def _no_such_thing(method: str, path: str) -> RefusedError:
    return RefusedError(404, "no_such_path", f"there is no {method} {path}")
