"""The commands and Python lines that stand beside a page, to copy."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord


@dataclass(frozen=True, slots=True)
class Command:
    """One line to copy.

    Attributes:
        where: Where it is typed.
        line: The line.
    """

    where: str
    line: str


def qjm(*words: str) -> Command:
    """Return a line for a shell."""
    return Command("shell", shlex.join(["qjm", *words]))


def python(record: JobSetRecord, call: str) -> Command:
    """Return a line for Python, about one job set."""
    return Command("Python", f'JobManager().find("{record.job_set_id}").{call}')
