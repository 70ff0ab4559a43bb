"""Moves the unsent experiments of a group from a backend that is down to the others.

Nothing is paid for twice: the driver of the job set cancels a job only while it was never sent,
under its lease, and what was cancelled so is never sent again. Only then are its experiments stored
for another backend, in one transaction with their new placement. After a crash between the two, the
next run of the script, or the next wait here, finds them withdrawn and moves them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidExperimentError, PlanError
from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.model.groups import GroupRecord, Place, Placement
from qiskit_job_manager.planning.placing import soonest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.manager.group_member import Member
    from qiskit_job_manager.manager.handed_experiments import HandedExperiments
    from qiskit_job_manager.model import JobRecord
    from qiskit_job_manager.ports import Clock
    from qiskit_job_manager.stores.sql_store import SqlStore

logger = logging.getLogger(__name__)

_TEND_EVERY_S = 0.5
_WORKS_FOR_S = 0.5  # so that a wait ends in time
_MOVES = (Place.QUEUE, Place.SPREAD)


class Relocation:
    """Moves experiments of one group, as long as this process has its backends.

    Args:
        store: Where the group is.
        clock: Tells the time.
        group_id: The group.
        members: Its backends.
        given: The experiments, as they were handed over.
    """

    def __init__(
        self,
        store: SqlStore,
        clock: Clock,
        group_id: str,
        members: Sequence[Member],
        given: HandedExperiments,
    ) -> None:
        self._store = store
        self._clock = clock
        self._group_id = group_id
        self._members = list(members)
        self._given = given
        self._next_s = self._until_s = 0.0
        self._n_cancelled_seen: dict[int, int] = {}
        self._moved: dict[int, set[int]] = {}

    def tend(self) -> None:
        """Move what has to be moved, if it is time to look again."""
        if self._clock.monotonic() < self._next_s:
            return
        self._next_s = self._clock.monotonic() + _TEND_EVERY_S
        self._until_s = self._clock.monotonic() + _WORKS_FOR_S
        group = self._store.groups.group(self._group_id)
        if group is None or group.cancelled or group.place not in _MOVES:
            return
        totals = self._store.totals_of([each.record.key for each in self._members])
        for each in self._members:
            each.backlog.look(each.record, totals[each.record.key])
        for number, each in enumerate(self._members):
            if each.backlog.n_unsent and each.backlog.is_down:
                self._withdraw(group, number)
            self._take_back(group, number)

    def _has_worked_long(self) -> bool:
        return self._clock.monotonic() >= self._until_s

    # -- withdrawing ------------------------------------------------------------------------------

    def _withdraw(self, group: GroupRecord, number: int) -> None:
        """Withdraw the jobs of a member that were never sent and that another can run now."""
        member, up = self._members[number], self._others(number, only_up=True)
        if not up or self._waits(member):
            return
        jobs = self._store.jobs(member.record.key, states=(JobState.PLANNED,))
        movable = (
            job
            for job in jobs
            if job.may_be_withdrawn and self._can_move(job, self._parts(group, number, job), up)
        )
        n_unsent = 0
        for job in movable:
            self._store.request(member.record.key, RequestKind.WITHDRAW, job.index)
            n_unsent += 1
            if self._has_worked_long():
                break
        if not n_unsent:
            return
        fields = {"event": "withdrawn", "job_set_id": member.record.job_set_id}
        words = "%r is down: %d unsent jobs of the group %r go to other backends"
        logger.warning(words, member.label, n_unsent, group.name, extra=fields)
        member.drive()

    def _waits(self, member: Member) -> bool:
        requests = self._store.requests(member.record.key)
        return any(each.kind is RequestKind.WITHDRAW for each in requests)

    def _can_move(
        self, job: JobRecord, parts: Sequence[tuple[Placement, Placement]], up: Sequence[int]
    ) -> bool:
        """Say whether each experiment of a job is known here and runs on another backend."""
        return bool(parts) and all(self._target(job, each, up) is not None for each, _ in parts)

    # -- moving -----------------------------------------------------------------------------------

    def _take_back(self, group: GroupRecord, number: int) -> None:
        """Place elsewhere what was withdrawn from a member."""
        member = self._members[number]
        n_cancelled = member.backlog.n_cancelled
        if n_cancelled == self._n_cancelled_seen.get(number, 0):
            return
        jobs = self._store.jobs(member.record.key, states=(JobState.CANCELLED,))
        done = self._moved.setdefault(number, set())
        withdrawn = [job for job in jobs if job.is_withdrawn and job.index not in done]
        n_left = len(withdrawn)
        for job in withdrawn:
            if self._move_job(group, number, job):
                done.add(job.index)
                n_left -= 1
            if self._has_worked_long():
                self._next_s = 0.0
                break
        if not n_left:
            self._n_cancelled_seen[number] = len(jobs)

    def _move_job(self, group: GroupRecord, number: int, job: JobRecord) -> bool:
        """Place the experiments of a withdrawn job elsewhere, and say whether all are."""
        up = self._others(number, only_up=True)
        is_moved = True
        for part, whole in self._parts(group, number, job):
            found = self._target(job, part, up)
            if found is None:  # it may go back, too
                found = self._target(job, part, self._others(number, only_up=False))
            is_moved = found is not None and self._move(group, part, whole, *found) and is_moved
        return is_moved

    def _move(
        self,
        group: GroupRecord,
        part: Placement,
        whole: Placement,
        target: int,
        experiments: list[Any],
    ) -> bool:
        member = self._members[target]
        member.reread()
        indices = range(part.start, part.stop)

        def at(index: int) -> Any:
            return experiments[index - part.start]

        try:
            to = member.placed(indices, at, target)
        except (InvalidExperimentError, PlanError):
            if not member.refuses_late(indices, at):
                raise
            return False  # it goes to another one at the next look
        if not self._store.groups.move(group, whole, part, to, self._clock.now()):
            return False  # another process moves it, or the group was cancelled
        member.note_stored(to.blocks)
        return True

    def _parts(
        self, group: GroupRecord, number: int, job: JobRecord
    ) -> list[tuple[Placement, Placement]]:
        """Return the parts of placements that are the experiments of a job, each with the whole."""
        placed = self._store.groups.placed_on(group.key, number, job.start, job.stop)
        return [(each.part(job.start, job.stop), each) for each in placed]

    def _others(self, number: int, *, only_up: bool) -> list[int]:
        others = [i for i in range(len(self._members)) if i != number]
        if not only_up:
            return [*others, number]
        return [i for i in others if not self._is_out(self._members[i])]

    def _is_out(self, member: Member) -> bool:
        return member.backlog.only_fails or member.backlog.is_down

    def _target(
        self, job: JobRecord, part: Placement, others: Sequence[int]
    ) -> tuple[int, list[Any]] | None:
        """Return the least busy of some members that can run experiments, and these."""
        experiments = self._given.all_from(part.start, part.size)
        if experiments is None:
            home = self._members[part.member]
            experiments = home.stored(job, part.first, part.size)
        if experiments is None:
            return None
        able = [i for i in others if self._can_run(self._members[i], experiments, part.start)]
        loads = [self._members[i].backlog.load(i, part.size) for i in able]
        best = soonest(loads)
        return None if best is None else (best, experiments)

    def _can_run(self, member: Member, experiments: Sequence[Any], start: int) -> bool:
        said = (member.refusal(each, index) for index, each in enumerate(experiments, start=start))
        return not any(said)
