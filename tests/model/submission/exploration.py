"""Visits every world that a case can reach, and looks for broken promises in each."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.protocol import JOBS, BackendKind, first_world, moves

from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from submission.protocol import Case, Job, World


@dataclass(frozen=True)
class Exploration:
    """What was found.

    Attributes:
        worlds: How many different worlds there are.
        ends: How many of them are ends: the set has ended, or only the user can go on.
        violation: What was broken first, on a shortest way; ``None``: nothing.
        story: The moves that lead there.
    """

    worlds: int
    ends: int = 0
    violation: str | None = None
    story: tuple[str, ...] = ()


def explore(case: Case, most: int = 500_000) -> Exploration:
    """Visit all worlds, nearest first, until a promise is broken."""
    first = first_world(case)
    numbers: dict[World, int] = {first: 0}
    came_by: list[tuple[int, str]] = [(-1, "")]
    before: list[list[int]] = [[]]
    ends: list[int] = []
    waiting = deque([first])
    while waiting:
        world = waiting.popleft()
        number = numbers[world]
        broken = next(_broken_promises(world), None)
        if broken is not None:
            return Exploration(len(numbers), len(ends), broken, _story(came_by, number))
        if _is_end(case, world):
            ends.append(number)
        for name, after in moves(case, world):
            known = numbers.setdefault(after, len(numbers))
            if known == len(before):
                before.append([])
                came_by.append((number, name))
                waiting.append(after)
            before[known].append(number)
        assert len(numbers) <= most, f"more than {most} worlds: {case}"
    stuck = _first_that_cannot_end(before, ends)
    if stuck is not None:
        words = "from here the set can never end"
        return Exploration(len(numbers), len(ends), words, _story(came_by, stuck))
    return Exploration(len(numbers), len(ends))


def _first_that_cannot_end(before: list[list[int]], ends: list[int]) -> int | None:
    can_end = [False] * len(before)
    waiting = deque(ends)
    while waiting:
        number = waiting.popleft()
        if not can_end[number]:
            can_end[number] = True
            waiting.extend(before[number])
    return None if all(can_end) else can_end.index(False)


def _story(came_by: list[tuple[int, str]], number: int) -> tuple[str, ...]:
    names = []
    while number:
        number, name = came_by[number]
        names.append(name)
    return tuple(reversed(names))


# -- the promises ---------------------------------------------------------------------------------


def _broken_promises(world: World) -> Iterator[str]:
    for job in JOBS:
        yield from _wrong_record(world, job, world.jobs[job])
        yield from _paid_twice(world, job)
    if world.finished and not _is_moving(world):
        yield from _unreported(world)


def _wrong_record(world: World, job: int, row: Job) -> Iterator[str]:
    """The job that the store records is the one that was accepted under the recorded tag."""
    if row.state is not JobState.ACTIVE:
        return
    if all(each.remote != row.remote for each in world.accepted):
        yield f"job {job} is active, and the backend has no such job"
    elif row.remote.tag != row.tag:
        yield f"job {job} records the job of another attempt"


def _paid_twice(world: World, job: int) -> Iterator[str]:
    """Two attempts of a job were accepted, although no user asked for that.

    What no rule can prevent does not count: a driver stood still between its check and its
    request.
    """
    mine = [each for each in world.accepted if each.remote.job == job]
    if job in world.resubmitted or any(each.late for each in mine):
        return
    if len({each.remote.tag for each in mine}) > 1:
        yield f"job {job} was paid for twice"


def _unreported(world: World) -> Iterator[str]:
    """At the end, every accepted job is either recorded or reported.

    What no rule can prevent does not count: a driver stood still between its check and its
    request until all was over, and its answer was lost.
    """
    for each in world.accepted:
        job = each.remote.job
        is_known = each.remote in world.reported or each.remote == world.jobs[job].remote
        if not (is_known or each.unsearched or job in world.resubmitted):
            yield f"job {job} was paid for twice, and no report says so"


def _is_moving(world: World) -> bool:
    return bool(world.requests) or any(driver.step is not None for driver in world.drivers)


def _is_end(case: Case, world: World) -> bool:
    if case.backend is BackendKind.BLIND:
        waits = any(row.state is JobState.IN_DOUBT for row in world.jobs)
    else:
        waits = False
    is_held = world.restored and case.rules.searches_restored and not case.findable
    return world.finished or waits or is_held
