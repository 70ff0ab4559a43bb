"""Texts of users, files and backends, made harmless to show."""

from __future__ import annotations


def escape(text: str) -> str:
    """Return text with every character escaped that a terminal or a browser would obey.

    Names, tags and errors come from files and providers; they may hold escape sequences, line
    breaks or characters that reverse the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escape_lines(text: str) -> str:
    """Return text of several lines, each escaped."""
    return "\n".join(escape(line) for line in text.split("\n"))


def shortened(text: str, limit: int) -> str:
    """Return text escaped, and cut where it is longer than so many characters."""
    shown = escape(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}\u2026"
