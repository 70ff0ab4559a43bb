"""What the emulator did: submissions accepted, results handed out, requests by kind."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Self


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
        session_id: Of the batch or session that it runs in, or ``None``.
    """

    job_id: str
    tags: tuple[str, ...]
    program: str
    pubs: int
    params_digest: str
    private: bool = False
    session_id: str | None = None


@dataclass(slots=True)
class Books:
    """A ledger to ask questions of.

    Attributes:
        submissions: What was accepted, oldest first.
        handed_out: Job ids of the results that were read, each time.
        sent_whole: Job ids of the results that left completely, as far as the sender can know.
        cancelled: Job ids that users cancelled.
        requests: How many requests of each kind came in, whatever became of them.
        requests_by_job: The same by job id, for those that name one.
    """

    submissions: list[Submission] = field(default_factory=list)
    handed_out: list[str] = field(default_factory=list)
    sent_whole: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    requests_by_job: Counter[str] = field(default_factory=Counter)

    def submissions_by_tag(self) -> Counter[str]:
        """Count accepted submissions by each of their tags."""
        return Counter(tag for each in self.submissions for tag in each.tags)

    def submissions_by_params(self) -> Counter[str]:
        """Count accepted submissions by digest: the same parameters sent so many times."""
        return Counter(each.params_digest for each in self.submissions)

    @classmethod
    def of_json(cls, said: dict[str, Any]) -> Self:
        """Read what `Ledger.as_json` made."""
        submissions = [Submission(**{**s, "tags": tuple(s["tags"])}) for s in said["submissions"]]
        counts = {name: Counter(said[name]) for name in ("requests", "requests_by_job")}
        return cls(**{**said, **counts, "submissions": submissions})


class Ledger:
    """Keeps the books, in memory. Safe to use from any thread."""

    def __init__(self) -> None:
        self._books = Books()
        self._lock = threading.Lock()

    def note_request(self, kind: str, job_id: str | None) -> None:
        """Count a request."""
        with self._lock:
            self._books.requests[kind] += 1
            if job_id is not None:
                self._books.requests_by_job[job_id] += 1

    def note_submission(self, submission: Submission) -> None:
        """Write down what was accepted."""
        with self._lock:
            self._books.submissions.append(submission)

    def note_handed_out(self, job_id: str) -> None:
        """Write down that a result was read."""
        with self._lock:
            self._books.handed_out.append(job_id)

    def note_sent_whole(self, job_id: str) -> None:
        """Write down that all of a result has left."""
        with self._lock:
            self._books.sent_whole.append(job_id)

    def note_cancelled(self, job_id: str) -> None:
        """Write down that a user cancelled a job."""
        with self._lock:
            self._books.cancelled.append(job_id)

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
                "requests": dict(books.requests),
                "requests_by_job": dict(books.requests_by_job),
            }

    def books(self) -> Books:
        """Return a copy of the books so far."""
        return Books.of_json(self.as_json())
