"""What an exception of IBM's client means: refused, not now, log in again, or in doubt.

The client wraps HTTP errors twice and raises them ``from None``, parses only an old form of the
service's errors, and drops the headers. But the exception of ``requests`` with which it began is
still in the chain, and has everything: `failed_request_behind` finds it there.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
    TransientBackendError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


# The modules of the client that send a job.
_SENDING = (
    "qiskit_ibm_runtime.api",
    "qiskit_ibm_runtime.qiskit_runtime_service",
    "qiskit_ibm_runtime.session",
)
_CODE = re.compile(r"[Ee]rror code:? *(\d{4})")


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """One request that failed.

    Attributes:
        method: Its HTTP method, or ``""`` if that is not known.
        status: The HTTP status of the answer, or ``None`` if there was no answer.
        code: The service's own number of the error, or ``None``.
        message: The service's own message, or the client's.
        retry_after_s: Seconds that the service asked to wait, or ``None``.
        repeated: Whether the client had sent it before and got an answer: that request may have
            been accepted.
        is_page: Whether the answer was a web page, which comes from a gateway, not the service.
    """

    method: str
    status: int | None
    code: int | None
    message: str
    retry_after_s: float | None
    repeated: bool
    is_page: bool


def failed_request_behind(error: BaseException) -> FailedRequest | None:
    """Return the request that failed, or ``None`` if no failed request is known."""
    for link in provider_errors.chain_of(error):
        if hasattr(link, "request") and hasattr(link, "response"):
            return _failed_request(link, provider_errors.message_of(error))
    return None


def _failed_request(link: Any, message: str) -> FailedRequest:
    response = link.response
    request = link.request if link.request is not None else getattr(response, "request", None)
    method = str(getattr(request, "method", None) or "")
    if response is None:
        return FailedRequest(method, None, None, message, None, repeated=False, is_page=False)
    answer = provider_errors.http_answer_behind(link)
    own = _own_error(response)
    return FailedRequest(
        method=method,
        status=int(response.status_code),
        code=own[0] or code_in(message),
        message=own[1] or message,
        retry_after_s=answer.retry_after_s if answer else None,
        repeated=_was_repeated(response),
        is_page=str(response.text).lstrip()[:1] == "<",
    )


def _own_error(response: Any) -> tuple[int | None, str | None]:
    """Return the number and the message of the service's error, in its new or its old form."""
    try:
        body = response.json()
        first = body["errors"][0] if "errors" in body else body["error"]
        said = [first["message"], first.get("solution")]
        return _number(first.get("code")), " ".join(str(each) for each in said if each)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, None


def _number(code: Any) -> int | None:
    return int(code) if str(code).isdecimal() else None


def code_in(message: str) -> int | None:
    """Return the number of the error that a message of the service names."""
    found = _CODE.search(message)
    return int(found[1]) if found else None


def _was_repeated(response: Any) -> bool:
    """Say whether an earlier answer to the same request made the client send it again."""
    retries = getattr(getattr(response, "raw", None), "retries", None)
    return any(before.status is not None for before in getattr(retries, "history", ()))


# Numbers of IBM's errors. Those that begin with 1 belong to the present service, the others to its
# predecessors; they still occur.
TOO_LARGE = frozenset({1001, 3248})
TOO_MANY_PENDING = frozenset({1012, 3458})
TOO_FAST = frozenset({1202})
NOT_LOGGED_IN = frozenset({1200, 1201})
QUOTA = frozenset({4317})
SESSION_CLOSED = frozenset({4001})
MAINTENANCE = frozenset({1999})

QUOTA_WAIT_S = 900.0
"""How long to wait before a job is sent again to an instance without time left."""

PENDING_WAIT_S = 60.0
"""How long to wait after too many pending jobs, if the service does not say."""

_LOG_IN = (
    "save the account's API key with QiskitRuntimeService.save_account(..., overwrite=True), "
    "or hand over a backend of a new QiskitRuntimeService; the jobs wait for it"
)
_NO_TIME_LEFT = (
    "nothing was sent, and it is sent again later: wait until the instance has time again, raise "
    "its limit, or hand over a backend of another instance"
)
_NEW_BACKEND = ways.WITH_BACKEND.python.format("...")
_TOO_LARGE = f"run with {ways.SMALLER_JOBS}"


def submission_error(error: Exception, where: str) -> BackendError:
    """Sort what the client raised when a job was to be submitted.

    Only an answer to a request that the client sent once is a definite no: after an error of the
    server, the client sends a submission again by itself.

    Args:
        error: What was raised.
        where: Name of the backend, for the message.
    """
    if isinstance(error, BackendError):
        return error
    trouble = failed_request_behind(error)
    if trouble is None:
        return _without_network(error, where)
    if trouble.method == "GET":
        return _before_submission(trouble, where)
    if trouble.status is None or trouble.repeated or trouble.status >= 500:
        text = f"{where} may or may not have the job: {provider_errors.message_of(error)}"
        return SubmissionInDoubtError(text)
    return _refusal(trouble, where)


def _without_network(error: Exception, where: str) -> BackendError:
    """Sort an exception with no failed request behind it."""
    text = f"{where} did not accept the job: {provider_errors.message_of(error)}"
    if type(error).__name__ == "IBMNotAuthorizedError":
        return CredentialsError(f"{text}; {_LOG_IN}")
    if isinstance(error, Warning):  # where warnings are errors; the client warns before it sends
        return SubmissionDeferredError(text)
    if is_session_closed(error):
        return _closed(text)
    if type(error).__name__ == "IBMInputValueError" or "is not among the instances" in text:
        return SubmissionRefusedError(text)
    if not _came_from_sending(error):
        kind = type(error).__name__
        return SubmissionRefusedError(f"{text} ({kind}, while the client prepared the job)")
    return provider_errors.submission_error(error, where, volatile=False)


