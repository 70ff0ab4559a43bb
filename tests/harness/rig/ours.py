"""The job manager under test, without its threads: an engine stepped by hand on a real store."""

from __future__ import annotations

import itertools

from rig.gate import BACKEND_CALLS, STORE_WRITES, Gated, gated_spool
from rig.storm import SHOTS, payload_of

from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.engine import Engine
from qiskit_job_manager.engine.call_pool import Finished
from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.model import (
    Block,
    EncodedBlock,
    EncodedExperiment,
    JobSetDraft,
    JobState,
    Limits,
    PlannedJob,
    RequestKind,
    RetryPolicy,
)
from qiskit_job_manager.stores import open_store


class LateCalls:
    """Runs calls on the engine's own thread; their answers come after a time drawn by chance.

    Half of them do their work when they are started, the others just before they answer.
    """

    free = 16
    free_awaits = 16

    def __init__(self, clock, chance, latest_s=2.0):
        self._clock = clock
        self._chance = chance
        self._latest_s = latest_s
        self._due = []
        self._tickets = itertools.count(1)

    def start(self, call, deadline_s, *, awaits=False):
        ticket = next(self._tickets)
        wait_s = self._latest_s * max(0.0, 2 * self._chance.random() - 1)
        early = _run(ticket, call) if self._chance.random() < 0.5 else None
        self._due.append((self._clock.monotonic() + wait_s, ticket, call, early))
        return ticket

    def finished(self):
        now_s = self._clock.monotonic()
        due = [each for each in self._due if each[0] <= now_s]
        self._due = [each for each in self._due if each[0] > now_s]
        return [early or _run(ticket, call) for _, ticket, call, early in due]

    def overdue(self, now_s):
        return []

    def next_s(self):
        return min((each[0] for each in self._due), default=float("inf"))

    def close(self):
        pass


def _run(ticket, call):
    try:
        return Finished(ticket, call(), None)
    except Exception as error:  # noqa: BLE001  # as the pool does; a crash goes through
        return Finished(ticket, None, error)


class Ours:
    """One job set, driven by engines that come and go."""

    store_calls = STORE_WRITES

    def __init__(self, world, folder):
        self.world = world
        self.path = folder / "store.db"
        self.record = None
        self.store = None
        self._engines = 0

    def begin(self, names_by_job, *, max_attempts=1, limits=None):
        """Hand the job set over, without crashes."""
        with_store = open_store(self.path)
        can = self.world.storm.capabilities
        _, lease = with_store.create_job_set(
            JobSetDraft(
                job_set_id=self.world.id,
                name=self.world.id,
                created_at=self.world.clock.now(),
                backend_uri=None,
                backend_name="storm",
                volatile=False,
                blind=not (can.findable or can.idempotent),
                options={"shots": SHOTS},
                limits=limits or Limits(),
                retry=RetryPolicy(max_attempts=max_attempts),
            ),
            "hand-over",
        )
        start, blocks = 0, []
        for index, names in enumerate(names_by_job):
            stop = start + len(names)
            job = PlannedJob(index, start, stop, SHOTS, 0, 1)
            members = tuple(EncodedExperiment(name, bytes(32), b"") for name in names)
            block = Block(start, stop, (job,))
            blocks.append(EncodedBlock(block, members, payload_of(names)))
            start = stop
        with_store.add_blocks(lease, blocks)
        with_store.complete_job_set(lease)
        self.record = with_store.job_set(self.world.id)
        with_store.close()

    def open(self):
        """Start a process: open the store, and an engine on it."""
        world, gate = self.world, self.world.gate
        self.store = open_store(self.path)
        self._engines += 1
        number = itertools.count(1)
        prefix = f"{world.id}-{self._engines}"
        self._calls = LateCalls(world.clock, world.chance)
        self.engine = Engine(
            Gated(self.store, self.store_calls, gate),
            world.clock,
            owner=prefix,
            new_tag=lambda: f"{prefix}-{next(number)}",
            chance=world.chance.random,
            spool=gated_spool(self.path.with_name("spool"), gate),
            pool=self._calls,
        )
        self.gated_storm = Gated(world.storm, BACKEND_CALLS, gate)
        self.engine.drive(self.record, self.gated_storm)

    def turn(self):
        """Do one turn; return the seconds after which there is more to do."""
        wait_s = self.engine.tick()
        now_s = self.world.clock.monotonic()
        return max(0.0, min(wait_s, self._calls.next_s() - now_s))

    def crash(self):
        """Lose everything but the disk."""
        self.store.close()
        self.store = None

    @property
    def is_finished(self):
        return not self.engine.drives(self.record.key)

    @property
    def waits_for_the_user(self):
        """Whether all jobs that are left wait for a request of the user."""
        if self.world.storm.capabilities.findable or self.world.storm.capabilities.idempotent:
            return False
        left = set(self.store.totals(self.record.key).jobs) - {s for s in JobState if s.is_final}
        return left == {JobState.IN_DOUBT}

    def give_up_doubtful(self):
        self.store.request(self.record.key, RequestKind.ABANDON)

    def defect(self):
        """Return why the engine stopped by a defect, or ``None``."""
        try:
            self.engine.raise_if_broken(self.record.key)
        except JobManagerError as error:
            return f"the engine broke: {error!r}, caused by {error.__cause__!r}"
        return None

    def ends(self):
        """Return, for each job, its state, its reason, and its experiments' counts."""
        with_store = open_store(self.path)
        try:
            return [_end(with_store, job) for job in with_store.jobs(self.record.key)]
        finally:
            with_store.close()


def _end(store, job):
    blob = store.result(job.key) if job.has_result else None
    counts = None
    if blob is not None:
        reader = open_result(blob)
        failed = reader.failures()
        each = range(reader.n_experiments)
        counts = [None if offset in failed else reader.counts(offset) for offset in each]
    return str(job.state), job.error, counts
