"""Who is let in."""

from __future__ import annotations

import hmac

from qiskit_job_manager.testing.emulator.refusals import RefusedError


class Account:
    """The one account of the cloud.

    Args:
        token: What every request must bring along; ``None``: anybody is let in.

    Attributes:
        expired: Whether nobody is let in until somebody logs in again.
    """

    def __init__(self, token: str | None = None) -> None:
        self.expired = False
        self._token = token

    def admit(self, token: str | None) -> None:
        """Let a request in.

        Raises:
            RefusedError: Its credentials have expired, or are none.
        """
        if self.expired:
            raise RefusedError(401, "expired", "the credentials have expired")
        self._check(token)

    def log_in(self, token: str | None) -> None:
        """Let everybody in again who has the token.

        Raises:
            RefusedError: The token is not the right one.
        """
        self._check(token)
        self.expired = False

    def _check(self, token: str | None) -> None:
        if self._token is None:
            return
        # Never in the message: a test looks for the token in whatever was written.
        if not hmac.compare_digest((token or "").encode(), self._token.encode()):
            raise RefusedError(401, "bad_token", "the request has no token, or a wrong one")
