"""A file of JSON lines that survives the death of the process that writes it.

A line is written before the service answers. It stays when the process is killed. It is not
forced to the disk, as no test pulls the plug of its own machine.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Entry = TypeVar("_Entry")


def read_lines(path: str | Path, parse: Callable[[Any], _Entry]) -> list[_Entry]:
    """Return what all finished lines say, oldest first.

    Args:
        path: The file.
        parse: Makes an entry of the JSON value of a line.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line cannot be parsed; the message names it.
    """
    whole, _, _ = Path(path).read_bytes().rpartition(b"\n")
    entries = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            entries.append(parse(json.loads(line)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number} of {path} is not a ledger's: {error!r}") from error
    return entries


class LedgerFile:
    """A file to append to. Not safe to use from several threads at once.

    An unfinished last line, which a killed process left, is removed.

    Args:
        path: The file; ``None``: nothing is kept.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            whole, newline, _ = Path(path).read_bytes().rpartition(b"\n")
            os.ftruncate(self._file, len(whole) + len(newline))

    def append(self, value: Any) -> None:
        """Add a line; when this returns, the file has it."""
        if self._file is not None:
            os.write(self._file, json.dumps(value).encode() + b"\n")

    def close(self) -> None:
        """Close the file; harmless when it is closed."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
