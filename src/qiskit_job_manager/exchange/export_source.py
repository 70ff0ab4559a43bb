"""A job set as an export holds it, read from its store part by part."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import JobManagerInvalidStateError
from qiskit_job_manager.exchange.json_schema import (
    VERSION,
    blob_json,
    job_json,
    job_set_json,
    plain,
)
from qiskit_job_manager.model import JobHistory
from qiskit_job_manager.results.lookup import jobs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.ports import Store

_PAGE = 1000


class ExportSource:
    """A job set, part by part, as JSON values; read `jobs` before `results`.

    A job set that has not ended may go on meanwhile: a result that comes after its job was read is
    left out.

    Args:
        store: Where the job set is.
        record: The job set.
    """

    def __init__(self, store: Store, record: JobSetRecord) -> None:
        self._store = store
        self._record = record
        self._attempts = array("q")
        self._has_ended = False

    def head(self) -> dict[str, Any]:
        """Return the head; no name of a user, no machine and no secret is in it.

        What the job set ran in has the name of the machine, unless it is left out, see
        `JobManager`.
        """
        from importlib.metadata import version

        totals = self._store.totals(self._record.key)
        self._has_ended = self._record.complete and all(state.is_final for state in totals.jobs)
        return {
            "version": VERSION,
            "written_by": version("qiskit-job-manager"),
            "ended": self._has_ended,
            "job_set": job_set_json(self._record),
        }

    def experiments(self) -> Iterator[dict[str, Any]]:
        """Yield each experiment."""
        stop = self._record.n_experiments  # more may be added meanwhile
        return map(plain, self._store.experiments(self._record.key, stop=stop))

    def payloads(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield the payload of each block of experiments, in order."""
        start = 0
        while start < self._record.n_experiments:
            job = jobs_of(self._store, self._record, start)[0]
            blob = self._store.payload(job.key)
            yield {"start": job.start, "stop": job.stop, **blob_json(blob)}, blob.data
            start = job.stop

    def jobs(self) -> Iterator[dict[str, Any]]:
        """Yield each job with its attempts.

        Raises:
            JobManagerInvalidStateError: Jobs are sent again that had ended when the head was read.
        """
        self._attempts = array("q")
        for job in self._job_records():
            if self._has_ended and not job.state.is_final:
                raise JobManagerInvalidStateError(_changed(self._record))
            has_result = job.has_result if job.state.is_final else self._has_any(job)
            self._attempts.append(job.attempts if has_result else 0)
            history = JobHistory(job, tuple(self._store.attempts(job.key)[: job.attempts]))
            yield job_json(history, has_result=has_result)

    def results(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield each raw result, in the order of the jobs."""
        for job, known in zip(self._job_records(), self._attempts, strict=False):
            for each in self._store.results(job) if known else ():
                if each.attempt <= known:
                    of = {"job": job.index, "attempt": each.attempt}
                    stored_at = plain(each.stored_at)
                    yield {**of, "stored_at": stored_at, **blob_json(each.blob)}, each.blob.data

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield each event, oldest first."""
        n_jobs = self._record.n_jobs
        known = (e for e in self._store.events(self._record.key) if (e.job_index or 0) < n_jobs)
        return map(plain, known)

    def snapshots(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield what was seen of its processes and its backend, each once."""
        named = (each.sha256 for each in self._store.observations(self._record.key))
        for sha256 in dict.fromkeys(each for each in named if each is not None):
            blob = self._store.snapshot(sha256).blob
            yield {"content": sha256.hex(), **blob_json(blob)}, blob.data

    def observations(self) -> Iterator[dict[str, Any]]:
        """Yield when it was seen so, oldest first."""
        return map(plain, self._store.observations(self._record.key))

    @property
    def is_observed(self) -> bool:
        """Whether anything was seen; job sets of older versions have nothing."""
        return bool(self._store.observations(self._record.key))

    def _has_any(self, job: JobRecord) -> bool:
        return self._store.result(job.key) is not None

    def _job_records(self) -> Iterator[JobRecord]:
        """Yield the jobs that the job set had when this began."""
        after = -1
        while page := self._store.jobs(self._record.key, after=after, limit=_PAGE):
            yield from (job for job in page if job.index < self._record.n_jobs)
            after = page[-1].index


def _changed(record: JobSetRecord) -> str:
    return (
        f"jobs of {record.name!r} were sent again while it was exported, so there is no file: "
        "export it again"
    )
