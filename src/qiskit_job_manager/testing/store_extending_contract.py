# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""The part of the store's contract that is about adding to complete job sets."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from queue import Queue
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import (
    Blob,
    Block,
    EncodedBlock,
    JobState,
    RawResult,
    RequestKind,
    ReusedResult,
)
from qiskit_job_manager.testing.store_samples import (
    NOON,
    complete,
    delete,
    draft,
    encoded_block,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.testing.store_samples import OpenAgain

_LATER = NOON + timedelta(hours=1)


def _extend(store: Store, names: list[str], start: int, first: int, shares: int = 1) -> bool:
    block = encoded_block(names, start, first, shares)
    return store.extend_job_set(the_set(store).key, [block], _LATER)


class ExtendingContract:
    """Complete job sets grow, whichever process drives them."""

    def test_an_extension_adds_behind_what_is_stored_while_another_drives(
        self, store: Store, open_again: OpenAgain
    ) -> None:
        hand_over(store, [["a", "b"]])
        complete(store)
        driver = open_again()
        try:
            token = must_claim(driver)
            driver.advance(token, [submission(driver, 0, "tag")])
            assert _extend(store, ["c", "d"], 2, 1, shares=2)
            grown = the_set(driver)
            assert (grown.complete, grown.n_experiments, grown.n_jobs) == (True, 4, 3)
            added = [(job.index, job.start, job.stop) for job in driver.jobs(grown.key, after=0)]
            assert added == [(1, 2, 4), (2, 2, 4)]
            assert driver.totals(grown.key).jobs == {JobState.SUBMITTING: 1, JobState.PLANNED: 2}
            ended = step(driver, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="id")
            assert driver.advance(token, [ended]) == [True]
        finally:
            driver.close()

    def test_an_extension_leaves_a_request_and_an_event(self, store: Store) -> None:
        hand_over(store, [["a"]])
        complete(store)
        assert _extend(store, ["b"], 1, 1)
        key = the_set(store).key
        asked = [(each.kind, each.job_index) for each in store.requests(key)]
        assert asked == [(RequestKind.EXTENDED, 1)]
        (event,) = store.events(key)
        assert (event.event, event.job_index, event.at) == ("extended", None, _LATER)
        assert event.cause == "experiment 1 was added"

    @pytest.mark.parametrize(("start", "first"), [(0, 0), (1, 1), (3, 2)])
    def test_an_extension_elsewhere_than_at_the_end_changes_nothing(
        self, store: Store, start: int, first: int
    ) -> None:
        hand_over(store, [["a"], ["b"]])
        complete(store)
        before = the_set(store)
        assert not _extend(store, ["c"], start, first)
        assert the_set(store) == before
        assert not store.requests(before.key)
        assert not list(store.events(before.key))

    def test_only_complete_job_sets_are_extended(self, store: Store) -> None:
        hand_over(store, [["a"]])
        assert not _extend(store, ["b"], 1, 1)
        complete(store)
        key = the_set(store).key
        delete(store)
        assert not store.extend_job_set(key, [encoded_block(["b"], 1, 1)], _LATER)

    def test_an_extension_takes_no_number_of_a_job_that_it_does_not_know(
        self, store: Store
    ) -> None:
        """A job that was halved meanwhile has made another one."""
        hand_over(store, [["a"], ["b"]])
        complete(store)
        assert _extend(store, ["c"], 2, 1)
        key = the_set(store).key
        assert [job.index for job in store.jobs(key)] == [0, 1, 2]
        assert [each.job_index for each in store.requests(key)] == [2]

    def test_half_a_block_is_refused(self, store: Store) -> None:
        hand_over(store, [["a"]])
        complete(store)
        whole = encoded_block(["b", "c"], 1, 1)
        half = EncodedBlock(Block(1, 3, whole.block.jobs), whole.experiments[:1], whole.payload)
        with pytest.raises(StoreError):
            store.extend_job_set(the_set(store).key, [half], _LATER)
        assert the_set(store).n_experiments == 1

    def test_of_several_extensions_at_once_one_lands(
        self, store: Store, open_again: OpenAgain
    ) -> None:
        hand_over(store, [["a"]])
        complete(store)
        start, landed = Barrier(4), Queue[bool]()

        def work(number: int) -> None:
            mine = open_again()
            start.wait()
            try:
                landed.put(_extend(mine, [f"new {number}"], 1, 1))
            finally:
                mine.close()

        threads = [Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(landed.get() for _ in threads) == [False, False, False, True]
        assert len(list(store.experiments(the_set(store).key))) == 2

    def test_a_job_whose_result_was_taken_over_is_done_from_the_start(self, store: Store) -> None:
        whole = encoded_block(["b", "c"], 1, 1)
        result = RawResult("results/1", b"counts")
        reused = ReusedResult(result, ("x/0", "x/1"), "reused-1", _LATER, "taken over from x")
        hand_over(store, [["a"]])
        complete(store)
        key = the_set(store).key
        assert store.extend_job_set(key, [replace(whole, reused=reused)], _LATER)
        sent, taken = store.jobs(key)
        assert (sent.state, sent.is_reused) == (JobState.PLANNED, False)
        assert (taken.state, taken.is_reused, taken.has_result) == (JobState.DONE, True, True)
        assert store.result(taken.key) == Blob("results/1", b"counts")
        (attempt,) = store.attempts(taken.key)
        assert (attempt.remote_id, attempt.ended_at) == (None, _LATER)
        assert store.usage(key).total_s == 0
        totals = store.totals(key)
        assert totals.jobs == {JobState.PLANNED: 1, JobState.DONE: 1}
        assert totals.experiments == {JobState.PLANNED: 1, JobState.DONE: 2}
        (event,) = store.events(key, 1)
        assert (event.event, event.after, event.cause) == ("reused", "done", "taken over from x")

    def test_a_result_is_taken_over_for_all_shots_at_once(self, store: Store) -> None:
        shared = encoded_block(["a"], shares=2)
        reused = ReusedResult(RawResult("f", b""), ("x/0",), "reused-1", _LATER, "")
        with pytest.raises(StoreError):
            store.create_job_set(draft(), "me", [replace(shared, reused=reused)])
        assert store.job_set_named("sweep") is None

    def test_a_content_is_found_in_many_job_sets(self, store: Store) -> None:
        hand_over(store, [["a", "b", "a"]])
        other, token = store.create_job_set(draft("other"), "me", [encoded_block(["a"])])
        store.release(token)
        key = the_set(store).key
        content = hashlib.sha256(b"a").digest()
        both = [*range(key + 1000, key + 2500), key, other.key]
        assert sorted(store.places_of_content(both, content)) == [
            (key, 0),
            (key, 2),
            (other.key, 0),
        ]
        assert store.places_of_content([other.key], hashlib.sha256(b"b").digest()) == []
        assert store.places_of_content([], content) == []

    def test_contents_are_found_with_all_their_places(self, store: Store) -> None:
        hand_over(store, [["a", "b", "a"], ["c", "a"]])
        key = the_set(store).key
        a, b, other = (hashlib.sha256(name).digest() for name in (b"a", b"b", b"x"))
        found = store.places_of_contents(key, [b, a, other, a], 4)
        assert {each: list(at) for each, at in found.items()} == {
            a: [(0, "a"), (2, "a")],
            b: [(1, "b")],
        }
        assert list(store.places_of_contents(key, [a], 5)[a])[-1] == (4, "a")
        many = [hashlib.sha256(str(number).encode()).digest() for number in range(3000)]
        assert list(store.places_of_contents(key, [*many, b], 5)) == [b]
        assert not store.places_of_contents(key, [], 5)
