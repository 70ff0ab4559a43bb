"""CSV: a table for spreadsheets, streamed; it cannot be imported.

A spreadsheet runs what a cell begins with, so a text that begins with one of the characters that
start a formula gets an apostrophe before it, as OWASP says for "CSV injection".
"""

from __future__ import annotations

import csv
import io
import json
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.results.tables import columns, records

if TYPE_CHECKING:
    from qiskit_job_manager.results.rows import Rows
    from qiskit_job_manager.results.tables import By

# The last four are full-width forms, which some spreadsheets read as the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_csv(rows: Rows, by: By, file: IO[bytes]) -> None:
    """Write a table as CSV in UTF-8; counts and metadata are JSON in their cells.

    Raises:
        InvalidArgumentError: There is no such table of these results.
    """
    names = columns(rows, by)
    # A lone surrogate, which UTF-8 does not know, must not stop the export halfway.
    text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for record in records(rows, by):
        writer.writerow([_cell(value) for value in record.values()])
    text.flush()
    text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    # A spreadsheet skips leading blanks.
    if isinstance(value, str) and (
        value.startswith(_FORMULA_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)
    ):
        return f"'{value}"
    return value
