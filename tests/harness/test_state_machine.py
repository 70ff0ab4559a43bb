"""Any order of turns, crashes, weather and requests of users, as hypothesis finds them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from rig.gate import Crash
from rig.harnesses import FATES, VARIANTS
from rig.storm import Weather
from rig.world import World

from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.testing import Call, LoseAnswer

FINDABLE = ("findable", "idempotent", "read once")


class Story(RuleBasedStateMachine):
    """A job set under way; at the end it is driven to its end and judged."""

    @initialize(
        seed=st.integers(0, 2**32),
        variant=st.sampled_from(FINDABLE),
        jobs=st.integers(1, 4),
        rate=st.sampled_from([0.0, 0.2, 0.5]),
    )
    def begin(self, seed, variant, jobs, rate):
        self.room = tempfile.TemporaryDirectory(dir=_folder())
        weather = Weather(can=VARIANTS[variant], rate=rate, fates=FATES)
        self.world = World(Path(self.room.name), seed, weather, case=f"stateful {variant}")
        self.world.begin(jobs, 2, max_attempts=2)
        self.subject = self.world.subject
        self.subject.open()

    @rule(times=st.integers(1, 6))
    def turns(self, times):
        for _ in range(times):
            if not self.subject.is_finished:
                self.world.clock.advance(min(self.subject.turn(), 5.0))

    @rule(seconds=st.sampled_from([0.1, 2.0, 60.0]))
    def wait(self, seconds):
        self.world.clock.advance(seconds)

    @rule()
    def crash(self):
        self.subject.crash()
        self.subject.open()

    @rule(boundary=st.integers(1, 12))
    def crash_inside(self, boundary):
        target = self.world.gate.count + boundary

        def happen(count, name):
            if count == target:
                raise Crash(name)

        self.world.gate.happen = happen
        try:
            for _ in range(boundary):
                if not self.subject.is_finished:
                    self.world.clock.advance(min(self.subject.turn(), 1.0))
        except Crash:
            self.crash()
        finally:
            self.world.gate.happen = None

    @rule(call=st.sampled_from([Call.FIND, Call.STATUSES, Call.CANCEL]))
    def lose_an_answer(self, call):
        self.world.storm.inner.script(call, LoseAnswer())

    @rule(index=st.integers(0, 3) | st.none())
    @precondition(lambda self: not self.world.cancelled)
    def cancel(self, index):
        self._ask(RequestKind.CANCEL, index)
        self.world.cancelled = True

    @rule(index=st.integers(0, 3) | st.none())
    @precondition(lambda self: not self.world.cancelled)
    def retry(self, index):
        states = self.subject.store.totals(self.subject.record.key).jobs
        if states.get(JobState.FAILED) or states.get(JobState.LOST):
            self._ask(RequestKind.RETRY, index)
            self.world.retries += 1

    def _ask(self, kind, index):
        if index is not None and index >= len(self.world.names):
            return
        self.subject.store.request(self.subject.record.key, kind, index)
        self.subject.engine.drive(self.subject.record, self.subject.gated_storm)

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            self.subject.crash()
            assert self.world.run().violations == []
        finally:
            self.room.cleanup()


def _folder():
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


Story.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # stories are short; shrinking is long
    suppress_health_check=[HealthCheck.too_slow],
)
TestStory = Story.TestCase
