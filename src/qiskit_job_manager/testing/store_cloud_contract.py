# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""What a `Store` must do for jobs that are halved, posted twice, and paid for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from qiskit_job_manager.model import (
    Blob,
    Block,
    EncodedBlock,
    Halves,
    JobState,
    PlannedJob,
    RawResult,
    RemoteFigures,
    Token,
    Usage,
)
from qiskit_job_manager.testing.store_samples import (
    NOON,
    experiments,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Store


class CloudContract:
    """What clouds do beside running jobs."""

    def test_a_halved_job_is_two_and_every_experiment_is_in_one(self, store: Store) -> None:
        hand_over(store, [["a", "b", "c"], ["d"]])
        token = must_claim(store)
        halves = Halves(1, Blob("circuits/1", b"a"), Blob("circuits/1", b"b,c"))
        steps = [
            submission(store, 0, "t1"),
            step(store, 0, JobState.SUBMITTING, JobState.PLANNED, halves=halves, ends_attempt=True),
        ]
        assert store.advance(token, steps) == [True, True]
        jobs = store.jobs(token.job_set_key)
        spans = [(job.index, job.start, job.stop, job.circuits) for job in jobs]
        assert spans == [(0, 0, 1, 1), (1, 3, 4, 1), (2, 1, 3, 2)]
        assert [job.state for job in jobs] == [JobState.PLANNED] * 3
        assert [store.payload(job.key).data for job in jobs] == [b"a", b"d", b"b,c"]
        covering = [store.jobs_covering(token.job_set_key, i)[0].index for i in range(4)]
        assert covering == [0, 2, 2, 1]
        assert the_set(store).n_jobs == 3
        assert store.totals(token.job_set_key).jobs == {JobState.PLANNED: 3}
        assert store.totals(token.job_set_key).experiments == {JobState.PLANNED: 4}

    def test_blocks_that_come_after_a_job_was_halved_are_numbered_behind_it(
        self, store: Store
    ) -> None:
        hand_over(store, [["a", "b"]])
        token = must_claim(store)
        halves = Halves(1, Blob("circuits/1", b"a"), Blob("circuits/1", b"b"))
        steps = [
            submission(store, 0, "t1"),
            step(store, 0, JobState.SUBMITTING, JobState.PLANNED, halves=halves, ends_attempt=True),
        ]
        assert store.advance(token, steps) == [True, True]
        block = Block(2, 3, (PlannedJob(1, 2, 3, None, 0, 1),))
        coded = EncodedBlock(block, experiments(["c"]), Blob("circuits/1", b"c"))
        store.add_blocks(token, [coded])
        spans = [(job.index, job.start, job.stop) for job in store.jobs(token.job_set_key)]
        assert spans == [(0, 0, 1), (1, 1, 2), (2, 2, 3)]
        assert (the_set(store).n_jobs, the_set(store).n_experiments) == (3, 3)

    def test_a_job_in_another_state_is_not_halved(self, store: Store) -> None:
        hand_over(store, [["a", "b"]])
        token = must_claim(store)
        halves = Halves(1, Blob("circuits/1", b"a"), Blob("circuits/1", b"b"))
        late = step(store, 0, JobState.SUBMITTING, JobState.PLANNED, halves=halves)
        assert store.advance(token, [late]) == [False]
        (job,) = store.jobs(token.job_set_key)
        assert (job.start, job.stop, store.payload(job.key).data) == (0, 2, b"a,b")

    def test_attempts_are_found_by_their_tags(self, store: Store) -> None:
        hand_over(store, [["a"], ["b"]])
        token = must_claim(store)
        store.advance(token, [submission(store, 0, "t1"), submission(store, 1, "t2")])
        found = store.attempts_tagged(token.job_set_key, ["t2", "t3"])
        assert [(index, attempt.tag) for index, attempt in found] == [(1, "t2")]
        assert store.attempts_tagged(token.job_set_key, []) == []
        assert store.attempts_tagged(token.job_set_key + 1, ["t1"]) == []

    def test_figures_are_kept_and_usage_is_summed(self, store: Store) -> None:
        hand_over(store, [["a"], ["b"]])
        token = must_claim(store)
        assert store.usage(token.job_set_key) == Usage(0.0, 0.0)
        figures = RemoteFigures(2.5, NOON, NOON, NOON + timedelta(seconds=3), "batch")
        for index in (0, 1):
            result = RawResult("raw/1", b"it", figures if index else None)
            steps = [
                submission(store, index, f"t{index}"),
                step(store, index, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r"),
                step(store, index, JobState.ACTIVE, JobState.DONE, result=result),
            ]
            assert all(store.advance(token, steps))
        kept = [store.attempts(job.key)[0].figures for job in store.jobs(token.job_set_key)]
        assert kept == [None, figures]
        assert store.usage(token.job_set_key) == Usage(2.5, 0.0)

    def test_the_limit_of_usage_is_kept_and_changed(self, store: Store) -> None:
        key = the_set(store).key
        assert the_set(store).max_usage_s is None
        store.set_max_usage(key, 7.5)
        assert the_set(store).max_usage_s == 7.5
        store.set_max_usage(key, None)
        assert the_set(store).max_usage_s is None

    def test_only_the_driver_adds_to_a_story(self, store: Store) -> None:
        hand_over(store, [["a"]])
        token = must_claim(store)
        assert store.append_event(token, NOON, 0, "twin", "there are two")
        stale = Token(token.job_set_key, token.owner, token.fence - 1)
        assert not store.append_event(stale, NOON, 0, "twin", "three")
        (event,) = store.events(token.job_set_key, 0)
        assert (event.at, event.event, event.cause) == (NOON, "twin", "there are two")
        assert (event.before, event.after, event.attempt) == (None, None, None)
