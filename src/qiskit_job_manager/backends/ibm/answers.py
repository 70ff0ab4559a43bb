"""What the service answered, found behind whatever the client raised.

The client wraps errors of HTTP twice and raises them ``from None``, parses only an old form of the
service's own errors, and drops the headers. All of it still hangs on the exception, as the one of
``requests`` that everything began with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends import failures

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = re.compile(r"[Ee]rror code:? *(\d{4})")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One request that went wrong.

    Attributes:
        method: Its HTTP method, or ``""`` where that is not known.
        status: The HTTP status of the answer, or ``None`` without one.
        code: The service's own number for the error, or ``None``.
        words: The service's own words, or those of the client.
        retry_after_s: Seconds that the service asked to wait, or ``None``.
        repeated: Whether the client had sent it before, to an answer that may have been wrong: one
            of them may have been accepted.
        is_page: Whether the answer was a web page, of a gateway and not of the service.
    """

    method: str
    status: int | None
    code: int | None
    words: str
    retry_after_s: float | None
    repeated: bool
    is_page: bool


def trouble_behind(error: BaseException) -> Trouble | None:
    """Return the request that went wrong, or ``None`` where none did, or none is known."""
    for link in _chain(error):
        if hasattr(link, "request") and hasattr(link, "response"):
            return _trouble(link, failures.words(error))
    return None


def _trouble(link: Any, words: str) -> Trouble:
    response = link.response
    request = link.request if link.request is not None else getattr(response, "request", None)
    method = str(getattr(request, "method", None) or "")
    if response is None:
        return Trouble(method, None, None, words, None, repeated=False, is_page=False)
    answer = failures.answer_behind(link)
    own = _own_error(response)
    return Trouble(
        method=method,
        status=int(response.status_code),
        code=own[0] or _code_in(words),
        words=own[1] or words,
        retry_after_s=answer.retry_after_s if answer else None,
        repeated=_was_repeated(response),
        is_page=str(response.text).lstrip()[:1] == "<",
    )


def _own_error(response: Any) -> tuple[int | None, str | None]:
    """Return the number and the words of the service's error, in its new form or its old one."""
    try:
        body = response.json()
        first = body["errors"][0] if "errors" in body else body["error"]
        said = [first["message"], first.get("solution")]
        return _number(first.get("code")), " ".join(str(each) for each in said if each)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, None


def _number(code: Any) -> int | None:
    return int(code) if str(code).isdecimal() else None


def _code_in(words: str) -> int | None:
    found = _CODE.search(words)
    return int(found[1]) if found else None


def _was_repeated(response: Any) -> bool:
    """Say whether an earlier answer to the same request made the client send it again."""
    retries = getattr(getattr(response, "raw", None), "retries", None)
    return any(before.status is not None for before in getattr(retries, "history", ()))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
