"""Sends an HTTP request once, with one deadline for the whole exchange."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class CloudUnreachableError(ConnectionError):
    """No connection could be made, so that nothing was sent."""


class CloudAnswerError(Exception):
    """The cloud refused a request, or its answer makes no sense.

    Attributes:
        status_code: The HTTP status.
        code: The code of the error, or ``None``.
        headers: Headers of the answer.
    """

    def __init__(self, message: str, answer: Answer, code: str | None = None) -> None:
        """Keep what was answered."""
        super().__init__(message)
        self.status_code = answer.status
        self.code = code
        self.headers = answer.headers


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        status: The HTTP status, 200 or 201.
        headers: Its headers.
        body: Its body, complete.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The content type of the body."""
        return self.headers.get("Content-Type", "")

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            CloudAnswerError: It is not one.
        """
        said = _object_in(self.body)
        if said is None:
            raise CloudAnswerError(f"the cloud answered {self.content_type}, not JSON", self)
        return said


class Transport:
    """Sends requests to one service, each on a connection of its own. Safe to use from any thread.

    Args:
        address: Host and port.
        token: The token of the account, or ``None``.
        timeout_s: Seconds for all of a request, from connecting to the answer's last byte.
    """

    def __init__(self, address: str, token: str | None, timeout_s: float) -> None:
        self._address = address
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._timeout_s = timeout_s

    def __call__(self, method: str, target: str, said: Mapping[str, Any] | None = None) -> Answer:
        """Send a request and return its answer.

        Raises:
            CloudUnreachableError: Nothing was sent.
            CloudAnswerError: The answer is an error.
            TimeoutError: The answer was not there in time.
            OSError: The connection broke.
            http.client.HTTPException: The answer is incomplete, or not HTTP.
        """
        body = None if said is None else json.dumps(said).encode()
        answer = self._exchange(method, target, body)
        if answer.status >= 300:
            raise _refused(answer)
        return answer

    def _exchange(self, method: str, target: str, body: bytes | None) -> Answer:
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise CloudUnreachableError(f"{self._address} is out of reach: {error}") from error
        with contextlib.closing(connection), _Deadline(connection.sock, self._timeout_s):
            connection.request(method, target, body, self._headers)
            response = connection.getresponse()
            headers = dict(response.getheaders())
            return Answer(response.status, headers, response.read())


class _Deadline:
    """Closes a connection at a deadline; the limit of a socket counts for each read alone.

    The exchange then raises `TimeoutError`.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._passed = False
        self._timer = threading.Timer(seconds, self._break_off)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        # The limit of the socket is as long, and may be reached first.
        if isinstance(error, TimeoutError) or (self._passed and error is not None):
            raise TimeoutError(f"no whole answer within {self._seconds:g} s") from error

    def _break_off(self) -> None:
        self._passed = True
        with contextlib.suppress(OSError):  # it may have been closed just now
            self._connection.shutdown(socket.SHUT_RDWR)


def _refused(answer: Answer) -> CloudAnswerError:
    error = (_object_in(answer.body) or {}).get("error")
    if not isinstance(error, dict):
        return CloudAnswerError(f"the cloud answered {answer.status}", answer)
    return CloudAnswerError(str(error.get("message")), answer, str(error.get("code")))


def _object_in(body: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
