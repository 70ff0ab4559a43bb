"""A job set in the shape of one Qiskit job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import JobManagerTimeoutError
from qiskit_job_manager.job_set.deadline import Deadline
from qiskit_job_manager.job_set.status import name_of_whole
from qiskit_job_manager.job_set.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from qiskit.primitives import PrimitiveResult
    from qiskit.providers import JobStatus
    from qiskit.result import Result

_FINAL = frozenset({"DONE", "CANCELLED", "ERROR"})


class AsJob(Waiting):
    """The side of a job set that stands where a Qiskit job is expected."""

    def job_id(self) -> str:
        """Return the id of the job set."""
        return self.job_set_id()

    def result(self, timeout: float | None = None) -> Result | PrimitiveResult[Any]:
        """Wait, and return all experiments as one result, in the order of the input.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.

        Returns:
            A `qiskit.result.Result`, or of PUBs a `qiskit.primitives.PrimitiveResult`.

        Raises:
            JobManagerTimeoutError: The deadline passed (also a `qiskit.providers.JobTimeoutError`).
            ManagedResultDataNotAvailable: An experiment has no result; `results` reads the others.
        """
        try:
            return self.results(timeout).result()
        except JobManagerTimeoutError as error:
            raise _late(error) from None

    def status(self) -> JobStatus:
        """Return the `qiskit.providers.JobStatus` of the whole; never waits.

        It is final once nothing more will happen unless you ask for it: ``DONE`` if all jobs are,
        ``ERROR`` if one failed, was lost, or waits for your word on whether it is sent again, and
        ``CANCELLED`` otherwise. It is ``RUNNING`` as soon as one job runs or has ended.
        """
        from qiskit.providers import JobStatus

        return JobStatus[self._status_name()]

    def done(self) -> bool:
        """Return whether every job is done."""
        return self._status_name() == "DONE"

    def running(self) -> bool:
        """Return whether the set has begun to run and has not ended."""
        return self._status_name() == "RUNNING"

    def cancelled(self) -> bool:
        """Return whether the set has ended with jobs that were cancelled, and none that failed."""
        return self._status_name() == "CANCELLED"

    def in_final_state(self) -> bool:
        """Return whether nothing more will happen unless you ask for it."""
        return self._status_name() in _FINAL

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[[str, JobStatus, Self], object] | None = None,
    ) -> None:
        """Wait until the set has ended.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever.
            wait: Seconds between two calls of ``callback``. The end is noticed at once.
            callback: Called with the id, the status and this job set until it has ended.

        Raises:
            JobManagerTimeoutError: The deadline passed (also a `qiskit.providers.JobTimeoutError`).
        """
        deadline = Deadline(timeout, self._driving.clock)
        Deadline(wait, self._driving.clock)  # refuses what is no time
        while not self.wait(0 if callback else deadline.left()):
            if deadline.remaining_s <= 0:
                msg = self._missing(timeout)
                raise _late(JobManagerTimeoutError(msg))
            if callback:
                callback(self.job_id(), self.status(), self)
                self.wait(min(wait, deadline.remaining_s))

    def _status_name(self) -> str:
        progress = self.progress()
        return name_of_whole(progress, self.activity(progress))


def _late(error: JobManagerTimeoutError) -> Any:
    from qiskit_job_manager.job_set.late import LateError

    return LateError(error.message)
