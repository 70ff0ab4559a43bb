"""What users set on a job set and may change later: its name, its tags, its note, its limits."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerInvalidStateError
from qiskit_job_manager.foreign_text import storable
from qiskit_job_manager.model.job_sets import LONGEST_NOTE

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord


def checked_name(name: object) -> str:
    """Return the name of a job set.

    Raises:
        InvalidArgumentError: It is not a string, or empty.
    """
    if not isinstance(name, str) or not name.strip():
        msg = f"name is {name!r}; a name is a string that is not empty"
        raise InvalidArgumentError(msg)
    return name


def checked_tags(tags: object, argument: str) -> tuple[str, ...]:
    """Return tags in order, without duplicates.

    Args:
        tags: What the user gave.
        argument: Name of the argument, for the message.

    Raises:
        InvalidArgumentError: They are not a list of strings.
    """
    if not isinstance(tags, (list, tuple, set, frozenset)):
        msg = f"{argument} is {tags!r}; it is a list of strings"
        raise InvalidArgumentError(msg)
    wrong = [tag for tag in tags if not isinstance(tag, str) or not tag]
    if wrong:
        msg = f"{argument} holds {wrong[0]!r}; each tag is a string that is not empty"
        raise InvalidArgumentError(msg)
    return tuple(dict.fromkeys(tags))


def checked_note(note: object) -> str | None:
    """Return a note, without blanks around it; ``None`` if nothing is left.

    Lines end with a line feed. A zero byte and half a surrogate pair, which no database keeps, are
    escaped.

    Raises:
        InvalidArgumentError: It is not a string or ``None``, or is too long.
    """
    if note is None:
        return None
    if not isinstance(note, str):
        raise InvalidArgumentError(f"note is {note!r}; a note is a string, or None")
    text = storable("\n".join(note.splitlines()).strip())
    if len(text) > LONGEST_NOTE:
        msg = f"the note has {len(text):,} characters; it may have {LONGEST_NOTE:,}"
        raise InvalidArgumentError(msg)
    return text or None


def updated_tags(
    old: tuple[str, ...],
    replacement: object | None,
    additional: object | None,
    removal: object | None,
) -> tuple[str, ...]:
    """Return tags after a replacement, then additions, then removals.

    Raises:
        JobManagerInvalidStateError: No argument was given.
        InvalidArgumentError: One of the arguments is not a list of strings.
    """
    if replacement is None and additional is None and removal is None:
        msg = "update_tags needs replacement_tags, additional_tags or removal_tags"
        raise JobManagerInvalidStateError(msg)
    tags = old if replacement is None else checked_tags(replacement, "replacement_tags")
    if additional is not None:
        tags = tuple(dict.fromkeys([*tags, *checked_tags(additional, "additional_tags")]))
    if removal is not None:
        gone = set(checked_tags(removal, "removal_tags"))
        tags = tuple(tag for tag in tags if tag not in gone)
    return tags


def checked_cost(max_cost: object) -> float | None:
    """Return a limit of the cost.

    Raises:
        InvalidArgumentError: It is not a number of at least 0, or ``None``.
    """
    if max_cost is None:
        return None
    number = isinstance(max_cost, Real) and not isinstance(max_cost, bool)
    if not number or not 0 <= float(max_cost) < float("inf"):  # type: ignore[arg-type]  # a Real
        msg = f"max_cost is {max_cost!r}; it is an amount of money of at least 0, or None"
        raise InvalidArgumentError(msg)
    return float(max_cost)  # type: ignore[arg-type]  # a Real


def checked_usage(max_usage_s: object) -> float | None:
    """Return a limit of usage in quantum seconds.

    Raises:
        InvalidArgumentError: It is not a number greater than 0, or ``None``.
    """
    if max_usage_s is None:
        return None
    number = isinstance(max_usage_s, Real) and not isinstance(max_usage_s, bool)
    if not number or not 0 < float(max_usage_s) < float("inf"):  # type: ignore[arg-type]  # a Real
        msg = f"max_usage_s is {max_usage_s!r}; it is a number of quantum seconds above 0, or None"
        raise InvalidArgumentError(msg)
    return float(max_usage_s)  # type: ignore[arg-type]  # a Real


def check_has_prices(record: JobSetRecord, max_cost: float | None) -> None:
    """Check that a limit of the cost of a job set has a meaning.

    Raises:
        InvalidArgumentError: The job set was handed over without prices.
    """
    if max_cost is not None and record.prices is None:
        msg = (
            f"job set {record.name!r} was handed over without prices, so its cost is not known; "
            f"{ways.ALLOW_USAGE} limits its quantum seconds"
        )
        raise InvalidArgumentError(msg)
