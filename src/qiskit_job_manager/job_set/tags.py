"""The user's tags of a job set."""

from __future__ import annotations

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerInvalidStateError


def checked_tags(tags: object, argument: str) -> tuple[str, ...]:
    """Return tags in order, without duplicates.

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


def updated_tags(
    old: tuple[str, ...],
    replacement: object | None,
    additional: object | None,
    removal: object | None,
) -> tuple[str, ...]:
    """Return tags after a replacement, then additions, then removals.

    Raises:
        JobManagerInvalidStateError: Nothing was asked for.
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
