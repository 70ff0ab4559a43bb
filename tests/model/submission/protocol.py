"""A model of how jobs are submitted: two drivers, one store, one backend, and what goes wrong.

What to do next comes from the real `decide`, and every change of a job's state from the real table
of transitions. The rest is as small as it can be: a store that remembers rows and a fence, a
backend that accepts requests and lists them later, and drivers that do one step at a time.

Time is left out. A step may come at any moment, so that every pause between two steps is covered.
Two assumptions are all that is said of time:

    1. A lease does not expire while its driver runs, only while the driver is paused or dead.
    2. A request that was sent before a doubt began has arrived, and is listed, or never will be,
       when the lag of the listing has passed since then.

A job counts as ended when it is active: what follows is not about submitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from qiskit_job_manager.lifecycle import (
    Budget,
    Call,
    CallKind,
    Event,
    Situation,
    decide,
    next_state,
    proves_absence,
)
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS = (0, 1)
DRIVERS = (0, 1)
LAG_S = 1.0


class BackendKind(StrEnum):
    """What a backend offers to a driver that does not know whether a job was accepted."""

    IDEMPOTENT = "idempotent"
    FINDABLE = "findable"
    BLIND = "blind"


class StoreKind(StrEnum):
    """How a store knows that a driver is gone."""

    KERNEL_LOCK = "kernel lock"  # free as soon as the process is dead, and not before
    LEASE = "lease"  # free when the driver did not renew it in time


class Fault(StrEnum):
    """What may go wrong, each at most so often as `Case.faults` says."""

    PAUSE = "pause"
    CRASH = "crash"
    NETWORK = "network"
    REPOST = "repost"
    RESTORE = "restore"
    RESUBMIT = "resubmit"  # the user's decision about a job in doubt; no fault, but bounded too


@dataclass(frozen=True)
class Rules:
    """What keeps the promises; each can be taken out.

    Attributes:
        fence: The store refuses the writes of earlier drivers.
        intent_first: The tag is stored before the request is sent.
        waits_for_lag: A look-up that found nothing counts only after the lag of the listing.
        checks_at_act: A driver checks its lease directly before it sends.
        searches_after_expiry: After a take-over of an expired lease, the attempts of the former
            driver are looked for once all jobs have ended.
        doubts_reposts: A no is not definite when the client posted the request before.
        searches_restored: A store that went back in time is driven only after the backend was
            searched, or not at all where it cannot be.
    """

    fence: bool = True
    intent_first: bool = True
    waits_for_lag: bool = True
    checks_at_act: bool = True
    searches_after_expiry: bool = True
    doubts_reposts: bool = True
    searches_restored: bool = True


@dataclass(frozen=True)
class Case:
    """What is explored: a kind of backend, a kind of store, rules, and how much goes wrong."""

    backend: BackendKind
    store: StoreKind
    faults: tuple[Fault, ...]
    rules: Rules = Rules()

    @property
    def findable(self) -> bool:
        return self.backend is BackendKind.FINDABLE

    @property
    def budget(self) -> Budget:
        return Budget(
            submissions=len(JOBS),
            calls=len(JOBS),
            idempotent=self.backend is BackendKind.IDEMPOTENT,
            findable=self.findable,
            listing_lag_s=LAG_S,
        )


class Tag(NamedTuple):
    """The tag of an attempt; no two attempts have the same."""

    number: int
    driver: int
    history: int  # a store that went back in time counts its attempts again


class Job(NamedTuple):
    """A row of the store."""

    state: JobState = JobState.PLANNED
    tag: Tag | None = None
    remote: Remote | None = None
    attempts: tuple[Tag, ...] = ()


class Remote(NamedTuple):
    """A job on the backend: which experiments, under which tag, and which copy."""

    job: int
    tag: Tag
    copy: int = 0


class Request(NamedTuple):
    """A submission on its way.

    Attributes:
        job: Of which job.
        tag: Under which tag.
        sender: The driver that waits for the answer; ``None``: nobody does any more.
        covered: Whether it was sent before the present doubt about its tag began.
        late: Whether its driver stood still between its check and sending.
        posted: Whether the client posted it before, and it was accepted.
        unsearched: Whether it was sent after the last search.
    """

    job: int
    tag: Tag
    sender: int | None
    covered: bool = False
    late: bool = False
    unsearched: bool = False
    posted: bool = False


class Accepted(NamedTuple):
    """What the backend knows of a job that it accepted; see `Request`."""

    remote: Remote
    listed: bool
    covered: bool
    late: bool
    unsearched: bool


class Step(NamedTuple):
    """Where a driver is in submitting or looking up one job."""

    at: str
    job: int
    tag: Tag | None = None
    remote: Remote | None = None
    repeats: bool = False
    late: bool = False


class Driver(NamedTuple):
    """A process. One that died is started again at once, and knows nothing.

    Attributes:
        token: The fence of its claim; 0: it has none.
        paused: Whether it stands still.
        step: What it is doing.
        look_ups: By job, look-ups that found nothing and count.
        jobs: The jobs as it knows them; ``None``: as they are in the store.
    """

    token: int = 0
    paused: bool = False
    step: Step | None = None
    look_ups: tuple[int, ...] = (0,) * len(JOBS)
    jobs: tuple[Job, ...] | None = None


class World(NamedTuple):
    """All there is. Sets of the backend are frozen, so that equal worlds are equal values."""

    left: tuple[int, ...]
    jobs: tuple[Job, ...] = (Job(),) * len(JOBS)
    fence: int = 0
    holder: int | None = None
    expired: bool = False
    must_search: bool = False
    finished: bool = False
    restored: bool = False
    history: int = 0
    backup: tuple[Job, ...] | None = None
    drivers: tuple[Driver, ...] = (Driver(),) * len(DRIVERS)
    requests: frozenset[Request] = frozenset()
    accepted: frozenset[Accepted] = frozenset()
    reported: frozenset[Remote] = frozenset()
    resubmitted: frozenset[int] = frozenset()


Move = tuple[str, World]
FAULTS = tuple(Fault)


def first_world(case: Case) -> World:
    """Return the world in which nothing has happened yet."""
    left = tuple(case.faults.count(fault) for fault in FAULTS)
    # Where a client posts again by itself, duplicates are always looked for.
    return World(left, must_search=Fault.REPOST in case.faults)


def moves(case: Case, world: World) -> Iterator[Move]:
    """Yield all that can happen next, each with the world after it."""
    for number in DRIVERS:
        driver = world.drivers[number]
        if driver.paused:
            yield (
                f"driver {number} goes on",
                _with_driver(world, number, driver._replace(paused=False)),
            )
        else:
            yield from _driver_moves(case, world, number, driver)
    yield from _backend_moves(case, world)
    yield from _fault_moves(case, world)


# -- drivers --------------------------------------------------------------------------------------


def _driver_moves(case: Case, world: World, number: int, driver: Driver) -> Iterator[Move]:
    if not driver.token:
        yield from _claim(case, world, number)
    elif driver.step is not None:
        yield from _next_step(case, world, number, driver, driver.step)
    elif _must_renew(case, world, number):
        yield f"driver {number} renews its lease", world._replace(expired=False)
    elif world.restored and case.rules.searches_restored and _is_current(world, driver):
        yield from _search_restored(case, world, number)
    else:
        yield from _decide(case, world, number, driver)


def _must_renew(case: Case, world: World, number: int) -> bool:
    return case.rules.checks_at_act and world.expired and world.holder == number


def _claim(case: Case, world: World, number: int) -> Iterator[Move]:
    is_free = world.holder is None or world.expired
    if world.finished or not is_free or (world.restored and not _may_drive_restored(case)):
        return
    if number and not world.fence:  # drivers are alike: it is the first who is first
        return
    drivers = list(world.drivers)
    for other in DRIVERS:  # a former driver goes on with the jobs as they are now
        former = drivers[other]
        if former.token and former.jobs is None:
            drivers[other] = former._replace(jobs=world.jobs)
    drivers[number] = Driver(token=world.fence + 1)
    claimed = world._replace(
        fence=world.fence + 1,
        holder=number,
        expired=False,
        must_search=world.must_search or (world.expired and case.rules.searches_after_expiry),
        drivers=tuple(drivers),
    )
    yield f"driver {number} claims", claimed


def _may_drive_restored(case: Case) -> bool:
    return case.findable or not case.rules.searches_restored


def _search_restored(case: Case, world: World, number: int) -> Iterator[Move]:
    """Adopt what the backend has of this job set, found by its label, when the lag has passed."""
    if not _all_listed(world):
        return
    for job in JOBS:
        row = world.jobs[job]
        found = sorted(each.remote for each in world.accepted if each.remote.job == job)
        if row.state is not JobState.ACTIVE and found:
            same = [remote for remote in found if remote.tag == row.tag]
            remote = (same or found)[0]
            events = _way_to_active(row, remote.tag)
            after = _written(case, world, number, job, events, remote.tag, remote)
            assert after is not None
            world = after
        others = {remote for remote in found if remote != world.jobs[job].remote}
        world = world._replace(reported=world.reported | others)
    yield (
        f"driver {number} searches for what the restored store forgot",
        world._replace(restored=False),
    )


def _way_to_active(row: Job, tag: Tag) -> tuple[Event, ...]:
    """Return the events that lead from a row to active under a tag that was found."""
    to_doubt = {JobState.SUBMITTING: (Event.UNANSWERED,), JobState.IN_DOUBT: ()}
    if row.state is JobState.PLANNED:
        return Event.INTENDED, Event.UNANSWERED, Event.FOUND
    if row.tag == tag:
        return *to_doubt[row.state], Event.FOUND
    again = (Event.ABSENT, Event.INTENDED, Event.UNANSWERED, Event.FOUND)
    return *to_doubt[row.state], *again


def _decide(case: Case, world: World, number: int, driver: Driver) -> Iterator[Move]:
    rows = driver.jobs or world.jobs
    states = tuple(row.state for row in rows)
    if all(state is JobState.ACTIVE for state in states):
        yield from _finish(case, world, number, driver)
    for decision in _decisions(case, states, driver.look_ups):
        job = decision.job_key
        if not isinstance(decision, Call):
            yield from _take(case, world, number, job, decision.event)
        elif decision.kind is CallKind.SUBMIT:
            yield from _begin_submission(case, world, number, job)
        elif decision.kind is CallKind.FIND:
            yield from _look_up(case, world, number, job)
    yield from _resubmit(case, world, number, states)


@cache
def _decisions(case, states, look_ups):
    situations = [Situation(job_key=job, state=states[job], look_ups=look_ups[job]) for job in JOBS]
    return tuple(decide(situations, 100.0, case.budget))


def _take(case: Case, world: World, number: int, job: int, event: Event) -> Iterator[Move]:
    after = _written(case, world, number, job, (event,))
    name = f"driver {number} records that job {job} is {event}"
    if after is None:
        yield f"{name}, which is refused", _let_go(world, number)
        return
    if event is Event.UNANSWERED:
        after = _begin_doubt(after, job)
    yield name, _with_look_ups(after, number, job, 0)


def _begin_doubt(world: World, job: int) -> World:
    """Note what was sent before: it is listed, or will never be, when the lag has passed."""
    tag = world.jobs[job].tag
    requests = (
        each._replace(covered=True) if (each.job, each.tag) == (job, tag) else each
        for each in world.requests
    )
    accepted = (
        each._replace(covered=True) if each.remote[:2] == (job, tag) else each
        for each in world.accepted
    )
    return world._replace(requests=frozenset(requests), accepted=frozenset(accepted))


def _look_up(case: Case, world: World, number: int, job: int) -> Iterator[Move]:
    driver = world.drivers[number]
    tag = (driver.jobs or world.jobs)[job].tag
    name = f"driver {number} looks for job {job}"
    same = sorted(each for each in world.accepted if each.remote[:2] == (job, tag))
    found = [each.remote for each in same if each.listed]
    if found:
        after = _written(case, world, number, job, (Event.FOUND,), tag, found[0])
        if after is None:
            yield f"{name}, and may not record what it found", _let_go(world, number)
        else:
            yield f"{name} and finds it", after._replace(reported=after.reported | {*found[1:]})
        return
    on_the_way = any(r.covered for r in world.requests if (r.job, r.tag) == (job, tag))
    lag_is_over = not on_the_way and not any(each.covered for each in same)
    for asked_s in (0.0, LAG_S) if lag_is_over else (0.0,):
        counts = proves_absence(asked_s, 0.0, LAG_S) or not case.rules.waits_for_lag
        if counts:
            look_ups = driver.look_ups[job] + 1
            yield f"{name} in vain", _with_look_ups(world, number, job, look_ups)


def _resubmit(
    case: Case, world: World, number: int, states: tuple[JobState, ...]
) -> Iterator[Move]:
    """Obey a user who wants a job in doubt sent again, and accepts that it may run twice."""
    if case.backend is not BackendKind.BLIND or not _may(world, Fault.RESUBMIT):
        return
    for job in JOBS:
        if states[job] is JobState.IN_DOUBT:
            after = _written(case, world, number, job, (Event.RESUBMITTED,))
            if after is not None:
                after = after._replace(resubmitted=after.resubmitted | {job})
                yield f"the user resubmits job {job}", _spent(after, Fault.RESUBMIT)


def _finish(case: Case, world: World, number: int, driver: Driver) -> Iterator[Move]:
    if not _is_current(world, driver):
        yield f"driver {number} learns that it lost its lease", _let_go(world, number)
        return
    if not (world.must_search and case.findable):
        done = world._replace(finished=True, holder=None)
        yield f"driver {number} ends the set", _let_go(done, number)
    elif _all_listed(world):
        known = {
            each.remote
            for each in world.accepted
            if each.remote.tag in world.jobs[each.remote.job].attempts
        }
        duplicates = known - {row.remote for row in world.jobs}
        done = world._replace(
            finished=True, holder=None, must_search=False, reported=world.reported | duplicates
        )
        yield f"driver {number} searches, and ends the set", _let_go(done, number)


# -- submitting -----------------------------------------------------------------------------------


def _begin_submission(case: Case, world: World, number: int, job: int) -> Iterator[Move]:
    """Store the intent."""
    driver = world.drivers[number]
    row = (driver.jobs or world.jobs)[job]
    name = f"driver {number} intends to send job {job}"
    repeats = row.state is JobState.IN_DOUBT
    tag = row.tag if repeats else Tag(len(row.attempts) + 1, number, world.history)
    event = Event.REPEATED if repeats else Event.INTENDED
    step = Step("check", job, tag, repeats=repeats)
    if not (case.rules.intent_first or repeats):
        yield f"{name}, and stores nothing", _with_step(world, number, step)
        return
    after = _written(case, world, number, job, (event,), tag)
    if after is None:
        yield f"{name}, which is refused", _let_go(world, number)
    else:
        yield name, _with_step(after, number, step)


def _next_step(case: Case, world: World, number: int, driver: Driver, step: Step) -> Iterator[Move]:
    match step.at:
        case "check":
            yield from _check(case, world, number, driver, step)
        case "send":
            yield from _send(world, number, step)
        case "accepted" | "unanswered" | "deferred":
            yield from _record_answer(case, world, number, step)


def _check(case: Case, world: World, number: int, driver: Driver, step: Step) -> Iterator[Move]:
    """Look at the own lease, directly before sending; a kernel lock ends with its process alone."""
    name = f"driver {number} checks its lease"
    if (_is_current(world, driver) and not world.expired) or not case.rules.checks_at_act:
        yield name, _with_step(world, number, step._replace(at="send"))
    else:
        yield f"{name}, which is over", _with_step(world, number, step._replace(at="deferred"))


def _send(world: World, number: int, step: Step) -> Iterator[Move]:
    assert step.tag is not None
    request = Request(
        step.job, step.tag, number, late=step.late, unsearched=step.late and world.finished
    )
    sent = world._replace(requests=world.requests | {request})
    waiting = _with_step(sent, number, step._replace(at="wait"))
    yield f"driver {number} sends job {step.job}", waiting


def _record_answer(case: Case, world: World, number: int, step: Step) -> Iterator[Move]:
    event = Event(step.at)
    if event is Event.DEFERRED and step.repeats:
        event = Event.UNANSWERED  # a no means nothing for the submission that it repeats
    name = f"driver {number} records that job {step.job} is {event}"
    intended = () if case.rules.intent_first or step.repeats else (Event.INTENDED,)
    if event is Event.DEFERRED and intended:
        yield name, _with_step(world, number, None)
        return
    after = _written(case, world, number, step.job, (*intended, event), step.tag, step.remote)
    if after is None:
        # What was accepted is never dropped: it is recorded outside the fence.
        told = world.reported | ({step.remote} if step.remote else set())
        yield f"{name}, which is refused", _let_go(world._replace(reported=told), number)
        return
    if event is Event.UNANSWERED:
        after = _with_look_ups(_begin_doubt(after, step.job), number, step.job, 0)
    yield name, _with_step(after, number, None)


# -- the backend ----------------------------------------------------------------------------------


def _backend_moves(case: Case, world: World) -> Iterator[Move]:
    for request in world.requests:
        name = f"the request for job {request.job} under {tuple(request.tag)}"
        yield (
            f"{name} is accepted",
            _answered(
                _accept(case, world, request), request, "accepted", _remote(case, world, request)
            ),
        )
        if _may(world, Fault.NETWORK):
            bad = _spent(world, Fault.NETWORK)
            without = bad._replace(requests=bad.requests - {request})
            if request.sender is not None:
                yield f"{name} is deferred", _answered(without, request, _deferral(case, request))
                yield (
                    f"{name} is accepted, unanswered",
                    _answered(_accept(case, bad, request), request, "unanswered"),
                )
                late = without.requests | {request._replace(sender=None)}
                yield (
                    f"{name} is late",
                    _answered(without._replace(requests=late), request, "unanswered"),
                )
            yield f"{name} is lost", _answered(without, request, "unanswered")
        if _may(world, Fault.REPOST) and request.sender is not None:
            bad = _accept(case, _spent(world, Fault.REPOST), request)
            again = bad.requests | {request._replace(posted=True)}
            yield f"{name} is posted twice", bad._replace(requests=again)
    for each in sorted(world.accepted):
        if not each.listed:
            listed = world.accepted - {each} | {each._replace(listed=True)}
            yield f"job {each.remote.job} is listed", world._replace(accepted=listed)


def _deferral(case: Case, request: Request) -> str:
    """Return what a "not now" means: after an earlier post, nothing definite."""
    return "unanswered" if request.posted and case.rules.doubts_reposts else "deferred"


def _remote(case: Case, world: World, request: Request) -> Remote:
    copies = sum(each.remote[:2] == (request.job, request.tag) for each in world.accepted)
    is_same = copies and case.backend is BackendKind.IDEMPOTENT
    return Remote(request.job, request.tag, 0 if is_same else copies)


def _accept(case: Case, world: World, request: Request) -> World:
    remote = _remote(case, world, request)
    accepted = world.accepted
    if all(each.remote != remote for each in accepted):
        # Where jobs cannot be found, when they are listed makes no difference.
        listed = not case.findable
        flags = (request.covered, request.late, request.unsearched)
        accepted |= {Accepted(remote, listed, *flags)}
    return world._replace(accepted=accepted, requests=world.requests - {request})


def _answered(world: World, request: Request, answer: str, remote: Remote | None = None) -> World:
    """Give the sender its answer, if it waits for one."""
    if request.sender is None:
        return world
    driver = world.drivers[request.sender]
    assert driver.step is not None
    step = driver.step._replace(at=answer, remote=remote)
    return _with_step(world, request.sender, step)


# -- what goes wrong ------------------------------------------------------------------------------


def _fault_moves(case: Case, world: World) -> Iterator[Move]:
    for number in DRIVERS:
        driver = world.drivers[number]
        if not driver.token:
            continue
        if _may(world, Fault.PAUSE) and not driver.paused:
            step = driver.step
            if step is not None and step.at == "send":
                step = step._replace(late=True)
            stopped = driver._replace(paused=True, step=step)
            yield (
                f"driver {number} stands still",
                _with_driver(_spent(world, Fault.PAUSE), number, stopped),
            )
        if _may(world, Fault.CRASH):
            yield f"driver {number} dies", _died(case, _spent(world, Fault.CRASH), number)
    if case.store is StoreKind.LEASE and world.holder is not None and not world.expired:
        driver = world.drivers[world.holder]
        # One that was started again does not know the lease of its former life.
        if driver.paused or not driver.token:
            yield "the lease expires", world._replace(expired=True)
    yield from _backup_moves(world)


def _died(case: Case, world: World, number: int) -> World:
    requests = (
        each._replace(sender=None) if each.sender == number else each for each in world.requests
    )
    dead = _with_driver(world._replace(requests=frozenset(requests)), number, Driver())
    if case.store is StoreKind.KERNEL_LOCK and world.holder == number:
        dead = dead._replace(holder=None)
    return dead


def _backup_moves(world: World) -> Iterator[Move]:
    """A copy of the store is made, and put back while nobody drives."""
    if not _may(world, Fault.RESTORE):
        return
    if world.backup is None:
        yield "a copy of the store is made", world._replace(backup=world.jobs)
    elif not any(driver.token for driver in world.drivers):
        restored = world._replace(
            jobs=world.backup,
            backup=None,
            holder=None,
            expired=False,
            finished=False,
            restored=True,
            history=world.history + 1,
        )
        yield "the copy is put back", _spent(restored, Fault.RESTORE)


# -- small parts ----------------------------------------------------------------------------------


def _written(
    case: Case,
    world: World,
    number: int,
    job: int,
    events: tuple[Event, ...],
    tag: Tag | None = None,
    remote: Remote | None = None,
) -> World | None:
    """Return the world after a write of a driver, or ``None`` when the store refuses it."""
    driver = world.drivers[number]
    is_current = _is_current(world, driver)
    known, stored = (driver.jobs or world.jobs)[job], world.jobs[job]
    if (not is_current and case.rules.fence) or known.state is not stored.state:
        return None
    row = _row_after(stored, events, tag, remote)
    drivers = list(world.drivers)
    if not is_current:  # the driver that holds the lease does not see this write
        drivers[number] = driver._replace(jobs=_replaced(driver.jobs or world.jobs, job, row))
        holder = None if world.holder is None else drivers[world.holder]
        if holder is not None and holder.jobs is None and _is_current(world, holder):
            drivers[world.holder] = holder._replace(jobs=world.jobs)
    elif driver.jobs is not None:
        drivers[number] = driver._replace(jobs=_replaced(driver.jobs, job, row))
    return world._replace(jobs=_replaced(world.jobs, job, row), drivers=tuple(drivers))


def _row_after(row: Job, events: tuple[Event, ...], tag: Tag | None, remote: Remote | None) -> Job:
    state = row.state
    for event in events:
        after = next_state(state, event)
        assert after is not None, f"{state} cannot be {event}"
        state = after
    begun = tag if Event.INTENDED in events else None
    attempts = row.attempts if begun is None else (*row.attempts, begun)
    kept = None if state is JobState.PLANNED else begun or row.tag
    return Job(state, kept, remote or row.remote, attempts)


def _is_current(world: World, driver: Driver) -> bool:
    return driver.token == world.fence


def _all_listed(world: World) -> bool:
    """Say whether the lag has passed for all that was sent until now."""
    return not world.requests and all(each.listed for each in world.accepted)


def _may(world: World, fault: Fault) -> bool:
    return world.left[FAULTS.index(fault)] > 0


def _spent(world: World, fault: Fault) -> World:
    place = FAULTS.index(fault)
    return world._replace(left=_replaced(world.left, place, world.left[place] - 1))


def _let_go(world: World, number: int) -> World:
    holder = world.holder
    driver = world.drivers[number]
    if holder == number and _is_current(world, driver):
        holder = None
    return _with_driver(world._replace(holder=holder), number, Driver())


def _with_driver(world: World, number: int, driver: Driver) -> World:
    return world._replace(drivers=_replaced(world.drivers, number, driver))


def _with_step(world: World, number: int, step: Step | None) -> World:
    driver = world.drivers[number]
    return _with_driver(world, number, driver._replace(step=step))


def _with_look_ups(world: World, number: int, job: int, count: int) -> World:
    driver = world.drivers[number]
    return _with_driver(
        world, number, driver._replace(look_ups=_replaced(driver.look_ups, job, count))
    )


def _replaced(values: tuple, place: int, value: object) -> tuple:
    return (*values[:place], value, *values[place + 1 :])
