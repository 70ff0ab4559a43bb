"""Handles the requests of the client; IBM's REST reference describes each."""

from __future__ import annotations

import base64
import json
import math
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from qiskit_job_manager.testing.emulator.messages import Manner, Reply, Request
from qiskit_job_manager.testing.ibm_service.faults import Behaviour, Kind, Trouble, Way
from qiskit_job_manager.testing.ibm_service.refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.testing.ibm_service.devices import Devices
    from qiskit_job_manager.testing.ibm_service.fault_schedule import FaultSchedule
    from qiskit_job_manager.testing.ibm_service.jobs import Job, Jobs
    from qiskit_job_manager.testing.ibm_service.ledger import Ledger

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/emulated:emulated-instance::"
INSTANCE = "emulated"
_PLAN = "emulated-plan"
_PAGE = 200
_BASE = re.compile(r"(?:/experimental)?/api/v1(?P<path>/.*)")
_BACKEND = re.compile(r"/backends/(?P<name>[^/]+)/(?P<what>configuration|properties|status)")
_JOB = re.compile(r"/jobs/(?P<id>[^/]+)(?P<rest>/results|/cancel|/tags|/logs|/metrics|)")
_SESSION = re.compile(r"/sessions(?:/(?P<id>[^/]+)(?P<close>/close)?)?")
_OF_JOB = {
    ("GET", ""): Kind.JOB,
    ("DELETE", ""): Kind.DELETE,
    ("GET", "/results"): Kind.RESULTS,
    ("POST", "/cancel"): Kind.CANCEL,
    ("PUT", "/tags"): Kind.TAGS,
    ("GET", "/logs"): Kind.LOGS,
    ("GET", "/metrics"): Kind.METRICS,
}
_OF_PATH = {
    ("POST", "/identity/token"): Kind.TOKEN,
    ("POST", "/v3/resources/search"): Kind.INSTANCES,
    ("GET", f"/{_PLAN}"): Kind.PLAN,
    ("GET", "/instances/usage"): Kind.USAGE,
    ("GET", "/backends"): Kind.BACKENDS,
    ("POST", "/jobs"): Kind.SUBMIT,
    ("GET", "/jobs"): Kind.LIST,
}
_WITHOUT_TOKEN = (Kind.TOKEN, Kind.INSTANCES, Kind.PLAN)


