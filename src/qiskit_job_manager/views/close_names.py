"""Names that are close to one that was mistyped."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 3
_LEAST_ALIKE = 0.6
# Comparing takes as long as both names are; nobody mistypes such names by hand.
_LONGEST = 200
_SHOWN = 200
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def close_names(typed: str, names: Iterable[str]) -> list[str]:
    """Return up to three names that are like the typed one or begin like it, the closest first.

    Capitals, blanks, hyphens, underscores and zeros before a number do not matter.
    """
    wanted = _plain(typed)
    if not wanted or len(typed) > _LONGEST:
        return []
    known = {_plain(name): name for name in reversed(list(names)) if 0 < len(name) <= _LONGEST}
    alike = get_close_matches(wanted, known, n=_MOST, cutoff=_LEAST_ALIKE)
    begin = [name for name in known if name.startswith(wanted)]
    return [known[name] for name in dict.fromkeys([*alike, *begin])][:_MOST]


def did_you_mean(typed: str, names: Iterable[str]) -> str:
    """Return such as ``. Did you mean 'sweep' or 'sweep-2'?``, or an empty text."""
    found = list(map(repr, close_names(typed, names)))
    if not found:
        return ""
    *first, last = found
    return f". Did you mean {', '.join(first) + ' or ' if first else ''}{last}?"


def not_one_of(argument: str, given: object, known: Iterable[str]) -> str:
    """Return such as ``format is 'jsn'; it is one of 'csv', 'json'. Did you mean 'json'?``.

    Args:
        argument: What was given so.
        given: The value.
        known: The values that there are.
    """
    words = list(map(str, known))
    shown = repr(given)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    near = did_you_mean(given, words) if isinstance(given, str) else ""
    return f"{argument} is {shown}; it is one of {', '.join(map(repr, words))}{near}"


def _plain(name: str) -> str:
    return _LEADING_ZEROS.sub("", "".join(c for c in name.lower() if c not in " -_"))
