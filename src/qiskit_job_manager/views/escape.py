"""Texts of users, files and backends, made harmless to show: on screens and in spreadsheets.

A spreadsheet runs what a cell begins with, so a text that begins with one of the characters that
start a formula gets an apostrophe before it, as OWASP says for "CSV injection".
"""

from __future__ import annotations

import json
from typing import Any


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


# The last four are full-width forms, which some spreadsheets read as the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cell(value: Any) -> Any:
    """Return a value as a cell: mappings as JSON, and no text that starts a formula."""
    if isinstance(value, dict):
        return json.dumps(value)
    # A spreadsheet skips leading blanks.
    if isinstance(value, str) and (
        value.startswith(_FORMULA_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)
    ):
        return f"'{value}"
    return value