class RequestHandler:
    """Answers requests. Safe to use from any thread.

    Attributes:
        behaviour: How the emulator behaves; may be replaced at any time.
    """

    def __init__(
        self,
        jobs: Jobs,
        devices: Devices,
        schedule: FaultSchedule,
        ledger: Ledger,
        behaviour: Behaviour,
    ) -> None:
        self.behaviour = behaviour
        self._jobs = jobs
        self._devices = devices
        self._schedule = schedule
        self._ledger = ledger
        self._sessions: dict[str, dict[str, Any]] = {}
        self._revoked_before = 0
        self._tokens = 0

    def revoke_tokens(self) -> None:
        """Refuse all tokens that were given until now."""
        self._revoked_before = self._tokens

    def answer(self, request: Request) -> Reply | None:
        """Answer a request; ``None``: never, as a hanging service."""
        method, path = request.method, _path(request)
        kind = _kind(method, path)
        if kind is None:
            return Reply.refusing(RefusedError(404, 1290, f"there is no {method} {path}"))
        job = _JOB.fullmatch(path)
        self._ledger.note_request(kind, job["id"] if job else None)
        trouble = self._schedule.trouble(kind)
        if trouble is not None and not trouble.work_is_done:
            return spoiled(Reply(), trouble)
        reply = self._done(kind, request, path)
        return reply if trouble is None else spoiled(reply, trouble)

    def _done(self, kind: Kind, request: Request, path: str) -> Reply:
        try:
            if kind not in _WITHOUT_TOKEN:
                self._admit(request.token)
            work: Callable[[Request, str], Reply] = getattr(self, f"_{kind}")
            return work(request, path)
        except RefusedError as refusal:
            return Reply.refusing(refusal)

    def _admit(self, token: str | None) -> None:
        """Admit a request; one with an API key instead of a token is always admitted."""
        if token is None:
            return
        said = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        # In whole seconds: the client may still use a token in the second in which it expires.
        if said["number"] <= self._revoked_before or said["exp"] < int(time.time()):
            raise RefusedError(401, 1200, "The token is expired or was revoked")

    # -- accounts ---------------------------------------------------------------------------------

    def _token(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        self._tokens += 1
        now_s, lifetime_s = int(time.time()), self.behaviour.token_lifetime_s
        claims = {"iat": now_s, "exp": now_s + math.ceil(lifetime_s), "number": self._tokens}
        parts = (_base64({"alg": "HS256", "typ": "JWT"}), _base64(claims), _base64({}))
        return Reply.of(
            {
                "access_token": ".".join(parts),
                "refresh_token": "none",
                "token_type": "Bearer",
                "expires_in": math.ceil(lifetime_s),
                "expiration": claims["exp"],
            }
        )

    def _instances(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        item = {
            "crn": CRN,
            "name": INSTANCE,
            "tags": [],
            "service_plan_unique_id": _PLAN,
            "doc": {"extensions": [1]},
        }
        return Reply.of({"items": [item]})

    def _plan(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        names = {"en": {"display_name": "Open"}}
        said = {"overview_ui": names, "metadata": {"pricing": {"type": "free"}}}
        return Reply.of(said)

    def _usage(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        reached, limit_s = self.behaviour.usage_limit_reached, self.behaviour.usage_limit_s
        used_s = limit_s if reached else self.behaviour.usage_consumed_s
        return Reply.of(
            {
                "instance_id": CRN,
                "plan_id": _PLAN,
                "usage_limit_seconds": limit_s,
                "usage_consumed_seconds": used_s,
                "usage_remaining_seconds": max(limit_s - used_s, 0.0),
                "usage_limit_reached": reached,
            }
        )

    # -- backends ---------------------------------------------------------------------------------

    def _backends(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        return Reply.of({"devices": self._devices.listed(self.behaviour)})

    def _about_backend(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        found = _BACKEND.fullmatch(path)
        assert found is not None
        return Reply.of(self._devices.about(found["name"], found["what"], self.behaviour))

    _configuration = _properties = _backend_status = _about_backend

    # -- jobs -------------------------------------------------------------------------------------

    def _submit(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        said = _object(request)
        self._devices.check(said.get("backend"), self.behaviour)
        session = self._sessions.get(said.get("session_id", ""))
        if session is not None and not session["accepting_jobs"]:
            raise RefusedError(400, 4001, "The session is closed")
        job = self._jobs.submit(said, len(request.body), self._schedule.fate())
        return Reply.of({name: job.described()[name] for name in ("id", "backend", "private")})

    def _list(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        query = parse_qs(urlsplit(request.target).query)
        first, limit = _whole(query, "offset", 0), min(_whole(query, "limit", _PAGE), _PAGE)
        after, before = (_moment(query, f"created_{which}") for which in ("after", "before"))
        found = [
            job
            for job in self._jobs.listed()
            if self._matches(job, query)
            and (after is None or job.created >= after)
            and (before is None or job.created <= before)
        ]
        if query.get("sort") == ["ASC"]:
            found.reverse()
        lag_s = self.behaviour.usage_lag_s
        page = [job.described(usage_lag_s=lag_s) for job in found[first : first + limit]]
        return Reply.of({"jobs": page, "count": len(found), "offset": first, "limit": limit})

    def _matches(self, job: Job, query: dict[str, list[str]]) -> bool:
        told = job.described()
        texts = {
            "backend": told["backend"],
            "program": told["program"]["id"],
            "session_id": told.get("session_id"),
            "pending": "true" if self._jobs.is_pending(job) else "false",
        }
        fits = all(texts[name] == query[name][0] for name in texts if name in query)
        return fits and set(query.get("tags", ())) <= set(job.tags)

    def _job(self, request: Request, path: str) -> Reply:
        excluded = "exclude_params=true" in urlsplit(request.target).query
        job, lag_s = self._jobs.get(_job_id(path)), self.behaviour.usage_lag_s
        return Reply.of(job.described(with_params=not excluded, usage_lag_s=lag_s))

    def _results(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        job_id = _job_id(path)
        text = self._jobs.hand_out(job_id)
        if text is None:
            return Reply(status=204)
        body = text.encode()
        return Reply(body=body, content_type="text/plain", result_of=job_id, has_result=True)

    def _cancel(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        self._jobs.cancel(_job_id(path))
        return Reply(status=204)

    def _tags(self, request: Request, path: str) -> Reply:
        job, tags = self._jobs.get(_job_id(path)), _object(request).get("tags")
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise RefusedError(400, 1217, "tags must be a list of texts")
        job.said["tags"] = tags
        return Reply(status=204)

    def _logs(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        self._jobs.get(_job_id(path))
        return Reply(body=b"emulated", content_type="text/plain")

    def _metrics(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        return Reply.of(self._jobs.get(_job_id(path)).metrics(self.behaviour.usage_lag_s))

    def _delete(self, request: Request, path: str) -> Reply:  # noqa: ARG002
        self._jobs.delete(_job_id(path))
        return Reply(status=204)

    # -- sessions ---------------------------------------------------------------------------------

    def _session(self, request: Request, path: str) -> Reply:
        found = _SESSION.fullmatch(path)
        assert found is not None
        if found["id"] is None:
            return Reply.of(self._open_session(_object(request)))
        if found["id"] not in self._sessions:
            raise RefusedError(404, 1292, f"Session not found: {found['id']}")
        session = self._sessions[found["id"]]
        if request.method == "GET":
            return Reply.of(session)
        session["accepting_jobs"] = False
        if found["close"]:
            self._end_session(session)
        return Reply(status=204)

    def _open_session(self, said: dict[str, Any]) -> dict[str, Any]:
        self._devices.check(said.get("backend"), self.behaviour)
        session = {
            "id": f"session-{len(self._sessions)}",
            "backend_name": said["backend"],
            "mode": said.get("mode", "dedicated"),
            "state": "open",
            "accepting_jobs": True,
            "max_ttl": said.get("max_ttl", 28800),
            "interactive_ttl": 60,
        }
        self._sessions[session["id"]] = session
        return session

    def _end_session(self, session: dict[str, Any]) -> None:
        session["state"] = "closed"
        for job in self._jobs.listed():
            if job.said.get("session_id") == session["id"] and self._jobs.is_pending(job):
                self._jobs.cancel(job.id, "The session is closed", 4001)


def spoiled(reply: Reply, trouble: Trouble) -> Reply | None:
    """Return the reply that is sent instead, because of a trouble; ``None``: no reply."""
    match trouble.way:
        case Way.STATUS:
            refusal = RefusedError(
                trouble.status, trouble.code, trouble.message, trouble.retry_after_s
            )
            bad = Reply.refusing(refusal)
        case Way.HTML:
            bad = Reply.html()
        case Way.LACKING:
            bad = Reply.of({})
        case Way.EMPTY:
            bad = Reply(status=204)
        case Way.CUT:
            bad = replace(reply, body=reply.body[: len(reply.body) // 2], has_result=False)
        case Way.HANG:
            return None
        case way:
            return replace(reply, manner=Manner(way.value))
    return replace(bad, result_of=reply.result_of)


def _path(request: Request) -> str:
    found = _BASE.fullmatch(request.path)
    return found["path"] if found else request.path


def _kind(method: str, path: str) -> Kind | None:
    if (method, path) in _OF_PATH:
        return _OF_PATH[method, path]
    if found := _BACKEND.fullmatch(path):
        return Kind("backend_status" if found["what"] == "status" else found["what"])
    if found := _JOB.fullmatch(path):
        return _OF_JOB.get((method, found["rest"]))
    return Kind.SESSION if _SESSION.fullmatch(path) else None


def _job_id(path: str) -> str:
    return path.split("/")[2]


def _whole(query: dict[str, list[str]], name: str, default: int) -> int:
    said = query.get(name, [str(default)])[0]
    if not (said.isascii() and said.isdigit()):
        raise RefusedError(400, 1217, f"{name} is {said!r}; it must be a whole number")
    return int(said)


def _moment(query: dict[str, list[str]], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name][0])
    except ValueError as error:
        raise RefusedError(400, 1217, f"{name}: {error}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _object(request: Request) -> dict[str, Any]:
    try:
        said = json.loads(request.body or b"{}")
    except ValueError as error:
        raise RefusedError(400, 1217, f"the body is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise RefusedError(400, 1217, "the body is not a JSON object")
    return said


def _base64(said: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
