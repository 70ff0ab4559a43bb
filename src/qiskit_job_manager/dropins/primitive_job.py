"""A job set in the shape of a primitive's job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.primitives import BasePrimitiveJob

if TYPE_CHECKING:
    from qiskit.primitives import PrimitiveResult
    from qiskit.providers import JobStatus

    from qiskit_job_manager.job_set import ManagedJobSet


class ManagedPrimitiveJob(BasePrimitiveJob):  # type: ignore[misc]  # Qiskit has no type information
    """What `ManagedSampler.run` and `ManagedEstimator.run` return.

    Args:
        job_set: The job set that runs the PUBs.

    Attributes:
        job_set: The job set, for all that a primitive's job does not have.
    """

    def __init__(self, job_set: ManagedJobSet) -> None:
        super().__init__(job_set.job_set_id())
        self.job_set = job_set

    def result(self, timeout: float | None = None) -> PrimitiveResult[Any]:
        """Wait, and return the results of all PUBs, in the order of the input.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.

        Raises:
            JobManagerTimeoutError: The deadline passed (also a `qiskit.providers.JobTimeoutError`).
            ManagedResultDataNotAvailable: A PUB has no result; ``job_set.results()`` reads the
                others.
        """
        return self.job_set.result(timeout)

    def status(self) -> JobStatus:
        """Return the `qiskit.providers.JobStatus` of the whole; never waits."""
        return self.job_set.status()

    def done(self) -> bool:
        """Return whether all of it is done."""
        return self.job_set.done()

    def running(self) -> bool:
        """Return whether it has begun to run and has not ended."""
        return self.job_set.running()

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self.job_set.cancelled()

    def in_final_state(self) -> bool:
        """Return whether nothing more will happen unless you ask for it."""
        return self.job_set.in_final_state()

    def cancel(self) -> None:
        """Ask for all of it to be cancelled."""
        self.job_set.cancel()
