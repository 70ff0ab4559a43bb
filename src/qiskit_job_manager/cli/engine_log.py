"""Shows the engine's log on standard error, one line for each record, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.cli.output import escape_lines, local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS = (
    "event",
    "job_set_id",
    "job_index",
    "attempt",
    "before",
    "after",
    "cause",
    "address",
)


@contextmanager
def log_to_stderr(formatter: logging.Formatter, level: int) -> Iterator[None]:
    """Show records of this package of a level or above while the ``with`` block lasts."""
    logger = logging.getLogger("qiskit_job_manager")
    before = logger.level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class PlainFormatter(logging.Formatter):
    """A record as one line of text, escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; for a defect, the traceback follows."""
        level = f"{record.levelname.capitalize()}: " if record.levelno >= logging.WARNING else ""
        return f"{level}{escape_lines(ways.as_commands(super().format(record)))}"


class DatedFormatter(PlainFormatter):
    """The same line with date and time before it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return f"{local_time(_at(record))}  {super().format(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object in pure ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without fields that are not known."""
        fields: dict[str, Any] = {"at": _at(record).isoformat(), "level": record.levelname.lower()}
        fields |= {
            name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None
        }
        fields["message"] = record.getMessage()
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def _at(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
