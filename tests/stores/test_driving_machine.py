"""Drivers come and go in any order; only the newest writes, and only what it expects."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from qiskit_job_manager.model import JobState, RawResult, RequestKind
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import NOON, hand_over, step, the_set

JOBS = 3
STATES = st.sampled_from([JobState.PLANNED, JobState.SUBMITTING, JobState.ACTIVE, JobState.DONE])
OWNERS = st.sampled_from(["one", "two"])


class Driving(RuleBasedStateMachine):
    """The store beside a model of it: states, attempts, results, story, driver."""

    tokens = Bundle("tokens")
    template: Path

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(dir=self.template.parent))
        self.path = shutil.copy(self.template, self.folder / "store.db")
        self.stores = {name: open_store(self.path) for name in ("one", "two")}
        self.key = the_set(self.stores["one"]).key
        self.states = [JobState.PLANNED] * JOBS
        self.tags = [[] for _ in range(JOBS)]
        self.results = [None] * JOBS
        self.has_result = [False] * JOBS
        self.story = []
        self.requests = 0
        self.newest = None
        self.fence = 0
        self.tag = 0

    def teardown(self):
        for store in getattr(self, "stores", {}).values():
            store.close()

    @rule(target=tokens, owner=OWNERS)
    def claim(self, owner):
        token = self.stores[owner].claim(self.key, owner)
        if self.newest is not None and self.newest.owner != owner:
            assert token is None
            return self.newest
        assert token.fence > self.fence
        self.newest, self.fence = token, token.fence
        return token

    @rule(token=tokens)
    def release(self, token):
        self.stores[token.owner].release(token)
        if token == self.newest:
            self.newest = None

    @rule(owner=OWNERS)
    def die_and_come_back(self, owner):
        self.stores[owner].close()
        self.stores[owner] = open_store(self.path)
        if self.newest is not None and self.newest.owner == owner:
            # The row still names it, so that its writes would do no harm until the next claim.
            self.newest = None
            other = {"one": "two", "two": "one"}[owner]
            token = self.stores[other].claim(self.key, other)
            assert token.fence > self.fence
            self.fence = token.fence
            self.stores[other].release(token)

    @rule(
        token=tokens,
        moves=st.lists(
            st.tuples(
                st.integers(0, JOBS - 1), STATES, STATES, st.booleans(), st.none() | st.binary()
            ),
            min_size=1,
            max_size=4,
        ),
    )
    def advance(self, token, moves):
        store, steps, expected = self.stores[token.owner], [], []
        for job, before, after, attempt, data in moves:
            self.tag += 1
            tag = f"tag-{self.tag}" if attempt else None
            result = None if data is None else RawResult("raw/1", data)
            steps.append(step(store, job, before, after, new_tag=tag, result=result))
            expected.append(self._expect(token, job, steps[-1]))
        assert store.advance(token, steps) == expected

    def _expect(self, token, job, wanted):
        if token != self.newest or self.states[job] != wanted.expected:
            return False
        self.states[job] = wanted.after
        if wanted.new_tag:
            self.tags[job].append(wanted.new_tag)
            self.has_result[job] = False
        if wanted.result:
            self.results[job] = wanted.result.data
            self.has_result[job] = True
        elif wanted.after.is_final:
            self.has_result[job] = self.results[job] is not None
        if wanted.new_tag or wanted.result or wanted.after != wanted.expected:
            self.story.append((job, len(self.tags[job]) or None, wanted.expected, wanted.after))
        return True

    @rule(owner=OWNERS)
    def ask(self, owner):
        self.stores[owner].request(self.key, RequestKind.REFRESH)
        self.requests += 1

    @rule(token=tokens)
    def finish_request(self, token):
        for request in self.stores[token.owner].requests(self.key)[:1]:
            landed = self.stores[token.owner].finish_request(token, request)
            assert landed == (token == self.newest)
            self.requests -= landed

    @rule(token=tokens)
    def renew(self, token):
        assert self.stores[token.owner].renew(token) == (token == self.newest)

    @invariant()
    def both_see_what_the_model_says(self):
        if not hasattr(self, "stores"):
            return
        for store in self.stores.values():
            jobs = store.jobs(self.key)
            assert [job.state for job in jobs] == self.states
            assert store.totals(self.key).jobs == Counter(self.states)
            sizes = Counter()
            for job in jobs:
                sizes[job.state] += job.stop - job.start
            assert store.totals(self.key).experiments == sizes
            assert [[each.tag for each in store.attempts(job.key)] for job in jobs] == self.tags
            found = [store.result(job.key) for job in jobs]
            assert [blob and blob.data for blob in found] == self.results
            assert [job.has_result for job in jobs] == self.has_result
            story = [(e.job_index, e.attempt, e.before, e.after) for e in store.events(self.key)]
            assert story == self.story
            assert len(store.requests(self.key)) == self.requests
            assert store.driver(self.key) == (self.newest and self.newest.owner)


def test_drivers_in_any_order_land_only_what_they_may(tmp_path):
    template = tmp_path / "template.db"
    store = open_store(template)
    hand_over(store, [[f"e{index}"] for index in range(JOBS)])
    assert the_set(store).created_at == NOON
    store.close()

    class Here(Driving):
        pass

    Here.template = template
    run_state_machine_as_test(
        Here, settings=settings(max_examples=15, stateful_step_count=20, deadline=None)
    )
