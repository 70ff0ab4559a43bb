"""An engine stepped by hand: real SQLite, a scripted backend, a clock that stands still."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from qiskit_job_manager.codec.circuits import encode_circuit, pack
from qiskit_job_manager.engine import Engine, Spool
from qiskit_job_manager.engine.call_pool import Finished
from qiskit_job_manager.model import (
    EncodedBlock,
    ExperimentSize,
    JobRecord,
    JobSetDraft,
    JobSetRecord,
    JobState,
    Limits,
    RetryPolicy,
)
from qiskit_job_manager.planning import plan
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing import FakeClock, ScriptedBackend


class InlineCalls:
    """Runs each call at once, on the engine's own thread."""

    free = 100
    free_awaits = 100

    def __init__(self):
        self._finished = []
        self._tickets = itertools.count(1)

    def start(self, call, deadline_s, *, awaits=False):
        ticket = next(self._tickets)
        try:
            self._finished.append(Finished(ticket, call(), None))
        except Exception as error:  # noqa: BLE001  # as the pool does
            self._finished.append(Finished(ticket, None, error))
        return ticket

    def finished(self):
        finished, self._finished = self._finished, []
        return finished

    def overdue(self, now_s):
        return []

    def close(self):
        pass


class Bench:
    """One store and one backend, on which engines come and go."""

    def __init__(self, path, clock, backend):
        self.path = path
        self.clock = clock
        self.backend = backend
        self.store = open_store(path)
        self.spool = Spool(path.with_name("spool"))
        self._owners = itertools.count(1)
        self._tags = itertools.count(1)
        self._ids = itertools.count(1)
        self.engine = self.new_engine()

    def new_engine(self, pool=None, environment=None):
        owner = next(self._owners)
        return Engine(
            self.store,
            self.clock,
            owner=f"driver-{owner}",
            new_tag=lambda: f"tag-{next(self._tags)}",
            chance=lambda: 0.5,
            spool=self.spool,
            pool=pool or InlineCalls(),
            environment=environment,
        )

    def crash(self):
        """Lose everything but the disk, as kill -9 does, and start again."""
        self.store.close()
        self.store = open_store(self.path)
        self.engine = self.new_engine()

    def job_set(
        self, circuits, *, per_job=1, limits=None, retry=None, options=None, shots=None, **draft
    ):
        can = self.backend.capabilities
        number = next(self._ids)
        limits = (limits or Limits()).overridden_by(Limits(experiments_per_job=per_job))
        record, lease = self.store.create_job_set(
            JobSetDraft(
                job_set_id=f"{number:032x}",
                name=f"set-{number}",
                created_at=self.clock.now(),
                backend_uri=None,
                backend_name=self.backend.name,
                volatile=can.volatile,
                blind=not (can.volatile or can.findable or can.idempotent),
                options=options or {},
                limits=limits,
                retry=retry or RetryPolicy(),
                **draft,
            ),
            "hand-over",
        )
        coded = [encode_circuit(circuit) for circuit in circuits]
        sizes = [ExperimentSize(i, c.name, 1, shots, len(c.data)) for i, c in enumerate(coded)]
        for block in plan(sizes, limits):
            members = coded[block.start : block.stop]
            estimate = self.backend.estimate_usage_s
            jobs = tuple(
                replace(job, estimate_s=estimate(job.stop - job.start, shots)) for job in block.jobs
            )
            whole = EncodedBlock(replace(block, jobs=jobs), tuple(members), pack(members))
            self.store.add_blocks(lease, [whole])
        self.store.complete_job_set(lease)
        self.store.release(lease)
        return self.store.job_set(record.job_set_id)

    def drive(self, record, backend="same"):
        self.engine.drive(record, self.backend if backend == "same" else backend)

    def step(self, times=1):
        for _ in range(times):
            self.engine.tick()

    def run(self, record, within_s=3600.0):
        """Tick after tick, the clock moving over the waits, until nothing is left to drive."""
        until_s, busy = self.clock.monotonic() + within_s, 0
        while self.engine.drives(record.key) and self.clock.monotonic() < until_s:
            wait_s = self.engine.tick()
            busy = 0 if wait_s > 0.001 else busy + 1
            assert busy < 1000, "the engine does not come to rest"
            if wait_s > 0:
                self.clock.advance(min(wait_s, 60.0))

    def states(self, record):
        return Counter(str(job.state) for job in self.store.jobs(record.key))

    def jobs(self, record):
        return self.store.jobs(record.key)

    def story(self, record, index):
        return [event.event for event in self.store.events(record.key, index)]

    def sent(self):
        """Submissions that the backend accepted, by tag."""
        return self.backend.ledger.submissions_by_tag()


@pytest.fixture(scope="session")
def job_set():
    """The record of a job set."""
    return JobSetRecord(
        job_set_id="0" * 32,
        name="sweep",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        backend_uri=None,
        backend_name="cloud",
        volatile=False,
        key=1,
        complete=True,
        n_experiments=4,
        n_jobs=1,
    )


@pytest.fixture(scope="session")
def job():
    """The record of a job of four experiments that the backend has."""
    return JobRecord(
        key=7,
        index=0,
        start=0,
        stop=4,
        shots=10,
        share=0,
        shares=1,
        state=JobState.ACTIVE,
        attempts=1,
        tag="tag-1",
        remote_id="job-1",
        status=None,
        error=None,
        failed_offsets=(),
        has_result=False,
        cancel_requested=False,
        circuits=4,
        estimate_s=None,
    )


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make_bench(tmp_path, clock):
    benches = []

    def make(*, usage_s=None, **kwargs):
        backend = ScriptedBackend(clock, Capabilities(**kwargs), usage_s=usage_s)
        bench = Bench(tmp_path / "store.db", clock, backend)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        if not bench.backend.capabilities.may_duplicate:
            assert all(count == 1 for count in bench.sent().values())
        bench.store.close()


@pytest.fixture
def circuits():
    from qiskit import QuantumCircuit

    def make(count):
        made = []
        for i in range(count):
            circuit = QuantumCircuit(2, name=f"c{i}")
            circuit.rx(0.1 * i, 0)
            circuit.measure_all()
            made.append(circuit)
        return made

    return make
