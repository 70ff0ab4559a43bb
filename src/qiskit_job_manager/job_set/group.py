"""`ManagedJobSetGroup`: the job sets of one run on several backends."""

from __future__ import annotations

import bisect
import contextlib
import time
from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.errors import (
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerTimeoutError,
    JobManagerUnknownJobSet,
)
from qiskit_job_manager.job_set import waiting
from qiskit_job_manager.job_set.requests import checked_states
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.groups import Place
from qiskit_job_manager.model.progress import Activity, Progress
from qiskit_job_manager.results.group_results import GroupResults
from qiskit_job_manager.views.escape import escape
from qiskit_job_manager.views.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from qiskit_job_manager.job_set.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobRecord
    from qiskit_job_manager.model.groups import GroupRecord, Placement
    from qiskit_job_manager.ports import Clock
    from qiskit_job_manager.stores.groups import Groups

_LOOK_EVERY_S = 0.25
_PLACING_WITHIN_S = 10.0


class ManagedJobSetGroup:
    """The job sets of one `JobManager.run` on several backends.

    `JobManager` makes it. Each backend has a job set, which is one like any other; this object
    stands for all of them. It answers each call from the store.

    Args:
        record: The group.
        groups: The groups of the store.
        job_sets: The job sets by the names of their backends in the group.
        clock: Tells the time.
        tend: Moves unsent experiments from a backend that is down; ``None``: this process does not
            have what was handed over.
    """

    def __init__(
        self,
        record: GroupRecord,
        groups: Groups,
        job_sets: Mapping[str, ManagedJobSet],
        clock: Clock,
        tend: Callable[[], object] | None = None,
    ) -> None:
        self._record = record
        self._groups = groups
        self._clock = clock
        self._tend = tend
        self.job_sets = dict(job_sets)
        """The job sets by the names of their backends, without those that were deleted."""

    def __repr__(self) -> str:
        with contextlib.suppress(JobManagerError):  # else as it was
            self._read()
        what = plural(self._record.n_experiments, "experiment")
        return f"<ManagedJobSetGroup {self._record.name!r}: {what} on {', '.join(self.backends)}>"

    def __len__(self) -> int:
        return self.n_experiments

    # -- what it is -------------------------------------------------------------------------------

    def group_id(self) -> str:
        """Return its id in the store."""
        return self._record.group_id

    def name(self) -> str:
        """Return its name."""
        return self._record.name

    @property
    def place(self) -> str:
        """How its experiments are placed: ``"queue"``, ``"spread"``, ``"all"`` or ``"chosen"``."""
        return self._record.place.value

    @property
    def created_at(self) -> datetime:
        """When `JobManager.run` was called, in UTC."""
        return self._record.created_at

    @property
    def backends(self) -> list[str]:
        """The names of its backends; equal ones are numbered from the second on."""
        return [each.label for each in self._record.members]

    @property
    def n_experiments(self) -> int:
        """How many experiments are placed."""
        return self._read().n_experiments

    # -- how far it is ----------------------------------------------------------------------------

    def progress(self) -> Progress:
        """Return how many jobs and experiments are in each state, of all backends together.

        A job that was withdrawn from a backend counts where its experiments are now.
        """
        group = self._read()
        jobs: dict[JobState, int] = {}
        experiments: dict[JobState, int] = {}
        needs_user = held = 0
        for label, job_set in self.job_sets.items():
            now = job_set.progress()
            needs_user, held = needs_user + now.needs_user, held + now.held
            for state in JobState:
                jobs[state] = jobs.get(state, 0) + now.jobs.get(state, 0)
                experiments[state] = experiments.get(state, 0) + now.experiments.get(state, 0)
            withdrawn = self._withdrawn(job_set, now)
            placed = self._placed_on(label) if withdrawn else []
            for job in withdrawn:
                size = job.stop - job.start
                jobs[JobState.CANCELLED] -= 1
                experiments[JobState.CANCELLED] -= size
                if _is_placed(job, placed):
                    to = JobState.CANCELLED if group.cancelled else JobState.PLANNED
                    jobs[to] += 1
                    experiments[to] += size
        times = len(self._record.members) if group.place is Place.ALL else 1
        return Progress(
            n_jobs=sum(jobs.values()),
            n_experiments=group.n_experiments * times,
            jobs=jobs,
            experiments=experiments,
            complete=group.complete or group.cancelled,
            needs_user=needs_user,
            held=held,
        )

    def activity(self, progress: Progress | None = None) -> Activity:
        """Return what the backends last said of the active jobs; never waits."""
        del progress
        found = {label: each.activity() for label, each in self.job_sets.items()}
        troubles = (f"{label}: {each.trouble}" for label, each in found.items() if each.trouble)
        return Activity(
            sum(each.running for each in found.values()),
            sum(each.queued for each in found.values()),
            trouble=next(troubles, None),
        )

    def report(self, detailed: bool = True) -> str:
        """Return a text on the group and on each of its job sets, with each job if ``detailed``."""
        group, now = self._read(), self.progress()
        state = "" if now.complete else " so far; more are being placed, or the script was cut off"
        counts = ", ".join(f"{n:,} {state}" for state, n in now.jobs.items() if n)
        lines = [
            f"Group {escape(group.name)}",
            f"  ID: {group.group_id}",
            f"  Placed: {group.place}{', cancelled' if group.cancelled else ''}",
            f"  Experiments: {group.n_experiments:,}{state}",
            f"  Jobs: {counts or 'none'}",
        ]
        sets = (each.report(detailed) for each in self.job_sets.values())
        return "\n\n".join(["\n".join(lines), *sets])

    def error_messages(self) -> str | None:
        """Return why jobs have no result, backend by backend, or ``None``."""
        found = ((label, each.error_messages()) for label, each in self.job_sets.items())
        return "\n".join(f"{label}:\n{text}" for label, text in found if text) or None

    # -- requests ---------------------------------------------------------------------------------

    def drive(self) -> None:
        """Go on in this process with each job set that no other process drives.

        One whose backend cannot be opened here waits; `wait` says why.
        """
        for each in self.job_sets.values():
            with contextlib.suppress(JobManagerInvalidStateError):
                each.drive()

    def cancel(self) -> None:
        """Cancel every job that has not ended, and place nothing more.

        A run that still places experiments, here or in another process, ends with what it has
        placed.
        """
        self._groups.cancel(self._record.key)
        for each in self.job_sets.values():
            each.cancel()

    def retry(
        self, states: Iterable[JobState | str] | None = None, *, cancelled: bool = False
    ) -> None:
        """Send again the jobs that failed or were lost, each on its backend; does not wait.

        Args:
            states: As for `ManagedJobSet.retry`.
            cancelled: Whether to send cancelled jobs again, too; not those that were withdrawn.

        Raises:
            InvalidArgumentError: A job in one of the states cannot be sent again.
        """
        wanted = checked_states(states, cancelled=cancelled)
        for each in self.job_sets.values():
            if any(each.progress().jobs.get(state) for state in wanted):
                each.retry(wanted)

    def delete(self) -> None:
        """Remove the group with its job sets and their results from the store, for good.

        Raises:
            JobManagerInvalidStateError: A job set has not ended, or experiments may still be
                placed; nothing was deleted.
        """
        group = self._read()
        if not (group.complete or group.cancelled):
            msg = (
                f"the group {group.name!r} was not handed over completely; its script may still be "
                "running: cancel the group and wait, then delete it"
            )
            raise JobManagerInvalidStateError(msg)
        running = [each.name() for each in self.job_sets.values() if not each.progress().ended]
        if running:
            msg = f"job set {running[0]!r} has not ended: cancel the group and wait, then delete it"
            raise JobManagerInvalidStateError(msg)
        for label, each in list(self.job_sets.items()):
            each.delete()
            del self.job_sets[label]
        self._groups.delete(self._record.key)

    # -- waiting and results ----------------------------------------------------------------------

    def wait(
        self,
        timeout: float | None = None,
        progress: bool | Callable[[Progress], object] | None = None,
    ) -> bool:
        """Wait until every job on every backend has ended, and return whether all have.

        Meanwhile unsent experiments of a backend that is down go to the others, if this object is
        the one that `JobManager.run` returned.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all.
            progress: As for `ManagedJobSet.wait`.

        Raises:
            JobManagerInvalidStateError: The script that places the experiments was cut off, or no
                process drives a job set and this one cannot.
        """
        deadline = waiting.Deadline(timeout, self._clock)
        self.drive()
        placing_until_s = self._clock.monotonic() + _PLACING_WITHIN_S
        with waiting.showing(progress, self._record, self._clock, self.activity) as show:
            while True:
                if self._tend is not None:
                    self._tend()
                now = self.progress()
                show(now)
                left = [each for each in self.job_sets.values() if not each.wait(0)]
                if now.ended and not left:
                    return True
                if deadline.remaining_s <= 0:
                    return False
                if left:
                    placing_until_s = self._clock.monotonic() + _PLACING_WITHIN_S
                elif self._clock.monotonic() > placing_until_s:
                    raise JobManagerInvalidStateError(self._cut_off())
                self._pause(left, min(_LOOK_EVERY_S, deadline.remaining_s))

    def results(
        self,
        timeout: float | None = None,
        partial: bool = False,
        *,
        progress: bool | Callable[[Progress], object] | None = None,
    ) -> GroupResults:
        """Wait until every job has ended, and return the results by experiment and backend.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.
            partial: Whether experiments that a failed job did return may be read.
            progress: What to show meanwhile; see `ManagedJobSet.wait`.

        Raises:
            JobManagerTimeoutError: The deadline passed; the message says what is missing.
        """
        if not self.wait(timeout, progress):
            raise JobManagerTimeoutError(self._missing(timeout))
        return self._results(partial=partial)

    def results_so_far(self) -> GroupResults:
        """Return what is stored now, without waiting and without a backend."""
        return self._results(partial=True)

    # -- inside -----------------------------------------------------------------------------------

    def _read(self) -> GroupRecord:
        found = self._groups.group(self._record.group_id)
        if found is None:
            msg = f"the group {self._record.name!r} ({self._record.group_id}) was deleted"
            raise JobManagerUnknownJobSet(msg)
        self._record = found
        return found

    def _results(self, *, partial: bool) -> GroupResults:
        group = self._read()
        by_backend = {
            label: each._results(partial=partial) for label, each in self.job_sets.items()
        }
        placed = self._groups.placements(group.key)
        return GroupResults(by_backend, self.backends, placed, group.n_experiments)

    def _withdrawn(self, job_set: ManagedJobSet, now: Progress) -> list[JobRecord]:
        if not now.jobs.get(JobState.CANCELLED):
            return []
        return [job for job in job_set._jobs([JobState.CANCELLED]) if job.is_withdrawn]

    def _placed_on(self, label: str) -> list[Placement]:
        number = self.backends.index(label)
        placed = self._groups.placements(self._record.key)
        return sorted((e for e in placed if e.member == number), key=_first)

    def _pause(self, left: Sequence[ManagedJobSet], pause_s: float) -> None:
        """Wait a moment for the first job set that can go on."""
        stuck: JobManagerInvalidStateError | None = None
        for each in left:
            try:
                each.wait(pause_s)
            except JobManagerInvalidStateError as error:
                stuck = error
            else:
                return
        if stuck is not None:
            raise stuck
        time.sleep(pause_s)

    def _cut_off(self) -> str:
        return (
            f"the group {self._record.name!r} was not handed over completely: "
            f"{plural(self._record.n_experiments, 'experiment')} are placed, or some wait to go to "
            f"another backend. Unless its script is still running, {ways.AGAIN}"
        )

    def _missing(self, timeout: float | None) -> str:
        now = self.progress()
        texts = [
            f"{label}: {each._missing(timeout)}"
            for label, each in self.job_sets.items()
            if not each.progress().ended
        ]
        more = "" if now.complete else " Not all experiments are placed yet."
        return f"the group {self._record.name!r} has not ended.{more} {' '.join(texts)}".strip()


def _first(placed: Placement) -> int:
    return placed.first


def _is_placed(job: JobRecord, placed: Sequence[Placement]) -> bool:
    """Say whether placements on one backend, in their order there, have experiments of a job."""
    number = bisect.bisect_left(placed, job.stop, key=_first)
    return number > 0 and placed[number - 1].part(job.start, job.stop).size > 0
