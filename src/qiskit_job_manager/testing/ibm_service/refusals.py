"""How IBM says no: an HTTP status, and the current form of its errors."""

from __future__ import annotations

import json

from qiskit_job_manager.testing.cloud_service.messages import Reply


class RefusedError(Exception):
    """A request that is answered with an error; it had no effect.

    Attributes:
        status: The HTTP status.
        code: IBM's code.
        message: IBM's words.
        retry_after_s: Seconds to wait, or ``None``.
    """

    def __init__(
        self, status: int, code: int, message: str, retry_after_s: float | None = None
    ) -> None:
        """Keep the answer."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    def reply(self) -> Reply:
        """Return the answer."""
        error = {"code": self.code, "message": self.message, "solution": "", "more_info": ""}
        wait_s = self.retry_after_s
        return Reply(
            status=self.status,
            body=json.dumps({"errors": [error], "trace": "emulated"}).encode(),
            headers={} if wait_s is None else {"Retry-After": f"{wait_s:g}"},
        )
