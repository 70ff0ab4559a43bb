"""What a complete export consists of, whatever file holds it.

A head that says what it is, and five parts: the experiments, their payloads, the jobs with their
attempts, the raw results, and the story. The bytes of a payload or a result follow plain values
that tell what they are, how many, and their SHA-256.
"""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.errors import ArchiveError
from qiskit_job_manager.exchange import forms
from qiskit_job_manager.model import Blob, JobHistory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.exchange.fields import Fields
    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.ports import Store

VERSION = 1
"""Version of the parts; a file of a newer one is refused."""

_PAGE = 1000


class Parts(Protocol):
    """A complete export that is being read; each method begins anew.

    Every method raises `ArchiveError` where the file is not what it must be.
    """

    @property
    def head(self) -> Fields:
        """The head: ``version``, ``ended`` and ``job_set``."""

    def experiments(self) -> Iterator[Any]:
        """Yield the plain values of each experiment."""

    def payloads(self) -> Iterator[tuple[Fields, bytes]]:
        """Yield what each payload is, and its bytes, not yet checked."""

    def jobs(self) -> Iterator[Any]:
        """Yield the plain values of each job."""

    def results(self) -> Iterator[tuple[Fields, bytes]]:
        """Yield what each result is, and its bytes, not yet checked."""

    def events(self) -> Iterator[Any]:
        """Yield the plain values of each event."""


class Outgoing:
    """A job set on its way out, part by part; `jobs` is read before `results`.

    A job set that has not ended may go on meanwhile: what comes after its job was read is left out.

    Args:
        store: Where it is.
        record: The job set.
    """

    def __init__(self, store: Store, record: JobSetRecord) -> None:
        self._store = store
        self._record = record
        self._attempts = array("q")

    def head(self) -> dict[str, Any]:
        """Return the head; no name of a user, no machine and no secret is in it."""
        from importlib.metadata import version

        totals = self._store.totals(self._record.key)
        return {
            "version": VERSION,
            "written_by": version("qiskit-job-manager"),
            "ended": self._record.complete and all(state.is_final for state in totals.jobs),
            "job_set": forms.set_form(self._record),
        }

    def experiments(self) -> Iterator[dict[str, Any]]:
        """Yield each experiment."""
        return map(forms.experiment_form, self._store.experiments(self._record.key))

    def payloads(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield the payload of each block of experiments, in order."""
        start = 0
        while start < self._record.n_experiments:
            job = self._store.jobs_covering(self._record.key, start)[0]
            blob = self._store.payload(job.key)
            yield {"start": job.start, "stop": job.stop, **_blob_form(blob)}, blob.data
            start = job.stop

    def jobs(self) -> Iterator[dict[str, Any]]:
        """Yield each job with its attempts."""
        self._attempts = array("q")
        for job in self._job_records():
            has_result = job.has_result if job.state.is_final else self._has_any(job)
            self._attempts.append(job.attempts if has_result else 0)
            history = JobHistory(job, tuple(self._store.attempts(job.key)[: job.attempts]))
            yield forms.job_form(history) | {"has_result": has_result}

    def results(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield each raw result, in the order of the jobs."""
        for job, known in zip(self._job_records(), self._attempts, strict=False):
            for each in self._store.results(job) if known else ():
                if each.attempt <= known:
                    told = {"job": job.index, "attempt": each.attempt}
                    when = {"stored_at": each.stored_at.isoformat()}
                    yield told | when | _blob_form(each.blob), each.blob.data

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the story."""
        return map(forms.event_form, self._store.events(self._record.key))

    def _has_any(self, job: JobRecord) -> bool:
        return self._store.result(job.key) is not None

    def _job_records(self) -> Iterator[JobRecord]:
        after = -1
        while page := self._store.jobs(self._record.key, after=after, limit=_PAGE):
            yield from page
            after = page[-1].index


def _blob_form(blob: Blob) -> dict[str, Any]:
    digest = hashlib.sha256(blob.data).hexdigest()
    return {"format": blob.format, "bytes": len(blob.data), "sha256": digest}


def checked_blob(fields: Fields, data: bytes, what: str) -> Blob:
    """Return bytes with their format, if they are those that were written.

    Raises:
        ArchiveError: They are not.
    """
    if hashlib.sha256(data).digest() != fields.hexadecimal("sha256", 32):
        raise ArchiveError(f"{what} does not match its checksum: the file was damaged or changed")
    return Blob(fields.text("format"), data)
