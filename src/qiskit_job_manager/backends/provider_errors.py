"""What an exception of a provider means: refused, not now, log in again, or in doubt.

Providers wrap what went wrong in exceptions of their own. The cause is in the chain behind them:
in ``__cause__``, ``__context__``, an attribute ``_cause``, or among the arguments. The outermost
exception that comes from a network decides, because those behind it may belong to an earlier
request that was repeated with success.
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
    from types import TracebackType

UNAUTHORIZED = 401
TOO_MANY = 429
GONE = frozenset({404, 410})
REFUSALS = frozenset({400, 402, 403, 404, 405, 409, 410, 411, 413, 414, 415, 422})

_LIMIT_WORDS = re.compile(
    r"""
    too\ many\ [\w\s]{0,30}?\b(jobs|tasks|requests|submissions|pending|queued|concurrent)
    | \b(pending|queued|concurrent|running)\ (jobs|tasks)\b .{0,60}\b(limit|maximum|exceed|reached)
    | \b(limit|maximum)\b .{0,60}\b(pending|queued|concurrent|running)\ (jobs|tasks)\b
    | \brate.?limit | \bthrottl | \bquota\b
    | \b(error|status|code|http)\W{0,3}(code\W{0,3})?(429|3458)\b | \((429|3458)\)
    """,
    re.IGNORECASE | re.VERBOSE,
)

# Those among them that a job which ends makes room for.
_PENDING_WORDS = re.compile(
    r"""
    too\ many\ [\w\s]{0,30}?\b(jobs|tasks|pending|queued|concurrent)\b
    | \b(pending|queued|concurrent|running)\ (jobs|tasks)\b | \b3458\b
    """,
    re.IGNORECASE | re.VERBOSE,
)

_NETWORK_WORDS = re.compile(r"time[d-]? ?out|connection|network|socket|proxy", re.IGNORECASE)

_JOB_FAILED = re.compile(r"Job\w*Fail")

# Exceptions that providers raise before they send anything, by the package that defines them.
_RAISED_BEFORE_SENDING: Mapping[str, frozenset[str]] = {
    "qiskit_ionq": frozenset(
        {
            "IonQBackendError",
            "IonQCredentialsError",
            "IonQGateError",
            "IonQMidCircuitMeasurementError",
        }
    ),
}

# Modules of providers that only prepare what is sent, or read what was answered to other questions.
_PREPARING = re.compile(r"qiskit_ionq\.helpers\b")

# Qiskit itself has no network. What it raises of circuits and options, a provider meets before it
# sends; what it raises of jobs and results, afterwards.
_QISKIT_BEFORE_SENDING = re.compile(
    r"qiskit\.(circuit|compiler|converters|dagcircuit|passmanager|qasm[23]|qpy|transpiler)\b"
    r"|qiskit\.providers\.(backend|options)\b"
)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server answered.

    Attributes:
        status: The HTTP status.
        retry_after_s: Seconds that it asked to wait, or ``None``.
    """

    status: int
    retry_after_s: float | None = None


def submission_error(
    error: Exception,
    where: str,
    *,
    volatile: bool,
    refusals: tuple[type[BaseException], ...] = (),
) -> BackendError:
    """Sort what ``run()`` raised; the message ends with the rule that decided.

    Args:
        error: What was raised.
        where: Name of the backend, for the message.
        volatile: Jobs die with the process: then nothing that raised can have been accepted.
        refusals: Exceptions that this backend raises only for jobs that it did not accept.
    """
    if isinstance(error, BackendError):
        return error
    text = f"{where} did not accept the job: {message_of(error)}"
    answer = http_answer_behind(error)
    if answer is not None and answer.status == UNAUTHORIZED:
        return CredentialsError(f"{where} wants you to log in again: {message_of(error)}")
    limit = _limit_met(error, answer)
    if limit is not None:
        wait_s = answer.retry_after_s if answer else None
        pending = any(_PENDING_WORDS.search(message_of(link)) for link in chain_of(error))
        text = f"{text} (not now: {limit})"
        return SubmissionDeferredError(text, wait_s, too_many_pending=pending)
    if volatile:
        return SubmissionRefusedError(text)
    refusal = _refusal(error, answer, refusals)
    if refusal is not None:
        return SubmissionRefusedError(f"{text} (refused: {refusal})")
    return SubmissionInDoubtError(f"{where} may or may not have the job: {message_of(error)}")


