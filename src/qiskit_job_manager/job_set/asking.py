"""What users can ask of whoever drives a job set, and may change themselves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerInvalidStateError
from qiskit_job_manager.job_set import report, retries
from qiskit_job_manager.job_set.duplicates import cancel_duplicates
from qiskit_job_manager.job_set.reading import Reading
from qiskit_job_manager.job_set.tags import updated_tags
from qiskit_job_manager.job_set.usage import checked_usage
from qiskit_job_manager.model import RequestKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.model import JobState

logger = logging.getLogger(__name__)


class Asking(Reading):
    """The side of a job set that passes the user's word on; nothing here waits."""

    # -- what can be asked ------------------------------------------------------------------------

    def drive(self) -> None:
        """Make the job set go on here if it has not ended, unless another process drives it.

        Raises:
            JobManagerInvalidStateError: No process drives it, and it cannot be driven here.
        """
        # In this order: the second look sees what a driver did between the two.
        asked = bool(self._store.requests(self._record.key))
        progress = self.progress()
        moves = not progress.ended if progress.complete else progress.n_ended < progress.n_jobs
        if moves or asked:
            self._driving.ensure()

    def trouble(self) -> str | None:
        """Return why the job set could not go on here the last time that it was to, or ``None``.

        That is when `JobManager.resume`, `drive` or `wait` were called, or later, by a defect.
        """
        record = self.record()
        if record.complete or self._driving.is_here:
            return self._driving.trouble
        return report.incomplete(record)

    def refresh(self) -> None:
        """Ask for the backend to be asked again about what is not stored; does not wait."""
        self._driving.ask(RequestKind.REFRESH)

    def cancel(self) -> None:
        """Ask for everything that has not ended to be cancelled, here and on the backend.

        Does not wait; what was not sent yet is not sent any more. What is done stays.
        """
        self._driving.ask(RequestKind.CANCEL)

    def cancel_duplicates(self) -> list[str]:
        """Cancel what the backend has of the jobs a second time, and return the ids.

        A backend may have accepted one attempt twice when the answer to its submission was lost.
        The oldest is the one that counts; the others can be found by their tag.

        Raises:
            JobManagerInvalidStateError: The backend cannot look for jobs by their tag, or cannot
                be opened here.
            BackendError: It could not be asked; call again.
        """
        attempts = (each for job in self.managed_jobs() for each in job.attempts())
        return list(cancel_duplicates(self._driving.backend(), attempts))

    def retry(
        self, states: Iterable[JobState | str] | None = None, *, cancelled: bool = False
    ) -> None:
        """Send again the jobs that failed or were lost, and only those; does not wait.

        Where there are none, a warning in the log says which jobs there are.

        Args:
            states: States of the jobs to send again: ``"failed"``, ``"lost"`` and ``"cancelled"``
                are possible. ``None`` means failed and lost.
            cancelled: Whether to send cancelled jobs again, too, whoever cancelled them.

        Raises:
            InvalidArgumentError: A job in one of the states cannot be sent again.
        """
        wanted = retries.checked_states(states, cancelled=cancelled)
        jobs = self.progress().jobs
        if not any(jobs.get(state) for state in wanted):
            fields = {"event": "nothing to retry", "job_set_id": self._record.job_set_id}
            logger.warning(retries.nothing_found(self._record.name, wanted, jobs), extra=fields)
        for kind in retries.request_kinds(wanted):
            self._driving.ask(kind)

    def resubmit(self, jobs: Iterable[int] | None = None) -> None:
        """Send again jobs of which it is in doubt whether the backend accepted them.

        This may pay twice: it is your word that the backend has not accepted them.

        Args:
            jobs: Indices of the jobs; ``None`` means all that are in doubt.
        """
        self._ask_each(RequestKind.RESUBMIT, jobs)

    def abandon(self, jobs: Iterable[int] | None = None) -> None:
        """Give up jobs of which it is in doubt whether the backend accepted them.

        Args:
            jobs: Indices of the jobs; ``None`` means all that are in doubt.
        """
        self._ask_each(RequestKind.ABANDON, jobs)

    # -- what users change themselves -------------------------------------------------------------

    def allow_usage(self, max_usage_s: float | None) -> None:
        """Change how many quantum seconds the job set may use, and have it go on if it can now.

        What was sent is not cancelled by a lower limit.

        Args:
            max_usage_s: The limit for the whole set, in quantum seconds; ``None``: no limit.

        Raises:
            InvalidArgumentError: It is not a number greater than 0, or ``None``.
            JobManagerInvalidStateError: Nobody drives the set, and it cannot be driven here.
        """
        self._store.set_max_usage(self._record.key, checked_usage(max_usage_s))
        self.record()
        self.drive()

    def delete(self) -> None:
        """Remove the job set and its results from the store, for good.

        If this is cut off, `JobManager.delete_job_set` removes what is left.

        Raises:
            JobManagerInvalidStateError: It has not ended, or another process drives it: cancel it
                first.
        """
        progress = self.progress()
        if self._record.complete and not progress.ended:
            msg = f"job set {self._record.name!r} has not ended: cancel it and wait, then delete it"
            raise JobManagerInvalidStateError(msg)
        self._driving.delete()

    def update_name(self, name: str) -> str:
        """Give the job set another name, and return it.

        Raises:
            NameInUseError: Another job set has it.
            InvalidArgumentError: It is not a string, or empty.
        """
        if not isinstance(name, str) or not name.strip():
            msg = f"the name is {name!r}; it is a string that is not empty"
            raise InvalidArgumentError(msg)
        self._store.rename(self._record.key, name)
        return self.name()

    def update_tags(
        self,
        replacement_tags: list[str] | None = None,
        additional_tags: list[str] | None = None,
        removal_tags: list[str] | None = None,
    ) -> list[str]:
        """Change the tags: replace, then add, then remove; return them.

        Raises:
            JobManagerInvalidStateError: Nothing was asked for.
            InvalidArgumentError: An argument is not a list of strings.
        """
        tags = updated_tags(self.record().tags, replacement_tags, additional_tags, removal_tags)
        self._store.set_tags(self._record.key, tags)
        return list(tags)

    def _ask_each(self, kind: RequestKind, jobs: Iterable[int] | None) -> None:
        for index in [None] if jobs is None else list(jobs):
            self._driving.ask(kind, index)
