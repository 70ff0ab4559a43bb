"""The values of a JSON object from outside, each checked as it is taken."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.errors import ArchiveError

if TYPE_CHECKING:
    from enum import StrEnum

_E = TypeVar("_E", bound="StrEnum")

_LARGEST = 2**63 - 1
_LARGEST_FLOAT = sys.float_info.max


class Fields:
    """The values of one JSON object, each checked as it is taken.

    Args:
        values: The object.
        where: What it is, for messages.

    Raises:
        ArchiveError: It is no object; so does every method when a value is not what it must be.
    """

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise ArchiveError(f"{where} is not a JSON object")
        self._values = values
        self._where = where

    def wrong(self, name: str, wanted: str) -> ArchiveError:
        """Return the error that says what a value must be."""
        shown = repr(self._values.get(name))
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        return ArchiveError(f"{self._where} has {name} {shown}; it must be {wanted}")

    def text(self, name: str) -> str:
        """Return a text that any database can keep."""
        value = self._values.get(name)
        if not isinstance(value, str) or not is_unicode(value):
            raise self.wrong(name, "a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or ``None`` where there is none."""
        return None if self._values.get(name) is None else self.text(name)

    def whole(self, name: str, lowest: int = 0) -> int:
        """Return a whole number that any database can keep."""
        value = self._values.get(name)
        if type(value) is not int or not lowest <= value <= _LARGEST:
            raise self.wrong(name, f"a whole number of at least {lowest}")
        return value

    def optional_whole(self, name: str, lowest: int = 0) -> int | None:
        """Return a whole number, or ``None`` where there is none."""
        return None if self._values.get(name) is None else self.whole(name, lowest)

    def number(self, name: str) -> float:
        """Return a finite number of at least 0."""
        value: Any = self._values.get(name)
        if type(value) not in (int, float) or not 0 <= value <= _LARGEST_FLOAT:
            raise self.wrong(name, "a number of at least 0")
        return float(value)

    def optional_number(self, name: str) -> float | None:
        """Return a number, or ``None`` where there is none."""
        return None if self._values.get(name) is None else self.number(name)

    def truth(self, name: str) -> bool:
        """Return ``True`` or ``False``."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def time(self, name: str) -> datetime:
        """Return a time, in UTC."""
        try:
            value = datetime.fromisoformat(self.text(name))
        except ValueError:
            value = None
        if value is None or value.tzinfo is None:
            raise self.wrong(name, "a time such as 2026-01-31T12:00:00+00:00")
        return value.astimezone(UTC)

    def optional_time(self, name: str) -> datetime | None:
        """Return a time, or ``None`` where there is none."""
        return None if self._values.get(name) is None else self.time(name)

    def hexadecimal(self, name: str, length: int) -> bytes:
        """Return bytes that are written in small hexadecimal digits."""
        text = self.text(name)
        if len(text) != 2 * length or not set(text) <= set("0123456789abcdef"):
            raise self.wrong(name, f"{2 * length} hexadecimal digits")
        return bytes.fromhex(text)

    def word(self, name: str, kind: type[_E]) -> _E:
        """Return one of a few known words."""
        try:
            return kind(self.text(name))
        except ValueError:
            raise self.wrong(name, "one of " + ", ".join(map(repr, map(str, kind)))) from None

    def optional_word(self, name: str, kind: type[_E]) -> _E | None:
        """Return one of a few known words, or ``None`` where there is none."""
        return None if self._values.get(name) is None else self.word(name, kind)

    def items(self, name: str) -> list[Any]:
        """Return a list."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        return value

    def inner(self, name: str) -> Fields:
        """Return the fields of an object inside."""
        return Fields(self._values.get(name), f"{name} of {self._where}")

    def plain(self, name: str) -> dict[str, Any]:
        """Return an object as it is."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return value

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written as UTF-8, as any database wants it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
