"""One job of a job set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import (
    JobManagerTimeoutError,
    ManagedResultDataNotAvailable,
    SubmissionRefusedError,
)
from qiskit_job_manager.job_set import requests
from qiskit_job_manager.job_set.status import detail, qiskit_status, status_name, word_for_silent
from qiskit_job_manager.job_set.waiting import Deadline
from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.results import reason, span
from qiskit_job_manager.views.escape import escape

if TYPE_CHECKING:
    from qiskit.providers import JobStatus
    from qiskit.result import Result

    from qiskit_job_manager.job_set.as_qiskit_job import StoredJob
    from qiskit_job_manager.job_set.driving import Driving
    from qiskit_job_manager.model import AttemptRecord, JobRecord, RemoteFigures
    from qiskit_job_manager.results import ResultSource


class ManagedJob:
    """One job of a job set. Each call answers with what the store knows at that moment.

    `ManagedJobSet` makes it.

    Attributes:
        index: Position of the job in the set, from 0.
        start_index: Index of its first experiment.
        end_index: Index of its last experiment.
        shots: Shots of each of its experiments in this job, or ``None`` for the backend's default.
    """

    def __init__(self, record: JobRecord, source: ResultSource, driving: Driving) -> None:
        self._record = record
        self._source = source
        self._driving = driving
        self.index = record.index
        self.start_index = record.start
        self.end_index = record.stop - 1
        self.shots = record.shots

    def __repr__(self) -> str:
        return f"<ManagedJob {self.index}: {span(self._record)}, {escape(self.detail)}>"

    # -- what is known ----------------------------------------------------------------------------

    @property
    def state(self) -> JobState:
        """The job's own state, finer than Qiskit's."""
        return self._read().state

    @property
    def detail(self) -> str:
        """The job's state in words, with its place in the queue or its error."""
        job, source = self._read(), self._source
        return detail(job, word_for_silent(source.store, source.record))

    def status(self) -> JobStatus:
        """Return the `qiskit.providers.JobStatus` that fits the job's state best; never waits."""
        return qiskit_status(status_name(self._read()))

    def job_id(self) -> str | None:
        """Return the id that the backend gave the latest attempt, or ``None``."""
        return self._read().remote_id

    @property
    def job(self) -> StoredJob | None:
        """A Qiskit job that answers from the store, or ``None`` while no backend has accepted it.

        It works in any process and without credentials.
        """
        if self._read().remote_id is None:
            return None
        from qiskit_job_manager.job_set.as_qiskit_job import StoredJob

        return StoredJob(self)

    @property
    def submit_error(self) -> SubmissionRefusedError | None:
        """Why the backend refused the job, or ``None`` if it did not."""
        job = self._read()
        if job.state is JobState.FAILED and job.remote_id is None:
            return SubmissionRefusedError(job.error or "the backend refused the job")
        return None

    def error_message(self) -> str | None:
        """Return why the job failed or was lost, in the backend's words, or ``None``."""
        job = self._read()
        return job.error if job.state in (JobState.FAILED, JobState.LOST) else None

    def attempts(self) -> list[AttemptRecord]:
        """Return the attempts made so far, oldest first."""
        return self._source.store.attempts(self._record.key)

    @property
    def figures(self) -> RemoteFigures | None:
        """What the backend measured of the latest attempt, or ``None`` where it said nothing.

        Quantum seconds used, when it was created, began to run and ended, and its session.
        """
        attempts = self.attempts()
        return attempts[-1].figures if attempts else None

    # -- what can be requested --------------------------------------------------------------------

    def result(
        self, timeout: float | None = None, partial: bool = False, refresh: bool = False
    ) -> Result:
        """Return the `qiskit.result.Result` of this job alone, waiting for it.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all.
            partial: Whether to return what a failed job did return.
            refresh: Whether to ask the backend again about what is not stored.

        Raises:
            JobManagerTimeoutError: The job has not ended in time; nothing is lost.
            ManagedResultDataNotAvailable: It has no result; the message says why.
        """
        if refresh:
            self._driving.ask(RequestKind.REFRESH, self.index)
        self.wait(timeout)
        job = self._read()
        if not job.state.is_final:
            msg = f"job {self.index} ({span(job)}) is {self.detail}; call again to go on waiting"
            raise JobManagerTimeoutError(msg)
        if job.state is JobState.DONE or (partial and job.has_result):
            result: Result = self._source.reader(job).result()
            return result
        msg = f"job {self.index} ({span(job)}) is {job.state}: {reason(job)}"
        raise ManagedResultDataNotAvailable(msg)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended, and return whether it has.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all.
        """
        deadline = Deadline(timeout, self._driving.clock)
        return self._driving.wait(lambda: self._read().state.is_final, deadline)

    def cancel(self) -> None:
        """Cancel the job, here and on the backend; see `ManagedJobSet.cancel`."""
        requests.cancel(self._driving, self._source.store, self._source.record.key, self.index)

    def _read(self) -> JobRecord:
        """Return everything that the store knows of the job now."""
        if not self._record.state.is_final:
            store, key = self._source.store, self._source.record.key
            found = store.jobs(key, after=self.index - 1, limit=1)
            if found and found[0].key == self._record.key:
                self._record = found[0]
        return self._record