def _limit_met(error: Exception, answer: HttpAnswer | None) -> str | None:
    """Say by what an exception is known to speak of a limit, if it is."""
    if answer is not None and answer.status == TOO_MANY:
        return f"the service answered {answer.status}"
    if answer is not None and answer.status not in REFUSALS:
        return None
    texts = [message_of(link) for link in chain_of(error)]
    if answer is None and (is_about_network(error) or any(map(_NETWORK_WORDS.search, texts))):
        return None
    for text in texts:
        words = _LIMIT_WORDS.search(text)
        if words is not None:
            return f"it speaks of a limit, {words[0]!r}"
    return None


def _refusal(
    error: Exception, answer: HttpAnswer | None, refusals: tuple[type[BaseException], ...]
) -> str | None:
    """Say by what an exception is known to be a refusal, if it is."""
    if refusals and isinstance(error, refusals):
        return f"{type(error).__name__} is one of the refusals that were given"
    if answer is not None:
        is_no = answer.status in REFUSALS
        return f"the service answered {answer.status}" if is_no else None
    if is_about_network(error):
        return None
    return raised_before_sending(error)


def raised_before_sending(error: Exception) -> str | None:
    """Say why nothing was sent when ``run()`` raised this, if that is known.

    A type or value error may also come from an answer that could not be understood, after the job
    was accepted. It is a refusal only where it was raised on purpose, or where the arguments did
    not fit the function, and only if it is exactly of these types: the errors of parsers, such as
    `json.JSONDecodeError` and those of pydantic, are kinds of `ValueError`.
    """
    if is_about_network(error):
        return None
    name, package = type(error).__name__, type(error).__module__.partition(".")[0]
    if name in _RAISED_BEFORE_SENDING.get(package, ()):
        return f"{package} raises {name} before it sends"
    if _came_of_an_operation(error):
        return None
    where = _raised_in(error)
    if _QISKIT_BEFORE_SENDING.match(where) or _PREPARING.match(where):
        return f"{name} was raised by {where}, before anything is sent"
    if all(type(link) in (TypeError, ValueError) for link in chain_of(error)):
        return f"{name} was raised on purpose, with no network behind it"
    return None


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


def says_job_failed(error: Exception) -> bool:
    """Say whether an exception is the provider's way to say that a job failed.

    Some raise it where the status, or even the job, was asked for.
    """
    return bool(_JOB_FAILED.search(type(error).__name__)) and not is_about_network(error)


def is_definite(error: Exception) -> bool:
    """Say whether the provider understood the request and refused it, so that it stays refused."""
    answer = http_answer_behind(error)
    return answer is not None and answer.status in REFUSALS


def is_about_network(error: Exception) -> bool:
    """Say whether the chain speaks of a network, so that the same call may go well later."""
    return http_answer_behind(error) is not None or any(
        isinstance(link, OSError) for link in chain_of(error)
    )


def http_answer_behind(error: BaseException) -> HttpAnswer | None:
    """Return what a server answered, if the outermost network error is an answer."""
    for link in chain_of(error):
        answer = _answer_of(link)
        if answer is not None:
            return answer
        if isinstance(link, OSError):
            return None
    return None


def message_of(error: BaseException) -> str:
    """Return an exception's text, or its type where it has none."""
    return str(getattr(error, "message", "") or error).strip() or type(error).__name__


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those behind it, outermost first, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += _behind(link)


def _behind(error: BaseException) -> list[BaseException]:
    """Return the exceptions directly behind one; a cause that was named hides the context."""
    causes = [getattr(error, "_cause", None), error.__cause__]
    named = [each for each in causes if isinstance(each, BaseException)]
    for argument in error.args:
        members = argument if isinstance(argument, tuple) else (argument,)
        named += [each for each in members if isinstance(each, BaseException)]
    has_cause = any(isinstance(each, BaseException) for each in causes)
    context = error.__context__
    return named if has_cause or context is None else [*named, context]


def _answer_of(error: BaseException) -> HttpAnswer | None:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # as in botocore
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


def _came_of_an_operation(error: Exception) -> bool:
    """Say whether it was neither raised on purpose nor by calling with the wrong arguments."""
    last = _last_frame(error)
    if last is None:
        return False
    if _module_of(last).startswith("qiskit_job_manager."):
        return False  # our own call was the last thing to happen: the provider was never entered
    opcode = last.tb_frame.f_code.co_code[last.tb_lasti]
    return dis.opname[opcode] not in ("RAISE_VARARGS", "RERAISE")


def _raised_in(error: Exception) -> str:
    last = _last_frame(error)
    return "" if last is None else _module_of(last)


def _last_frame(error: Exception) -> TracebackType | None:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _module_of(trace: TracebackType) -> str:
    return str(trace.tb_frame.f_globals.get("__name__"))
