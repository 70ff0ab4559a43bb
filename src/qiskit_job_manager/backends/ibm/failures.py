"""What an exception of IBM's client means for us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.backends import failures
from qiskit_job_manager.backends.ibm.answers import Trouble, trouble_behind
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

# Numbers of IBM's errors. Those of four digits that begin with 1 are of the present service, the
# others of its forerunners, and still seen.
TOO_LARGE = frozenset({1001, 3248})
TOO_MANY_PENDING = frozenset({1012, 3458})
TOO_FAST = frozenset({1202})
NOT_LOGGED_IN = frozenset({1200, 1201})
QUOTA = frozenset({4317})
SESSION_CLOSED = frozenset({4001})
MAINTENANCE = frozenset({1999})

QUOTA_WAIT_S = 900.0
"""How long to wait before an instance without time left is asked again."""

PENDING_WAIT_S = 60.0
"""How long to wait for a pending job to end, where the service does not say."""

_LOG_IN = (
    "save the account's API key with QiskitRuntimeService.save_account(..., overwrite=True), "
    "or hand over a backend of a new QiskitRuntimeService; the jobs wait for it"
)
_NO_TIME_LEFT = (
    "nothing was sent, and it is tried again from time to time: wait until the instance has time "
    "again, raise its limit, or hand over a backend of another instance"
)
_TOO_LARGE = "run with a smaller max_experiments_per_job"


def of_submission(error: Exception, where: str) -> BackendError:
    """Sort what the client raised when a job was to be submitted.

    Only an answer of the service to a request that the client sent once is a definite no: the
    client repeats a submission by itself when an answer is a server's error.

    Args:
        error: What was raised.
        where: Name of the backend, for the message.
    """
    if isinstance(error, BackendError):
        return error
    trouble = trouble_behind(error)
    if trouble is None:
        return _without_network(error, where)
    if trouble.method == "GET":
        return _before_submission(trouble, where)
    if trouble.status is None or trouble.repeated or trouble.status >= 500:
        text = f"{where} may or may not have the job: {failures.words(error)}"
        return SubmissionInDoubtError(text)
    return _refusal(trouble, where)


def _without_network(error: Exception, where: str) -> BackendError:
    """Sort what was raised although no request failed."""
    text = f"{where} did not accept the job: {failures.words(error)}"
    if type(error).__name__ == "IBMNotAuthorizedError":
        return CredentialsError(f"{text}; {_LOG_IN}")
    if isinstance(error, Warning):  # where warnings are errors; the client warns before it sends
        return SubmissionDeferredError(text)
    if is_session_closed(error):
        return _closed(text)
    if type(error).__name__ == "IBMInputValueError" or "is not among the instances" in text:
        return SubmissionRefusedError(text)
    return failures.of_submission(error, where, volatile=False)


def _before_submission(trouble: Trouble, where: str) -> BackendError:
    """Sort what went wrong with what the client asks before it sends a job: nothing was sent."""
    if trouble.status == 404:
        return SubmissionRefusedError(
            f"{where} is not there any more: {trouble.words}; it may be retired: choose another "
            "backend, for which the circuits are to be transpiled anew"
        )
    if trouble.status is None or trouble.status >= 500:
        text = f"nothing was sent to {where}: {trouble.words}"
        return SubmissionDeferredError(text, trouble.retry_after_s)
    return _refusal(trouble, where)


def _refusal(trouble: Trouble, where: str) -> BackendError:
    """Sort a definite no."""
    text = f"{where} did not accept the job: {trouble.words}"
    for applies, made in _REFUSALS:
        if applies(trouble):
            return made(text, trouble)
    return SubmissionRefusedError(text)


def _says(statuses: frozenset[int], codes: frozenset[int]) -> Callable[[Trouble], bool]:
    # Where the service gives a number, that decides: the same status stands for many things.
    def applies(trouble: Trouble) -> bool:
        if trouble.code in _KNOWN:
            return trouble.code in codes
        return trouble.status in statuses

    return applies


def _too_large(text: str, _: Trouble) -> BackendError:
    return SubmissionTooLargeError(f"{text}; {_TOO_LARGE}")


def _deferred(text: str, trouble: Trouble) -> BackendError:
    return SubmissionDeferredError(text, trouble.retry_after_s)


def _pending(text: str, trouble: Trouble) -> BackendError:
    return SubmissionDeferredError(text, trouble.retry_after_s or PENDING_WAIT_S)


def _no_time_left(text: str, trouble: Trouble) -> BackendError:
    wait_s = trouble.retry_after_s or QUOTA_WAIT_S
    return SubmissionDeferredError(f"{text}; {_NO_TIME_LEFT}", wait_s)


def _closed(text: str, _: Trouble | None = None) -> BackendError:
    return SubmissionRefusedError(
        f"{text} Open a new batch or session, hand it over with "
        "retrieve_job_set(..., backend=...), and retry()"
    )


def _credentials(text: str, _: Trouble) -> BackendError:
    return CredentialsError(f"{text}; {_LOG_IN}")


def _is_blocked(trouble: Trouble) -> bool:
    # A page instead of an answer is of the gateway, which blocks some large but valid payloads.
    return trouble.status == 403 and trouble.is_page


_KNOWN = (
    TOO_LARGE | TOO_MANY_PENDING | TOO_FAST | NOT_LOGGED_IN | QUOTA | SESSION_CLOSED | MAINTENANCE
)
_REFUSALS: tuple[tuple[Callable[[Trouble], bool], Callable[[str, Trouble], BackendError]], ...] = (
    (_is_blocked, _too_large),
    (_says(frozenset({413}), TOO_LARGE), _too_large),
    (_says(frozenset(), TOO_MANY_PENDING), _pending),
    (_says(frozenset({429}), TOO_FAST | MAINTENANCE), _deferred),
    (_says(frozenset({402, 409}), QUOTA), _no_time_left),
    (_says(frozenset({401}), NOT_LOGGED_IN), _credentials),
    (_says(frozenset(), SESSION_CLOSED), _closed),
)


def is_session_closed(error: Exception) -> bool:
    """Say whether a `Batch` or `Session` takes no more jobs."""
    trouble = trouble_behind(error)
    if trouble is None:
        return "session is closed" in failures.words(error).lower()
    return trouble.code in SESSION_CLOSED


def is_login_missing(error: Exception) -> bool:
    """Say whether the service knows the token no more."""
    trouble = trouble_behind(error)
    if trouble is None:
        return type(error).__name__ == "IBMNotAuthorizedError"
    return trouble.status == 401 or trouble.code in NOT_LOGGED_IN


def of_read(error: Exception, what: str) -> BackendError:
    """Sort what a read raised, which may be repeated.

    Args:
        error: What was raised.
        what: What could not be read, for the message.
    """
    if isinstance(error, BackendError):
        return error
    trouble = trouble_behind(error)
    if trouble is None or trouble.status is None:
        return failures.of_read(error, what)
    text = f"{what} could not be read: {trouble.words}"
    if is_login_missing(error):
        return CredentialsError(f"{text}; {_LOG_IN}")
    if trouble.status in failures.GONE:
        return ResultGoneError(text)
    return TransientBackendError(text, trouble.retry_after_s)
