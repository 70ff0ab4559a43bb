"""What an exception of a provider means: yes, no, not now, log in again, or nobody knows.

Providers wrap what went wrong in exceptions of their own; the truth is in the chain behind them.
The outermost exception that speaks of the network decides, as those behind it may be of an earlier
call that was got over.
"""

from __future__ import annotations

import dis
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    TransientBackendError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNAUTHORIZED = 401
TOO_MANY = 429
GONE = frozenset({404, 410})
_JOBS = r"(?:jobs?|tasks?|requests?|submissions?)"
_WAITING = r"(?:pending|queued|concurrent|active|running|unfinished)"
_LIMIT = r"(?:limit|maximum|quota)"
_FULL = re.compile(
    rf"too many (?:\w+ ){{0,2}}{_JOBS}"
    rf"|{_LIMIT}\b.{{0,40}}\b{_WAITING} {_JOBS}"
    rf"|{_WAITING} {_JOBS}\b.{{0,40}}\b{_LIMIT}\b",
    re.IGNORECASE,
)
_NETWORK = re.compile(r"time[d-]? ?out|connection|network|socket|proxy|gateway", re.IGNORECASE)
REFUSALS = frozenset({400, 402, 403, 404, 405, 409, 410, 411, 413, 414, 415, 422})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server answered.

    Attributes:
        status: The HTTP status.
        retry_after_s: Seconds that it asked to wait, or ``None``.
    """

    status: int
    retry_after_s: float | None = None


def submission_error(error: Exception, where: str, *, volatile: bool) -> BackendError:
    """Sort what ``run()`` raised.

    Args:
        error: What was raised.
        where: Name of the backend, for the message.
        volatile: Jobs die with the process: then nothing that raised can have been accepted.
    """
    text = f"{where} did not accept the job: {message_of(error)}"
    if volatile:
        return SubmissionRefusedError(text)
    answer = http_answer_behind(error)
    if answer is not None and answer.status == UNAUTHORIZED:
        return CredentialsError(f"{where} wants you to log in again: {message_of(error)}")
    if answer is not None and answer.status == TOO_MANY:
        return SubmissionDeferredError(text, answer.retry_after_s)
    if answer is not None and answer.status in REFUSALS:
        return SubmissionRefusedError(text)
    if answer is None and _rejects_arguments(error):
        return SubmissionRefusedError(text)
    if answer is None and _says_full(error):
        return SubmissionDeferredError(text)
    return SubmissionInDoubtError(f"{where} may or may not have the job: {message_of(error)}")


def read_error(error: Exception, what: str) -> BackendError:
    """Sort what a read raised that may be repeated; ``what`` could not be read, for the message."""
    text = f"{what} could not be read: {message_of(error)}"
    answer = http_answer_behind(error)
    if answer is not None and answer.status == UNAUTHORIZED:
        return CredentialsError(f"{text}; log in again")
    if says_gone(error):
        return ResultGoneError(text)
    return TransientBackendError(text, answer.retry_after_s if answer else None)


def says_gone(error: Exception) -> bool:
    """Say whether the provider is definite that it has no such job."""
    answer = http_answer_behind(error)
    if answer is not None:
        return answer.status in GONE
    return "JobNotFound" in type(error).__name__


def is_definite(error: Exception) -> bool:
    """Say whether the provider understood the request and refused it, so that it stays refused."""
    answer = http_answer_behind(error)
    return answer is not None and answer.status in REFUSALS


def is_about_network(error: Exception) -> bool:
    """Say whether the chain speaks of a network, so that the same call may go well later."""
    return http_answer_behind(error) is not None or any(
        isinstance(link, OSError) for link in _chain(error)
    )


def http_answer_behind(error: BaseException) -> HttpAnswer | None:
    """Return what a server answered, if the outermost word on the network is an answer."""
    for link in _chain(error):
        answer = _answer_of(link)
        if answer is not None:
            return answer
        if isinstance(link, OSError):
            return None
    return None


def message_of(error: BaseException) -> str:
    """Return an exception's text, or its type where it has none."""
    return str(getattr(error, "message", "") or error).strip() or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those behind it, outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _answer_of(error: BaseException) -> HttpAnswer | None:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # as botocore has it
        metadata = response.get("ResponseMetadata", {})
        return _answer(metadata.get("HTTPStatusCode"), metadata.get("HTTPHeaders"))
    for source in (response, error):
        for name in ("status_code", "status", "code"):
            answer = _answer(getattr(source, name, None), getattr(source, "headers", None))
            if answer is not None:
                return answer
    return None


def _answer(status: Any, headers: Any) -> HttpAnswer | None:
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        return None
    return HttpAnswer(int(status), _retry_after_s(headers))


def _retry_after_s(headers: Mapping[str, str] | None) -> float | None:
    """Read a Retry-After header, which is in seconds or a date."""
    if headers is None or not hasattr(headers, "items"):
        return None
    found = next((v for k, v in headers.items() if str(k).lower() == "retry-after"), None)
    if found is None:
        return None
    try:
        return max(float(found), 0.0)
    except ValueError:
        return _seconds_until(str(found))


def _seconds_until(date: str) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max((then - datetime.now(UTC)).total_seconds(), 0.0)


def _rejects_arguments(error: Exception) -> bool:
    """Say whether a provider rejected its arguments, before it sent anything.

    A type or value error also comes of an answer that could not be understood, after the job was
    accepted. It is taken for a rejection only where it was raised on purpose, by a ``raise`` or by
    the call not fitting the signature, and is exactly of these types: errors of parsers, such as
    `json.JSONDecodeError` and those of pydantic, are kinds of `ValueError`.
    """
    if any(type(link) not in (TypeError, ValueError) for link in _chain(error)):
        return False
    return not _came_of_an_operation(error)


def _says_full(error: Exception) -> bool:
    """Say whether a provider refused because too many jobs are pending, before it sent anything.

    Only its own exception counts, with no other one behind it, raised on purpose, in words that
    name such a limit and do not speak of the connection.
    """
    if len(list(_chain(error))) > 1 or isinstance(error, OSError) or _came_of_an_operation(error):
        return False
    text = message_of(error)
    return bool(_FULL.search(text)) and not _NETWORK.search(text)


def _came_of_an_operation(error: Exception) -> bool:
    """Say whether it was neither raised on purpose nor by calling with the wrong arguments."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    if str(trace.tb_frame.f_globals.get("__name__")).startswith("qiskit_job_manager."):
        return False  # our own call was the last thing to happen: the provider was never entered
    opcode = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return dis.opname[opcode] not in ("RAISE_VARARGS", "RERAISE")
