"""What an assistant may spend: nothing, or up to a ceiling in 24 hours.

The ceiling is counted in the store, over all job sets that assistants began, so that it does not
begin again with a new server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model.progress import progress_of
from qiskit_job_manager.model.search import JobSetFilter, JobSetOrder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Clock, SearchableStore

TAG = "by-assistant"
"""The tag of job sets that assistants began."""
_PERIOD = timedelta(hours=24)
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run would take.

    Attributes:
        jobs: Its jobs.
        circuits: Its circuits.
        usage_s: Quantum seconds as estimated, or ``None``: not known.
    """

    jobs: int
    circuits: int
    usage_s: float | None


@dataclass(frozen=True, slots=True)
class Allowed:
    """What assistants may spend.

    Attributes:
        runs: Whether they may run anything.
        usage_s: Quantum seconds in 24 hours.
        jobs: Jobs in 24 hours.
        circuits: Circuits in 24 hours.
        clock: Gives the time.
    """

    runs: bool
    usage_s: float
    jobs: int
    circuits: int
    clock: Clock

    def check_that_it_may_run(self) -> None:
        """Check that running is allowed at all.

        Raises:
            InvalidArgumentError: It is not.
        """
        if not self.runs:
            msg = (
                "this server may only read: the user started it without --allow-run. Do not look "
                "for another way; ask the user to run the circuits, or to start qjm mcp --allow-run"
            )
            raise InvalidArgumentError(msg)

    def usage_for(self, store: SearchableStore, asked: Asked, *, is_free: bool) -> float | None:
        """Return the usage limit of a new run, or ``None`` where running is free.

        Args:
            store: Where all job sets are.
            asked: What the run would take.
            is_free: Whether it runs on this machine.

        Raises:
            InvalidArgumentError: It would go beyond what is allowed, or nobody knows.
        """
        spent = self._spent(store)
        for what, wanted, used, most in (
            ("jobs", asked.jobs, spent.jobs, self.jobs),
            ("circuits", asked.circuits, spent.circuits, self.circuits),
        ):
            if used + wanted > most:
                raise InvalidArgumentError(
                    _beyond(what, f"{wanted:,}", f"{most - used:,}", f"{most:,}")
                )
        if is_free:
            return None
        if asked.usage_s is None:
            msg = (
                "this run is refused: what it would use on this backend cannot be estimated, so no "
                "ceiling can hold it. Ask the user to run it"
            )
            raise InvalidArgumentError(msg)
        left_s = self.usage_s - (spent.usage_s or 0.0)
        if asked.usage_s > left_s or left_s <= 0:
            figures = (f"{asked.usage_s:g}", f"{max(left_s, 0):g}", f"{self.usage_s:g}")
            raise InvalidArgumentError(_beyond("quantum seconds", *figures))
        return max(asked.usage_s, 1e-6)

    def trouble(self, store: SearchableStore) -> str | None:
        """Return what was spent beyond what is allowed, in words, or ``None``."""
        spent = self._spent(store)
        is_over = (
            spent.jobs > self.jobs
            or spent.circuits > self.circuits
            or (spent.usage_s or 0.0) > self.usage_s
        )
        return "what assistants may spend in 24 hours is spent meanwhile" if is_over else None

    def left(self, store: SearchableStore) -> dict[str, Any]:
        """Return what is left for the next 24 hours, as JSON values."""
        if not self.runs:
            return {"runs": False}
        spent = self._spent(store)
        return {
            "runs": True,
            "usage_s_left": max(self.usage_s - (spent.usage_s or 0.0), 0.0),
            "jobs_left": max(self.jobs - spent.jobs, 0),
            "circuits_left": max(self.circuits - spent.circuits, 0),
        }

    def _spent(self, store: SearchableStore) -> Asked:
        jobs, circuits, usage_s = 0, 0, 0.0
        for record in self._recent(store):
            jobs += record.n_jobs
            circuits += record.n_experiments
            usage_s += _usage_of(store, record)
        return Asked(jobs, circuits, usage_s)

    def _recent(self, store: SearchableStore) -> Iterator[JobSetRecord]:
        wanted = JobSetFilter(tags=(TAG,), since=self.clock.now() - _PERIOD)
        offset = 0
        while page := store.find_job_sets(wanted, JobSetOrder.OLDEST, offset=offset, limit=_PAGE):
            yield from page
            offset += len(page)


def _usage_of(store: SearchableStore, record: JobSetRecord) -> float:
    """Return what a job set used; as long as it may use more, all that it may."""
    used_s = store.usage(record.key).total_s
    if progress_of(record, store.totals(record.key)).ended:
        return used_s
    return max(used_s, record.max_usage_s or 0.0)


def _beyond(what: str, wanted: str, left: str, most: str) -> str:
    return (
        f"this run is refused: it takes {wanted} {what}, and assistants may still use {left} of "
        f"{most} in 24 hours. Ask the user to run it, or to allow more"
    )
