"""Texts of others' making, made harmless to show."""

from __future__ import annotations


def escape(text: str) -> str:
    """Return text that is shown and not obeyed, by terminals and browsers alike.

    Names, tags and errors come from files and providers; they may hold escape sequences, line
    breaks or characters that reverse the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, limit: int) -> str:
    """Return text escaped, and cut where it is longer than so many characters."""
    shown = escape(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}\u2026"
