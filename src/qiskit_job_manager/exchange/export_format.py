"""The formats of exports; the command line imports them at every start, so nothing heavy here."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """What a job set can be exported as."""

    ARCHIVE = "archive"
    JSON = "json"
    PARQUET = "parquet"
    CSV = "csv"
    QPY = "qpy"

    @property
    def suffix(self) -> str:
        """What the names of such files end in."""
        return ".qjmz" if self is ExportFormat.ARCHIVE else f".{self}"
