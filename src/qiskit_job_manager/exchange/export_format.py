"""The formats of exports; the command line imports them at every start, so nothing heavy here."""

from __future__ import annotations

from enum import StrEnum

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.views.close_names import not_one_of


class ExportFormat(StrEnum):
    """What a job set can be exported as."""

    ARCHIVE = "archive"
    JSON = "json"
    PARQUET = "parquet"
    CSV = "csv"
    QPY = "qpy"
    RO_CRATE = "ro-crate"

    @property
    def suffix(self) -> str:
        """What the names of such files end in."""
        own = {ExportFormat.ARCHIVE: ".qjmz", ExportFormat.RO_CRATE: ".crate.zip"}
        return own.get(self, f".{self}")


def export_format(name: str) -> ExportFormat:
    """Return the format of a name.

    Raises:
        InvalidArgumentError: There is no such format.
    """
    try:
        return ExportFormat(name)
    except ValueError:
        raise InvalidArgumentError(not_one_of("format", name, ExportFormat)) from None
