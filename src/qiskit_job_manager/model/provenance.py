"""What a job set ran on and in, as it was seen while it ran."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.payloads import Blob


class ObservationKind(StrEnum):
    """What was looked at: the process that sends the jobs, or the backend."""

    ENVIRONMENT = "environment"
    CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen, encoded; equal contents are stored once, whatever job sets name them.

    Attributes:
        sha256: Hash of the content before compression, 32 bytes.
        blob: The content, compressed.
    """

    sha256: bytes
    blob: Blob


@dataclass(frozen=True, slots=True)
class Observation:
    """That a job set's process or backend was seen in one state, from one time to another.

    Attributes:
        kind: What was looked at.
        first_at: When it was first seen so, in UTC.
        last_at: When it was last seen so, in UTC.
        sha256: Names the snapshot; ``None``: nothing could be seen.
        note: Why nothing could be seen, or ``None``.
    """

    kind: ObservationKind
    first_at: datetime
    last_at: datetime
    sha256: bytes | None = None
    note: str | None = None
