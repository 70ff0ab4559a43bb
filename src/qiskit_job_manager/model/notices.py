"""What users are told of a job set, outside of this program: by mail, chat or desktop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class NoticeKind(StrEnum):
    """What is told. Each is told once for as long as it is so, and again when it is so again."""

    ENDED = "ended"
    FAILED = "failed"
    NEEDS_USER = "needs you"
    USAGE_REACHED = "usage reached"


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """A notice that a process has begun to send.

    Attributes:
        kind: What it tells.
        owner: The process, as a driver calls itself.
        begun_at: When it began.
        told_at: When a service had taken it, or it was given up; ``None``: not yet, or the process
            died meanwhile, and nobody knows.
    """

    kind: NoticeKind
    owner: str
    begun_at: datetime
    told_at: datetime | None
