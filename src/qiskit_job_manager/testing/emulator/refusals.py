"""The error that a request handler raises to refuse a request."""

from __future__ import annotations

from typing import Any


class RefusedError(Exception):
    """A request that is answered with an error; it had no effect.

    Attributes:
        status: The HTTP status.
        code: What is wrong, for programs.
        message: What is wrong, for people.
        retry_after_s: Seconds in the Retry-After header; ``None``: no such header.
    """

    def __init__(
        self, status: int, code: str | int, message: str, retry_after_s: float | None = None
    ) -> None:
        """Keep the answer."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    def as_json(self) -> dict[str, Any]:
        """Return the body of the reply; a service with another form of errors overrides it."""
        return {"error": {"code": self.code, "message": self.message}}
