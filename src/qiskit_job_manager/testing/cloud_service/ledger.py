"""The cloud's ledger: the submissions it accepted, the results it sent, the jobs it cancelled.

Its file has one JSON object a line and survives the death of the cloud.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.testing.emulator.ledger_file import LedgerFile, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Deed(StrEnum):
    """What the cloud did with a job.

    Attributes:
        ACCEPTED: Took a submission, which would have been paid for.
        REPEATED: Answered with the job of an earlier submission with the same key.
        HANDING_OUT: Began to send a result; if it can be read once, it has been.
        HANDED_OUT: Stopped sending a result, complete or not.
        CANCELLED: Cancelled a job on request, before it ended.
        DELETED: Deleted a job on request.
    """

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    HANDING_OUT = "handing out"
    HANDED_OUT = "handed out"
    CANCELLED = "cancelled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger.

    Attributes:
        deed: What was done.
        job_id: With which job.
        at_s: When, in seconds since 1970.
        tag: Tag of the submission.
        key: Idempotency key of the submission.
        payload_digest: SHA-256 of the payload's bytes, in hexadecimal, of a submission.
        shots: Shots that a submission asked for, or ``None`` if it did not say.
        bytes_sent: Bytes of a result that were sent.
        complete: Whether all of a result was sent, as far as the sender can know.
    """

    deed: Deed
    job_id: str
    at_s: float
    tag: str | None = None
    key: str | None = None
    payload_digest: str | None = None
    shots: int | None = None
    bytes_sent: int | None = None
    complete: bool | None = None


class Books:
    """What a ledger says.

    Args:
        entries: Its lines, oldest first.

    Example:
        >>> line = Entry(deed=Deed.ACCEPTED, job_id="job-1", at_s=0.0, tag="qjm-1")
        >>> Books([line, line]).submissions_by_tag()
        Counter({'qjm-1': 2})
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)

    @classmethod
    def read(cls, path: str | Path) -> Books:
        """Read a ledger's file, also while its cloud runs; an unfinished line is left out.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not a ledger.
        """
        return cls(read_lines(path, _entry))

    @classmethod
    def of_json(cls, lines: Iterable[dict[str, Any]]) -> Books:
        """Read entries as `dataclasses.asdict` made them."""
        return cls(map(_entry, lines))

    def of(self, deed: Deed) -> list[Entry]:
        """Return the entries of one kind, oldest first."""
        return [entry for entry in self.entries if entry.deed is deed]

    def submissions_by_tag(self) -> Counter[str | None]:
        """Count accepted submissions by tag; more than one is an attempt paid for twice."""
        return Counter(entry.tag for entry in self.of(Deed.ACCEPTED))

    def submissions_by_payload(self) -> Counter[str | None]:
        """Count accepted submissions by digest: the same experiments run so many times.

        The shares of experiments whose shots were split have the same payload.
        """
        return Counter(entry.payload_digest for entry in self.of(Deed.ACCEPTED))

    def read_whole(self) -> Counter[str]:
        """Count, by job, how often its result was sent completely."""
        return Counter(entry.job_id for entry in self.of(Deed.HANDED_OUT) if entry.complete)


def _entry(line: dict[str, Any]) -> Entry:
    return Entry(**line | {"deed": Deed(line["deed"])})


class Ledger:
    """Writes the books. Safe to use from any thread.

    Args:
        path: The file to append to, which may have the lines of an earlier cloud; ``None``: memory
            only.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = LedgerFile(path)
        self._entries = [] if path is None else read_lines(path, _entry)

    def write(self, entry: Entry) -> None:
        """Add an entry; when this returns, the file has it."""
        with self._lock:
            self._file.append(asdict(entry))
            self._entries.append(entry)

    def books(self) -> Books:
        """Return all entries so far."""
        with self._lock:
            return Books(self._entries)

    def close(self) -> None:
        """Close the file; its entries stay readable here."""
        with self._lock:
            self._file.close()
