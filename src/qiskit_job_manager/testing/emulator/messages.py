"""Requests and replies, without any socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from qiskit_job_manager.testing.emulator.refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"
HTML_PAGE = b"<!doctype html><html><body><h1>Scheduled maintenance</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent.

    Attributes:
        method: The HTTP method.
        target: Path and query.
        body: All of the body.
        token: What stands after ``Bearer`` in its Authorization, or ``None``.
    """

    method: str
    target: str
    body: bytes = b""
    token: str | None = None

    @property
    def path(self) -> str:
        """The path, without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's values, the first of each name."""
        return {name: found[0] for name, found in parse_qs(urlsplit(self.target).query).items()}

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            RefusedError: It is not one.
        """
        try:
            said = json.loads(self.body or b"{}")
        except ValueError as error:
            raise RefusedError(400, "bad_json", f"the body is not JSON: {error}") from error
        if not isinstance(said, dict):
            raise RefusedError(400, "bad_json", "the body is not a JSON object")
        return said


class Manner(StrEnum):
    """How a reply is sent; see `Way` in `faults` for each."""

    WHOLE = "whole"
    HALF = "half"
    DRIP = "drip"
    RESET = "reset"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent back.

    Attributes:
        status: The HTTP status.
        body: The body.
        content_type: Of the body.
        headers: Further headers.
        manner: How it is sent.
        result_of: Id of the job whose result was read for it, or ``None``.
        has_result: Whether the body is that result, and not a reply sent instead.
        drip_s: Seconds between bytes, for `Manner.DRIP`.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE
    result_of: str | None = None
    has_result: bool = False
    drip_s: float = 0.05

    @classmethod
    def of(cls, value: Mapping[str, Any], status: int = 200) -> Reply:
        """Return a reply in JSON."""
        return cls(status=status, body=json.dumps(value).encode())

    @classmethod
    def html(cls) -> Reply:
        """Return a page for people, as a gateway sends one."""
        return cls(body=HTML_PAGE, content_type="text/html")

    @classmethod
    def refusing(cls, refusal: RefusedError) -> Reply:
        """Return the reply to a refused request."""
        wait_s = refusal.retry_after_s
        return cls(
            status=refusal.status,
            body=json.dumps(refusal.as_json()).encode(),
            headers={} if wait_s is None else {"Retry-After": f"{wait_s:g}"},
        )
