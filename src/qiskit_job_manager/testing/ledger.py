"""The ledger of a scripted backend: the submissions it accepted and the results it returned."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.model import Blob
    from qiskit_job_manager.testing.scripts import Call


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission that was accepted, and so would have been paid for.

    Attributes:
        remote_id: The id that the backend gave.
        tag: The tag that it came with.
        payload_digest: SHA-256 of the payload's bytes, in hexadecimal.
        options: The run options, copied.
        accepted_s: When, in seconds on the backend's clock.
        labels: The labels that it came with.
    """

    remote_id: str
    tag: str
    payload_digest: str
    options: Mapping[str, Any]
    accepted_s: float
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Ledger:
    """What a scripted backend did, oldest first; written by the backend alone.

    Attributes:
        calls: Every call, with its tag or its remote ids, whether or not it succeeded.
        accepted: Submissions that made a new job.
        handed_out: Remote ids of the results that it returned, each time.
        cancelled: Remote ids of the jobs that were cancelled before they ended.
    """

    calls: list[tuple[Call, str | tuple[str, ...]]] = field(default_factory=list)
    accepted: list[Submission] = field(default_factory=list)
    handed_out: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def submissions_by_tag(self) -> Counter[str]:
        """Count accepted submissions by tag; more than one is the same attempt paid for twice."""
        return Counter(entry.tag for entry in self.accepted)

    def submissions_by_payload(self) -> Counter[str]:
        """Count accepted submissions by digest: the same experiments run so many times.

        The shares of a block whose shots were split have the same payload.
        """
        return Counter(entry.payload_digest for entry in self.accepted)

    def count(self, call: Call) -> int:
        """Count the calls of one kind."""
        return sum(kind is call for kind, _ in self.calls)


def digest(payload: Blob) -> str:
    """Return the digest of a payload in a ledger."""
    return hashlib.sha256(payload.data).hexdigest()
