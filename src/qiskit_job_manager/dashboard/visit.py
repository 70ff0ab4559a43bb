"""One request as the pages see it: what is asked, of which store, by whom, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerUnknownJobSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.clock import SystemClock
    from qiskit_job_manager.dashboard.guard import Session
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import SearchableStore

    Fields = Mapping[str, Sequence[str]]

PAGE_ROWS = 50
_LONGEST_TEXT = 1000
_NOT_KEPT = ("page", "did", "n")
_LAST_PAGE = 10**6


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request.

    Attributes:
        store: The store.
        clock: Gives the time.
        path: The path of the page, from ``/``.
        parts: What the path names, such as the id of a job set.
        query: The fields of the address.
        form: The fields of a form that was sent.
        session: The session; ``None`` for a script.
        is_read_only: Whether no button may be shown.
        script_key: The key for scripts.
        is_part: Whether the script of the page asks, to refresh parts of it.
    """

    store: SearchableStore
    clock: SystemClock
    path: str
    parts: Mapping[str, str]
    query: Fields
    form: Fields = field(default_factory=dict)
    session: Session | None = None
    is_read_only: bool = False
    script_key: str = ""
    is_part: bool = False

    @property
    def root(self) -> str:
        """The way from this page to the first one, which no prefix of a proxy changes."""
        return "../" * (self.path.count("/") - 1) or "./"

    def url(self, *parts: object, **fields: object) -> str:
        """Return the address of a page, from here; fields without a value are left out."""
        path = "/".join(quote(str(part), safe="") for part in parts)
        return f"{self.root}{path}{encoded(fields)}"

    def here(self, **fields: object) -> str:
        """Return the address of this page with some fields changed, and from its first rows on."""
        kept = {name: values for name, values in self.query.items() if name not in _NOT_KEPT}
        return f"./{self.path.rpartition('/')[2]}{encoded({**kept, **fields})}"

    def text(self, name: str) -> str:
        """Return the text of a field without blanks around it; empty where it is not given.

        Raises:
            InvalidArgumentError: It is too long.
        """
        values = self.query.get(name, [""])
        if len(values[0]) > _LONGEST_TEXT:
            msg = f"the filter {name!r} is too long: it has at most {_LONGEST_TEXT:,} characters"
            raise InvalidArgumentError(msg)
        return unbroken(values[0])

    def texts(self, name: str) -> list[str]:
        """Return all texts of a field that are not empty."""
        return [text for text in map(unbroken, self.query.get(name, [])) if text]

    def number(self, name: str, default: int, *, least: int = 0, most: int = _LAST_PAGE) -> int:
        """Return the whole number of a field.

        Raises:
            InvalidArgumentError: It is none, or not between the bounds.
        """
        text = self.text(name)
        if not text:
            return default
        # Not what Python takes for a number too, such as Arabic digits or 1_000.
        if not (text.isascii() and text.isdecimal() and least <= int(text[:20]) <= most):
            msg = f"{name} is {text!r}; it is a number from {least:,} to {most:,}"
            raise InvalidArgumentError(msg)
        return int(text)

    @property
    def page(self) -> int:
        """The number of the page of a list, from 1."""
        return self.number("page", 1, least=1)

    def job_set(self) -> JobSetRecord:
        """Return the job set that the path names.

        Raises:
            JobManagerUnknownJobSet: There is none.
        """
        return self.job_set_with(self.parts["job_set_id"])

    def job_set_with(self, job_set_id: str) -> JobSetRecord:
        """Return the job set with an id.

        Raises:
            JobManagerUnknownJobSet: There is none.
        """
        found = self.store.job_set(job_set_id)
        if found is None:
            msg = (
                f"the store has no job set {job_set_id!r}: it was deleted, or the address is wrong"
            )
            raise JobManagerUnknownJobSet(msg)
        return found


def unbroken(value: str) -> str:
    """Return a field's text without blanks around it, as it was before a browser sent it.

    Browsers end the lines of a field with two characters, whatever they were given.
    """
    return value.replace("\r\n", "\n").strip()


def encoded(fields: Mapping[str, object]) -> str:
    """Return fields as the end of an address, with its question mark."""
    given = {name: value for name, value in fields.items() if value not in (None, "", (), [])}
    return f"?{urlencode(given, doseq=True, errors='replace')}" if given else ""
