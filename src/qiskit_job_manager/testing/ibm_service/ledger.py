"""The emulator's ledger: the submissions it accepted, the results it sent, its requests."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from qiskit_job_manager.testing.emulator.ledger_file import LedgerFile, read_lines

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A submission that was accepted, and so would have been paid for.

    Attributes:
        job_id: The id that the job got.
        tags: The tags that it came with.
        program: ``sampler``, ``estimator`` or ``executor``.
        pubs: Its PUBs, or items of its quantum program.
        params_digest: SHA-256 of its parameters as sent, in hexadecimal.
        private: Whether its result can be read once.
        backend: Name of the backend; ``mock_…`` for a dry run.
        session_id: Of the batch or session that it runs in, or ``None``.
    """

    job_id: str
    tags: tuple[str, ...]
    program: str
    pubs: int
    params_digest: str
    private: bool = False
    backend: str = ""
    session_id: str | None = None


@dataclass(slots=True)
class Books:
    """What a ledger says.

    Attributes:
        submissions: What was accepted, oldest first.
        handed_out: Job ids of the results that were read, each time.
        sent_whole: Job ids of the results that left completely, as far as the sender can know.
        cancelled: Job ids that users cancelled.
        deleted: Job ids that users deleted.
        requests: How many requests of each kind came in, whatever became of them.
        requests_by_job: The same by job id, for those that name one.
    """

    submissions: list[Submission] = field(default_factory=list)
    handed_out: list[str] = field(default_factory=list)
    sent_whole: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    requests_by_job: Counter[str] = field(default_factory=Counter)

    def submissions_by_tag(self) -> Counter[str]:
        """Count accepted submissions by each of their tags."""
        return Counter(tag for each in self.submissions for tag in each.tags)

    def submissions_by_params(self) -> Counter[str]:
        """Count accepted submissions by digest: the same parameters sent so many times."""
        return Counter(each.params_digest for each in self.submissions)

    def enter(self, deed: str, what: Any) -> None:
        """Add a line of a ledger's file, as `Ledger` made it."""
        match deed:
            case "request":
                kind, job_id = what
                self.requests[kind] += 1
                self.requests_by_job.update([] if job_id is None else [job_id])
            case "submission":
                self.submissions.append(_submission(what))
            case "handed_out" | "sent_whole" | "cancelled" | "deleted":
                getattr(self, deed).append(what)
            case _:
                raise ValueError(f"a ledger has no {deed!r}")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a ledger's file, also while its emulator runs; an unfinished line is left out.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not a ledger.
        """
        books = cls()
        read_lines(path, lambda line: books.enter(*line))
        return books

    @classmethod
    def of_json(cls, said: dict[str, Any]) -> Self:
        """Read what `Ledger.as_json` made."""
        submissions = [_submission(each) for each in said["submissions"]]
        counts = {name: Counter(said[name]) for name in ("requests", "requests_by_job")}
        return cls(**{**said, **counts, "submissions": submissions})


def _submission(said: dict[str, Any]) -> Submission:
    return Submission(**{**said, "tags": tuple(said["tags"])})


class Ledger:
    """Writes the books. Safe to use from any thread.

    Its file has one JSON array a line and survives the death of the emulator.

    Args:
        path: The file to append to, which may have the lines of an earlier emulator; ``None``:
            memory only.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = LedgerFile(path)
        self._books = Books() if path is None else Books.read(path)

    def note_request(self, kind: str, job_id: str | None) -> None:
        """Count a request."""
        self._write("request", [kind, job_id])

    def note_submission(self, submission: Submission) -> None:
        """Record what was accepted."""
        self._write("submission", asdict(submission))

    def note_handed_out(self, job_id: str) -> None:
        """Record that a result was read."""
        self._write("handed_out", job_id)

    def note_sent_whole(self, job_id: str) -> None:
        """Record that all of a result has left."""
        self._write("sent_whole", job_id)

    def note_cancelled(self, job_id: str) -> None:
        """Record that a user cancelled a job."""
        self._write("cancelled", job_id)

    def note_deleted(self, job_id: str) -> None:
        """Record that a user deleted a job."""
        self._write("deleted", job_id)

    def as_json(self) -> dict[str, Any]:
        """Return the books as plain values."""
        with self._lock:
            books = self._books
            # Not asdict() for all of it, which counts the pairs of a Counter.
            return {
                "submissions": [asdict(each) for each in books.submissions],
                "handed_out": list(books.handed_out),
                "sent_whole": list(books.sent_whole),
                "cancelled": list(books.cancelled),
                "deleted": list(books.deleted),
                "requests": dict(books.requests),
                "requests_by_job": dict(books.requests_by_job),
            }

    def books(self) -> Books:
        """Return a copy of the books so far."""
        return Books.of_json(self.as_json())

    def close(self) -> None:
        """Close the file; its books stay readable here."""
        with self._lock:
            self._file.close()

    def _write(self, deed: str, what: Any) -> None:
        with self._lock:
            self._file.append([deed, what])
            self._books.enter(deed, what)
