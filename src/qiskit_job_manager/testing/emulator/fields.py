"""Checks of the values that an emulator is controlled by; each error names the value."""

from __future__ import annotations

import math
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_Word = TypeVar("_Word", bound=StrEnum)


def known(cls: Any, said: object) -> dict[str, Any]:
    """Return the fields of a dataclass in a JSON value.

    Raises:
        InvalidArgumentError: The value is not an object, has an unknown field, or lacks a field.
    """
    if not isinstance(said, dict):
        raise InvalidArgumentError(f"{cls.__name__} is {said!r}; it must be an object")
    names = [each.name for each in fields(cls)]
    if unknown := sorted(set(said) - set(names)):
        has = f"it has {', '.join(names)}"
        raise InvalidArgumentError(f"{cls.__name__} has no {', '.join(unknown)}; {has}")
    if lacking := [each.name for each in fields(cls) if _is_needed(each) and each.name not in said]:
        raise InvalidArgumentError(f"{cls.__name__} needs {', '.join(lacking)}")
    return dict(said)


def word(name: str, value: object, words: type[_Word]) -> _Word:
    """Return the member of an enumeration that has this value."""
    try:
        return words(value)  # type: ignore[arg-type]  # anything: what is no member raises
    except ValueError:
        raise _wrong(name, value, f"one of {', '.join(map(repr, map(str, words)))}") from None


def flag(name: str, value: object) -> None:
    """Check for a truth value."""
    if not isinstance(value, bool):
        raise _wrong(name, value, "True or False")


def text(name: str, value: object) -> None:
    """Check for a text."""
    if not isinstance(value, str):
        raise _wrong(name, value, "a text")


def whole(name: str, value: object, least: int | None = None, most: int | None = None) -> None:
    """Check for a whole number, within bounds where there are some."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not _within(value, least, most):
        raise _wrong(name, value, f"a whole number{_bounds(least, most)}")


def amount(name: str, value: object, most: float | None = None) -> None:
    """Check for a finite number that is not negative."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not _within(value, 0, most):  # type: ignore[arg-type]  # a number by then
        raise _wrong(name, value, f"a number{_bounds(0, most)}")


def names(name: str, value: object) -> None:
    """Check for a tuple of texts; a single text is refused."""
    if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
        raise _wrong(name, value, "a tuple of names, such as ('ibm_manila',)")


def several(name: str, value: object) -> None:
    """Check for a list."""
    if not isinstance(value, list):
        raise _wrong(name, value, "a list")


def shares(name: str, value: Mapping[Any, object], words: type[StrEnum]) -> None:
    """Check for shares by member of an enumeration, which sum up to 1 at most."""
    if not isinstance(value, dict):
        raise _wrong(name, value, "a dict of shares from 0 to 1")
    for key, share in value.items():
        word(f"a key of {name}", key, words)
        amount(f"{name}[{str(key)!r}]", share, most=1)
    if sum(value.values()) > 1 + 1e-9:
        raise _wrong(name, value, "shares that sum up to 1 at most")


def _is_needed(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _within(value: Any, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _bounds(least: float | None, most: float | None) -> str:
    return (f", {least} or more" if least is not None else "") + (
        f", {most:g} or less" if most is not None else ""
    )


def _wrong(name: str, value: object, right: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name} is {value!r}; it must be {right}")
