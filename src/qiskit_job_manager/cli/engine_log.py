"""What the engine logs, shown on standard error: a line each, for people or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.cli.output import escape_lines, local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAID = (
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
def shown_on_stderr(formatter: logging.Formatter, level: int) -> Iterator[None]:
    """Show what this package logs from a level on, while the ``with`` block lasts."""
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


class Words(logging.Formatter):
    """A warning as a command tells it among its other messages; escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; of a defect, the trace as well."""
        level = f"{record.levelname.capitalize()}: " if record.levelno >= logging.WARNING else ""
        return f"{level}{escape_lines(super().format(record))}"


class DatedWords(Words):
    """The same with the time of day before it, for a log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return f"{local_time(_at(record))}  {super().format(record)}"


class JsonLine(logging.Formatter):
    """One JSON object in pure ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without what is not known."""
        said: dict[str, Any] = {"at": _at(record).isoformat(), "level": record.levelname.lower()}
        said |= {
            name: value for name in _SAID if (value := getattr(record, name, None)) is not None
        }
        said["message"] = record.getMessage()
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        return json.dumps(said)


def _at(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