def _came_from_sending(error: Exception) -> bool:
    """Say whether it was raised in the part of the client that talks to the service.

    The newer primitives prepare circuits before that, with packages that raise many kinds of
    exceptions.
    """
    frames = traceback.walk_tb(error.__traceback__)
    names = {str(frame.f_globals.get("__name__")) for frame, _ in frames}
    return not names or any(name.startswith(_SENDING) for name in names)


def _before_submission(trouble: FailedRequest, where: str) -> BackendError:
    """Sort an error of a request that the client makes before it sends a job."""
    if trouble.status == 404:
        return SubmissionRefusedError(
            f"{where} is not there any more: {trouble.message}; it may be retired: choose another "
            "backend, and transpile the circuits for it"
        )
    if trouble.status is None or trouble.status >= 500:
        text = f"nothing was sent to {where}: {trouble.message}"
        return SubmissionDeferredError(text, trouble.retry_after_s)
    return _refusal(trouble, where)


def _refusal(trouble: FailedRequest, where: str) -> BackendError:
    """Sort a definite no."""
    text = f"{where} did not accept the job: {trouble.message}"
    for applies, made in _REFUSALS:
        if applies(trouble):
            return made(text, trouble)
    return SubmissionRefusedError(text)


def _says(statuses: frozenset[int], codes: frozenset[int]) -> Callable[[FailedRequest], bool]:
    # A known number decides, because one status stands for many errors.
    def applies(trouble: FailedRequest) -> bool:
        if trouble.code in _KNOWN:
            return trouble.code in codes
        return trouble.status in statuses

    return applies


def _too_large(text: str, _: FailedRequest) -> BackendError:
    return SubmissionTooLargeError(f"{text}; {_TOO_LARGE}")


def _deferred(text: str, trouble: FailedRequest) -> BackendError:
    return SubmissionDeferredError(text, trouble.retry_after_s)


def _pending(text: str, trouble: FailedRequest) -> BackendError:
    wait_s = trouble.retry_after_s or PENDING_WAIT_S
    return SubmissionDeferredError(text, wait_s, too_many_pending=True)


def _no_time_left(text: str, trouble: FailedRequest) -> BackendError:
    wait_s = trouble.retry_after_s or QUOTA_WAIT_S
    return SubmissionDeferredError(f"{text}; {_NO_TIME_LEFT}", wait_s)


def _closed(text: str, _: FailedRequest | None = None) -> BackendError:
    return SubmissionRefusedError(
        f"{text} Open a new batch or session, hand it over with {_NEW_BACKEND}, and {ways.RETRY}"
    )


def _credentials(text: str, _: FailedRequest) -> BackendError:
    return CredentialsError(f"{text}; {_LOG_IN}")


def _is_blocked(trouble: FailedRequest) -> bool:
    # A page comes from the gateway, which blocks some large but valid payloads.
    return trouble.status == 403 and trouble.is_page


_KNOWN = (
    TOO_LARGE | TOO_MANY_PENDING | TOO_FAST | NOT_LOGGED_IN | QUOTA | SESSION_CLOSED | MAINTENANCE
)
_REFUSALS: tuple[
    tuple[Callable[[FailedRequest], bool], Callable[[str, FailedRequest], BackendError]], ...
] = (
    (_is_blocked, _too_large),
    (_says(frozenset({413}), TOO_LARGE), _too_large),
    (_says(frozenset(), TOO_MANY_PENDING), _pending),
    (_says(frozenset({429}), TOO_FAST | MAINTENANCE), _deferred),
    (_says(frozenset({402, 409}), QUOTA), _no_time_left),
    (_says(frozenset({401}), NOT_LOGGED_IN), _credentials),
    (_says(frozenset(), SESSION_CLOSED), _closed),
)


def is_session_closed(error: Exception) -> bool:
    """Say whether a job was refused as its `Batch` or `Session` takes no more jobs.

    After a repeated request this is not known: the first may have been accepted before.
    """
    trouble = failed_request_behind(error)
    if trouble is None:
        return "session is closed" in provider_errors.message_of(error).lower()
    return trouble.code in SESSION_CLOSED and not trouble.repeated


def is_login_missing(error: Exception) -> bool:
    """Say whether the service refuses the token."""
    trouble = failed_request_behind(error)
    if trouble is None:
        return type(error).__name__ == "IBMNotAuthorizedError"
    return trouble.status == 401 or trouble.code in NOT_LOGGED_IN


def read_error(error: Exception, what: str) -> BackendError:
    """Sort what a read raised, which may be repeated.

    Args:
        error: What was raised.
        what: What could not be read, for the message.
    """
    if isinstance(error, BackendError):
        return error
    trouble = failed_request_behind(error)
    if trouble is None or trouble.status is None:
        return provider_errors.read_error(error, what)
    text = f"{what} could not be read: {trouble.message}"
    if is_login_missing(error):
        return CredentialsError(f"{text}; {_LOG_IN}")
    if trouble.status in provider_errors.GONE:
        return ResultGoneError(text)
    return TransientBackendError(text, trouble.retry_after_s)
