"""The formats of exports; light enough for the command line to import at every start."""

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
