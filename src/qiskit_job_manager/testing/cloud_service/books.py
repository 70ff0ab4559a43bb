"""The cloud's ledger: what was accepted, handed out, cancelled; it survives the cloud's death.

One JSON object a line, written before the cloud answers. What was written stays when the process
is killed; it is not forced to the disk, as a test does not pull the plug of its own machine.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Deed(StrEnum):
    """What the cloud did.

    Attributes:
        ACCEPTED: Took a submission, which would have been paid for.
        REPEATED: Gave the job of an earlier submission with the same key.
        HANDING_OUT: Began to send a result; if it can be read once, it has been.
        HANDED_OUT: Ended to send a result, completely or not.
        CANCELLED: Cancelled a job, as asked, before it ended.
        DELETED: Deleted a job, as asked.
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
    """A ledger to ask questions of.

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
        """Read a ledger's file, whether or not its cloud is alive; an unfinished line is left out.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not a ledger.
        """
        whole, _, _ = Path(path).read_bytes().rpartition(b"\n")
        return cls.of_json(json.loads(line) for line in whole.splitlines())

    @classmethod
    def of_json(cls, lines: Iterable[dict[str, object]]) -> Books:
        """Read entries as `dataclasses.asdict` made them."""
        return cls(Entry(**line | {"deed": Deed(line["deed"])}) for line in lines)  # type: ignore[arg-type]  # of any type, as JSON is

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


class Ledger:
    """Keeps the books. Safe to use from any thread.

    Args:
        path: The file to append to, with what an earlier cloud wrote there; ``None``: memory only.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            _cut_unfinished_line(self._file, path)
            self._entries.extend(Books.read(path).entries)

    def write(self, entry: Entry) -> None:
        """Add an entry; when this returns, the file has it."""
        line = json.dumps(asdict(entry)).encode() + b"\n"
        with self._lock:
            if self._file is not None:
                os.write(self._file, line)
            self._entries.append(entry)

    def books(self) -> Books:
        """Return all entries so far."""
        with self._lock:
            return Books(self._entries)

    def close(self) -> None:
        """Close the file; what was written stays readable here."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def _cut_unfinished_line(file: int, path: str | Path) -> None:
    """Drop what a cloud that was killed in the middle of writing left of its last line."""
    whole, newline, _ = Path(path).read_bytes().rpartition(b"\n")
    os.ftruncate(file, len(whole) + len(newline))
