"""The account of the cloud: which requests it admits."""

from __future__ import annotations

import hmac

from qiskit_job_manager.testing.emulator.refusals import RefusedError


class Account:
    """The one account of the cloud.

    Args:
        token: The token that every request must have; ``None``: every request is admitted.

    Attributes:
        expired: Whether every request is refused until the next login.
    """

    def __init__(self, token: str | None = None) -> None:
        self.expired = False
        self._token = token

    def admit(self, token: str | None) -> None:
        """Admit a request.

        Raises:
            RefusedError: Its credentials have expired, or its token is wrong.
        """
        if self.expired:
            raise RefusedError(401, "expired", "the credentials have expired")
        self._check(token)

    def log_in(self, token: str | None) -> None:
        """Admit requests with the token again.

        Raises:
            RefusedError: The token is not the right one.
        """
        self._check(token)
        self.expired = False

    def _check(self, token: str | None) -> None:
        if self._token is None:
            return
        # The message never has the token: a test searches all output for it.
        if not hmac.compare_digest((token or "").encode(), self._token.encode()):
            raise RefusedError(401, "bad_token", "the request has no token, or a wrong one")
