"""Adds counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def merge_counts(parts: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    """Return the sum of counts, or of quasi counts.

    Outcomes that are the same number (``"0x3"``, ``"0x03"``, ``"0X3"``, ``"0b11"``) are added;
    any other key, such as ``"01 10"``, is equal only to itself.

    Args:
        parts: Counts of each share, in order.

    Returns:
        A new dictionary: outcomes in the order, and the spelling, in which they first come up.
    """
    spelled: dict[int | str, Any] = {}
    total: dict[Any, Any] = {}
    for part in parts:
        for key, count in part.items():
            # Most keys are spelled alike in all shares, and need no reading then.
            same = key if key in total else spelled.setdefault(_outcome(key), key)
            total[same] = total[same] + count if same in total else count
    return total


def _outcome(key: Any) -> int | str:
    """Return the identity of an outcome: its number, or its text."""
    if isinstance(key, str) and key[:2].lower() in ("0x", "0b"):
        try:
            return int(key, 0)
        except ValueError:
            return key
    return key  # type: ignore[no-any-return]  # odd keys are kept as they are
