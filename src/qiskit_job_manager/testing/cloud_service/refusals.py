"""How the cloud says no."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that is answered with an error; it had no effect.

    Attributes:
        status: The HTTP status.
        code: What is wrong, for programs.
        message: What is wrong, for people.
        retry_after_s: Seconds to wait, or ``None``.
    """

    def __init__(
        self, status: int, code: str, message: str, retry_after_s: float | None = None
    ) -> None:
        """Keep the answer."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
