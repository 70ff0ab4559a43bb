"""Cells of CSV files that a spreadsheet reads as they are.

A spreadsheet runs what a cell begins with, so a text that begins with one of the characters that
start a formula gets an apostrophe before it, as OWASP says for "CSV injection".
"""

from __future__ import annotations

import json
from typing import Any

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
