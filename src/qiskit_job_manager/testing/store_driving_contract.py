# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""The contract of a `Store` with its drivers; a part of `StoreContract`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from qiskit_job_manager.errors import LeaseLostError, StoreError
from qiskit_job_manager.model import (
    Advance,
    Blob,
    Block,
    EncodedBlock,
    Halves,
    JobState,
    PlannedJob,
    Prices,
    RawResult,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
    RequestKind,
    Token,
    Usage,
)
from qiskit_job_manager.testing.store_samples import (
    NOON,
    draft,
    experiments,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.testing.store_samples import OpenAgain


class DrivingContract:
    """One driver at a time moves job sets forward."""

    def test_a_job_goes_through_its_life(self, store: Store) -> None:
        hand_over(store, [["a", "b"]])
        token, later = must_claim(store), NOON + timedelta(seconds=5)
        queued = RemoteStatus(RemoteState.QUEUED, 4, "soon")
        steps = [
            submission(store, 0, "tag-1"),
            step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r-1", status=queued),
        ]
        assert store.advance(token, steps) == [True, True]
        (job,) = store.jobs(token.job_set_key)
        assert (job.state, job.attempts, job.tag) == (JobState.ACTIVE, 1, "tag-1")
        assert (job.remote_id, job.status, job.has_result) == ("r-1", queued, False)
        end = step(
            store,
            0,
            JobState.ACTIVE,
            JobState.DONE,
            at=later,
            result=RawResult("raw/1", b"\0raw"),
            failed_offsets=(1,),
            error="one failed",
            ends_attempt=True,
        )
        assert store.advance(token, [end]) == [True]
        (job,) = store.jobs(token.job_set_key)
        assert (job.state, job.has_result, job.failed_offsets) == (JobState.DONE, True, (1,))
        assert store.result(job.key) == Blob("raw/1", b"\0raw")
        (attempt,) = store.attempts(job.key)
        assert (attempt.number, attempt.tag, attempt.remote_id) == (1, "tag-1", "r-1")
        assert (attempt.intended_at, attempt.accepted_at, attempt.ended_at) == (NOON, NOON, later)
        assert (attempt.error, job.error) == ("one failed", "one failed")

    def test_the_last_steps_give_the_lease_back(self, store: Store, open_again: OpenAgain) -> None:
        hand_over(store, [["a"]])
        token, other = must_claim(store), open_again()
        try:
            early = step(store, 0, JobState.ACTIVE, JobState.DONE)
            assert store.advance(token, [early], releases=True) == [False]
            assert other.claim(token.job_set_key, "other") is None
            assert store.advance(token, [submission(store, 0, "tag")], releases=True) == [True]
            assert store.driver(token.job_set_key) is None
            assert other.claim(token.job_set_key, "other") is not None
            late = step(store, 0, JobState.SUBMITTING, JobState.ACTIVE)
            assert store.advance(token, [late], releases=True) == [False]
            assert other.driver(token.job_set_key) == "other"
        finally:
            other.close()

    def test_reads_of_one_thread_may_be_one_transaction(self, store: Store) -> None:
        hand_over(store, [["a"]])
        key = the_set(store).key
        with store.reading(), store.reading():
            assert len(store.jobs(key)) == 1
            assert store.totals(key).jobs == {JobState.PLANNED: 1}
        hand_over(store, [["b"]])
        assert len(store.jobs(key)) == 2

    def test_a_new_attempt_begins_clean_and_keeps_the_old_result(self, store: Store) -> None:
        hand_over(store, [["a"]])
        token = must_claim(store)
        first = RawResult("raw/1", b"partial")
        gone = RemoteStatus(RemoteState.ERROR)
        store.advance(
            token,
            [
                submission(store, 0, "t1"),
                step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r1", status=gone),
                step(store, 0, JobState.ACTIVE, JobState.FAILED, result=first, ends_attempt=True),
                step(store, 0, JobState.FAILED, JobState.SUBMITTING, new_tag="t2"),
            ],
        )
        (job,) = store.jobs(token.job_set_key)
        assert (job.attempts, job.tag, job.remote_id, job.status) == (2, "t2", None, None)
        assert store.result(job.key) == Blob("raw/1", b"partial")
        second = RawResult("raw/1", b"whole")
        store.advance(token, [step(store, 0, JobState.SUBMITTING, JobState.DONE, result=second)])
        assert store.result(job.key) == Blob("raw/1", b"whole")
        assert [attempt.tag for attempt in store.attempts(job.key)] == ["t1", "t2"]

    def test_errors_and_wishes_are_set_kept_and_cleared(self, store: Store) -> None:
        hand_over(store, [["a"]])
        token = must_claim(store)
        state = JobState.PLANNED

        def after(**facts: Any) -> tuple[str | None, bool]:
            assert store.advance(token, [step(store, 0, state, state, **facts)]) == [True]
            (job,) = store.jobs(token.job_set_key)
            return job.error, job.cancel_requested

        assert after(error="busy", cancel_requested=True) == ("busy", True)
        assert after() == ("busy", True)
        assert after(error="", cancel_requested=False) == (None, False)

    def test_only_steps_that_expect_the_right_state_land(self, store: Store) -> None:
        hand_over(store, [["a"], ["b"]])
        token = must_claim(store)
        wrong = step(store, 0, JobState.ACTIVE, JobState.DONE, result=RawResult("f", b"x"))
        note = step(store, 0, JobState.DONE, JobState.DONE, status=RemoteStatus(RemoteState.DONE))
        steps = [wrong, submission(store, 1, "t"), note, submission(store, 1, "again")]
        assert store.advance(token, steps) == [False, True, False, False]
        first, second = store.jobs(token.job_set_key)
        assert (first.state, first.has_result) == (JobState.PLANNED, False)
        assert (second.state, second.attempts) == (JobState.SUBMITTING, 1)

    def test_a_step_of_another_sets_job_does_not_land(self, store: Store) -> None:
        hand_over(store, [["a"]])
        foreign = submission(store, 0, "t")
        token = store.claim(the_set(store, "other").key, "driver")
        assert token is not None
        assert store.advance(token, [foreign]) == [False]

    def test_a_tag_is_used_once_and_a_refused_call_writes_nothing(self, store: Store) -> None:
        hand_over(store, [["a"], ["b"]])
        token = must_claim(store)
        with pytest.raises(StoreError):
            store.advance(token, [submission(store, 0, "t"), submission(store, 1, "t")])
        assert [job.attempts for job in store.jobs(token.job_set_key)] == [0, 0]
        assert list(store.events(token.job_set_key)) == []

    def test_the_story_tells_changes_and_attempts_but_not_news(self, store: Store) -> None:
        hand_over(store, [["a"], ["b"]])
        token, active = must_claim(store), JobState.ACTIVE
        store.advance(token, [submission(store, 0, "t0"), submission(store, 1, "t1")])
        store.advance(
            token,
            [
                step(store, 0, JobState.SUBMITTING, active, event="accepted", cause="because"),
                step(store, 0, active, active, status=RemoteStatus(RemoteState.RUNNING)),
            ],
        )
        story = list(store.events(token.job_set_key, 0))
        assert [(event.attempt, event.before, event.after) for event in story] == [
            (1, JobState.PLANNED, JobState.SUBMITTING),
            (1, JobState.SUBMITTING, active),
        ]
        assert (story[1].event, story[1].cause, story[1].at) == ("accepted", "because", NOON)
        assert [event.job_index for event in store.events(token.job_set_key)] == [0, 1, 0]

    def test_one_driver_at_a_time_whoever_asks(self, store: Store, open_again: OpenAgain) -> None:
        token = must_claim(store, "one")
        other = open_again()
        try:
            for asked in (store, other):
                assert asked.claim(token.job_set_key, "two") is None
                assert asked.driver(token.job_set_key) == "one"
            assert store.renew(token)
            store.release(token)
            store.release(token)
            assert other.driver(token.job_set_key) is None
            assert must_claim(other, "two").fence > token.fence
        finally:
            other.close()

    def test_closing_a_store_gives_its_rights_back(
        self, store: Store, open_again: OpenAgain
    ) -> None:
        other = open_again()
        token = must_claim(other, "one")
        other.close()
        other.close()
        assert store.driver(token.job_set_key) is None
        assert must_claim(store, "two").fence > token.fence

    def test_a_closed_store_says_so(self, open_again: OpenAgain) -> None:
        closed = open_again()
        closed.close()
        with pytest.raises(StoreError, match="closed"):
            closed.job_sets(limit=1)
        with pytest.raises(StoreError, match="closed"):
            closed.jobs(1)

    @pytest.mark.parametrize("again", ["one", "two"])
    def test_a_stale_token_writes_nothing(self, store: Store, again: str) -> None:
        hand_over(store, [["a"]])
        stale = must_claim(store, "one")
        if again == "two":
            store.release(stale)
        fresh = must_claim(store, again)
        store.request(stale.job_set_key, RequestKind.RETRY)
        (request,) = store.requests(stale.job_set_key)
        assert not store.renew(stale)
        assert store.advance(stale, [submission(store, 0, "t")] * 2) == [False, False]
        assert not store.finish_request(stale, request)
        with pytest.raises(LeaseLostError):
            hand_over(store, [["b"]], token=stale)
        for change in (store.complete_job_set, store.delete_job_set):
            with pytest.raises(LeaseLostError):
                change(stale)
        store.release(stale)
        assert store.driver(stale.job_set_key) == again
        assert store.jobs(stale.job_set_key)[0].attempts == 0
        assert store.requests(stale.job_set_key) == [request]
        assert store.advance(fresh, [submission(store, 0, "t")]) == [True]

    def test_requests_wait_until_they_are_finished(self, store: Store) -> None:
        token = must_claim(store)
        store.request(token.job_set_key, RequestKind.CANCEL)
        store.request(token.job_set_key, RequestKind.RESUBMIT, 3)
        first, second = store.requests(token.job_set_key)
        assert (first.kind, first.job_index) == (RequestKind.CANCEL, None)
        assert (second.kind, second.job_index) == (RequestKind.RESUBMIT, 3)
        assert store.finish_request(token, first)
        assert store.requests(token.job_set_key) == [second]

    def test_what_is_measured_later_is_kept(self, store: Store) -> None:
        hand_over(store, [["a"], ["b"]])
        token = must_claim(store)
        assert store.advance(token, [submission(store, 0, "one"), submission(store, 1, "two")])
        assert store.attempts_without_usage(token.job_set_key, 9) == []
        before, after = JobState.SUBMITTING, JobState.ACTIVE
        taken = [step(store, i, before, after, remote_id=f"r-{i}") for i in range(2)]
        assert store.advance(token, taken) == [True, True]
        waiting = store.attempts_without_usage(token.job_set_key, 9)
        assert [attempt.tag for attempt in waiting] == ["one", "two"]
        assert store.attempts_without_usage(token.job_set_key, 1) == waiting[:1]
        told = RemoteFigures(usage_s=2.5, ended_at=datetime(2026, 11, 21, tzinfo=UTC))
        assert store.store_usage(token, {"two": told, "of another set": told})
        assert store.attempts_without_usage(token.job_set_key, 9) == waiting[:1]
        [attempt] = store.attempts(store.jobs(token.job_set_key)[1].key)
        assert attempt.figures == told
        assert store.usage(token.job_set_key).measured_s == 2.5
        store.release(token)
        must_claim(store, "another")
        assert not store.store_usage(token, {"one": told})
        assert store.attempts_without_usage(token.job_set_key, 9) == waiting[:1]

    def test_threads_share_a_store(self, store: Store) -> None:
        hand_over(store, [[name] for name in "abcdefgh"])
        token = must_claim(store)
        steps = [submission(store, index, f"t{index}") for index in range(8)]
        landed: list[list[bool]] = []

        def work(mine: Advance) -> None:
            landed.append(store.advance(token, [mine]))
            landed.append([len(store.jobs_covering(token.job_set_key, 3)) == 1])

        threads = [Thread(target=work, args=(each,)) for each in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert landed == [[True]] * 16
        assert {job.state for job in store.jobs(token.job_set_key)} == {JobState.SUBMITTING}

    # -- jobs that are halved, posted twice, and paid for -----------------------------------------

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
        assert store.usage(token.job_set_key) == Usage(2.5, 0.0, circuits=2, executions=20)

    def test_the_limit_of_usage_is_kept_and_changed(self, store: Store) -> None:
        key = the_set(store).key
        assert the_set(store).max_usage_s is None
        store.set_max_usage(key, 7.5)
        assert the_set(store).max_usage_s == 7.5
        store.set_max_usage(key, None)
        assert the_set(store).max_usage_s is None

    def test_prices_are_kept_and_the_limit_of_the_cost_is_changed(self, store: Store) -> None:
        prices = Prices(currency="€", per_second=1.6, per_shot=0.01, per_task=0.3, plan="paygo")
        asked = draft("priced", prices=prices, max_cost=7.5)
        made, _ = store.create_job_set(asked, "me")
        assert (made.prices, made.max_cost) == (prices, 7.5)
        store.set_max_cost(made.key, None)
        assert the_set(store, "priced").max_cost is None
        store.set_max_cost(made.key, 0.0)
        assert the_set(store, "priced").max_cost == 0.0
        assert the_set(store, "priced").prices == prices

    def test_only_the_driver_adds_to_a_story(self, store: Store) -> None:
        hand_over(store, [["a"]])
        token = must_claim(store)
        assert store.append_event(token, NOON, 0, "twin", "there are two")
        stale = Token(token.job_set_key, token.owner, token.fence - 1)
        assert not store.append_event(stale, NOON, 0, "twin", "three")
        (event,) = store.events(token.job_set_key, 0)
        assert (event.at, event.event, event.cause) == (NOON, "twin", "there are two")
        assert (event.before, event.after, event.attempt) == (None, None, None)
