"""The protocols of what some backends have beside `ports.Backend`; `ports` has them all.

The docstrings are the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.model import Allowance, Blob


@runtime_checkable
class DeletesJobs(Protocol):
    """What a backend has beside `Backend` if its service can delete jobs."""

    def delete(self, remote_id: str) -> None:
        """Delete a job that has ended, with its result; one that is gone already stays so.

        Raises:
            BackendError: The service refuses it, or could not be asked.
        """


@runtime_checkable
class HasAllowance(Protocol):
    """What a backend has beside `Backend` if its account has a limit of usage."""

    def allowance(self) -> Allowance | None:
        """Ask what the account has used and may use; ``None`` where it does not say.

        Raises:
            BackendError: The service could not be asked.
        """


@runtime_checkable
class Reopens(Protocol):
    """What a backend has beside `Backend` if results of retrieved jobs depend on run options."""

    def note_options(self, remote_ids: Sequence[str], options: Mapping[str, Any]) -> None:
        """Take note of the run options of jobs, before they are asked about by their ids.

        Does not ask the network.

        Args:
            remote_ids: The jobs; another process may have sent them.
            options: Run options of their job set.
        """


@runtime_checkable
class HasCalibration(Protocol):
    """What a backend has beside `Backend` if it can say how its qubits and gates are calibrated."""

    def calibration(self) -> Mapping[str, Any] | None:
        """Return the present calibration, or ``None`` where the backend has none. It may ask.

        Returns:
            Plain values: texts, numbers, times, lists and dicts of these. For the form of qubits
            and gates see `backends.calibration`.

        Raises:
            Exception: It cannot be had now. That is recorded, and stops nothing.
        """


@runtime_checkable
class DryRuns(Protocol):
    """What a backend has beside `Backend` if its service can try a job without running it."""

    def dry_run(self, payload: Blob, options: Mapping[str, Any], tag: str) -> float | None:
        """Try a job, and return the quantum seconds that it would use, or ``None`` if not known.

        Args:
            payload: The encoded experiments of the job, in order.
            options: Run options of the job.
            tag: A mark of the trial.

        Raises:
            SubmissionRefusedError: The service refuses the job; the message has its words.
            BackendError: It could not be asked, or has not answered in time.
        """
