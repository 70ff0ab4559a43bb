# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""The contract of every `Store`, as tests that an author of a store inherits.

Subclass `StoreContract` in a test module and give it two fixtures::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def open_again(self, tmp_path):
            return lambda: MyStore(tmp_path / "store")

        @pytest.fixture
        def store(self, open_again):
            store = open_again()
            yield store
            store.close()

``open_again`` opens the same database once more; it is empty at first. A failed assertion shows
both of its sides if pytest rewrites this module, `store_driving_contract`,
`store_extending_contract`, `store_moving_contract` and `store_observing_contract` before they are
imported (``pytest.register_assert_rewrite``).
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from queue import Queue
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest

from qiskit_job_manager.errors import (
    JobManagerInvalidStateError,
    LeaseLostError,
    NameInUseError,
    StoreError,
)
from qiskit_job_manager.model import (
    Blob,
    Block,
    EncodedBlock,
    ExperimentRecord,
    JobSetDraft,
    JobState,
    PlannedJob,
    RequestKind,
)
from qiskit_job_manager.testing.store_driving_contract import DrivingContract
from qiskit_job_manager.testing.store_extending_contract import ExtendingContract
from qiskit_job_manager.testing.store_moving_contract import MovingContract
from qiskit_job_manager.testing.store_observing_contract import ObservingContract
from qiskit_job_manager.testing.store_samples import (
    NOON,
    SETTINGS,
    complete,
    create,
    draft,
    encoded_block,
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


class HandingOverContract:
    """Job sets come in, are renamed, and go."""

    def test_a_job_set_reads_back_as_it_was_handed_over(self, store: Store) -> None:
        asked = draft(**SETTINGS)
        made, token = store.create_job_set(asked, "me")
        given = {name: getattr(made, name) for name in JobSetDraft.__dataclass_fields__}
        assert JobSetDraft(**given) == asked
        assert (made.complete, made.n_experiments, made.n_jobs) == (False, 0, 0)
        assert store.job_set(asked.job_set_id) == store.job_set_named(asked.name) == made
        assert (token.job_set_key, token.owner) == (made.key, "me")

    def test_a_job_set_begins_with_its_first_blocks(self, store: Store) -> None:
        blocks = [encoded_block(["a", "b"], shares=2), encoded_block(["c"], 2, 2)]
        made, token = store.create_job_set(draft(), "me", blocks, are_last=True)
        assert (made.complete, made.n_experiments, made.n_jobs) == (True, 3, 3)
        assert store.job_set_named("sweep") == made
        assert [each.name for each in store.experiments(made.key)] == ["a", "b", "c"]
        jobs = store.jobs(made.key)
        assert [(job.index, job.start, job.stop, job.share) for job in jobs] == [
            (0, 0, 2, 0),
            (1, 0, 2, 1),
            (2, 2, 3, 0),
        ]
        assert store.payload(jobs[2].key) == Blob("circuits/1", b"c")
        assert store.totals(made.key).jobs == {JobState.PLANNED: 3}
        with pytest.raises(StoreError):
            store.add_blocks(token, [encoded_block(["d"], 3, 3)])

    def test_a_name_in_use_stores_no_blocks(self, store: Store) -> None:
        hand_over(store, [["a"]])
        with pytest.raises(NameInUseError):
            store.create_job_set(draft("other", name="sweep"), "me", [encoded_block(["b"])])
        assert [each.name for each in store.experiments(the_set(store).key)] == ["a"]

    def test_a_job_set_begins_with_no_other_block(self, store: Store) -> None:
        with pytest.raises(StoreError):
            store.create_job_set(draft(), "me", [encoded_block(["b"], 1, 1)])
        assert store.job_set_named("sweep") is None

    def test_a_new_job_set_has_a_lease_from_its_first_instant(
        self, store: Store, open_again: OpenAgain
    ) -> None:
        made, token = store.create_job_set(draft(), "me")
        other = open_again()
        try:
            assert other.claim(made.key, "other") is None
            assert other.driver(made.key) == "me"
            assert store.renew(token)
            hand_over(store, [["a"]], token=token)
            assert store.advance(token, [submission(store, 0, "tag")]) == [True]
        finally:
            other.close()
        store.release(token)
        later = must_claim(store, "later")
        assert later.fence > token.fence

    def test_only_one_of_many_that_create_the_same_name_at_once_gets_it(
        self, open_again: OpenAgain
    ) -> None:
        start, ends = Barrier(4), Queue[str]()

        def work(number: int) -> None:
            mine = open_again()
            start.wait()
            try:
                mine.create_job_set(draft(str(number), name="sweep"), f"owner {number}")
                ends.put("created")
            except NameInUseError:
                ends.put("in use")
            assert mine.job_set_named("sweep")
            mine.close()

        threads = [Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends.get_nowait() for _ in range(4)) == ["created"] + ["in use"] * 3

    def test_only_the_owner_of_the_lease_changes_a_job_set(
        self, store: Store, open_again: OpenAgain
    ) -> None:
        hand_over(store, [["a"]])
        stale = must_claim(store, "one")
        store.release(stale)
        other = open_again()
        try:
            token = must_claim(other, "two")
            with pytest.raises(LeaseLostError):
                hand_over(store, [["b"]], token=stale)
            for change in (store.complete_job_set, store.delete_job_set):
                with pytest.raises(LeaseLostError):
                    change(stale)
            with pytest.raises(LeaseLostError):
                store.delete_rest(stale.job_set_key)
            assert the_set(store).n_experiments == 1
            assert not the_set(store).complete
            assert other.renew(token)
            other.complete_job_set(token)
            other.delete_job_set(token)
            assert store.job_sets(limit=9) == []
        finally:
            other.close()

    def test_a_lease_that_nobody_has_changes_nothing(self, store: Store) -> None:
        hand_over(store, [["a"]])
        token = must_claim(store, "one")
        store.release(token)
        for change in (store.complete_job_set, store.delete_job_set):
            with pytest.raises(LeaseLostError):
                change(token)
        assert not the_set(store).complete

    def test_what_was_written_is_there_for_whoever_opens_it_again(
        self, store: Store, open_again: OpenAgain
    ) -> None:
        hand_over(store, [["a", "b"], ["c"]])
        other = open_again()
        try:
            assert the_set(other) == the_set(store)
            assert other.jobs(the_set(other).key) == store.jobs(the_set(store).key)
        finally:
            other.close()

    def test_a_name_in_use_is_refused_and_nothing_is_written(self, store: Store) -> None:
        first = create(store, draft("sweep"))
        with pytest.raises(NameInUseError, match="sweep"):
            store.create_job_set(draft("other", name="sweep"), "me")
        assert store.job_sets(limit=9) == [first]

    def test_renaming_frees_the_old_name_and_never_takes_anothers(self, store: Store) -> None:
        first, second = create(store, draft("a")), create(store, draft("b"))
        with pytest.raises(NameInUseError, match="'a'"):
            store.rename(second.key, "a")
        store.rename(first.key, "c")
        store.rename(second.key, "a")
        assert [job_set.name for job_set in store.job_sets(limit=9)] == ["a", "c"]

    def test_tags_are_replaced_in_order(self, store: Store) -> None:
        store.change_tags(
            the_set(store).key,
            lambda _: (
                "z",
                "a",
            ),
        )
        assert the_set(store).tags == ("z", "a")
        assert store.change_tags(the_set(store).key, lambda old: (*old, "b")) == ("z", "a", "b")
        assert the_set(store).tags == ("z", "a", "b")

    def test_a_note_is_replaced_and_removed(self, store: Store) -> None:
        assert create(store, draft("noted", note="first")).note == "first"
        assert the_set(store).note is None
        store.set_note(the_set(store).key, "two\nlines \u202e")
        assert the_set(store).note == "two\nlines \u202e"
        store.set_note(the_set(store).key, None)
        assert the_set(store).note is None

    def test_blocks_append_experiments_and_planned_jobs(self, store: Store) -> None:
        hand_over(store, [["a", "b"], ["c"]], shares=2)
        job_set = the_set(store)
        assert (job_set.n_experiments, job_set.n_jobs) == (3, 4)
        jobs = store.jobs(job_set.key)
        places = [(job.index, job.start, job.stop, job.share, job.shares) for job in jobs]
        assert places == [(0, 0, 2, 0, 2), (1, 0, 2, 1, 2), (2, 2, 3, 0, 2), (3, 2, 3, 1, 2)]
        assert {(job.state, job.attempts, job.tag, job.shots) for job in jobs} == {
            (JobState.PLANNED, 0, None, 10)
        }
        payloads = [store.payload(job.key) for job in jobs]
        assert [payload.data for payload in payloads] == [b"a,b", b"a,b", b"c", b"c"]
        assert {payload.format for payload in payloads} == {"circuits/1"}

    def test_a_block_that_is_not_the_next_is_refused_whole(self, store: Store) -> None:
        hand_over(store, [["a"]])
        before, token = the_set(store), must_claim(store)
        block = Block(5, 6, (PlannedJob(1, 5, 6, None, 0, 1),))
        with pytest.raises(StoreError):
            store.add_blocks(token, [EncodedBlock(block, experiments(["b"]), Blob("f", b""))])
        assert the_set(store) == before
        assert len(list(store.experiments(before.key))) == 1

    def test_blocks_are_added_together_or_not_at_all(self, store: Store) -> None:
        token = must_claim(store)
        key = token.job_set_key
        first = Block(0, 1, (PlannedJob(0, 0, 1, None, 0, 1),))
        second = Block(1, 3, (PlannedJob(1, 1, 3, None, 0, 1),))
        whole = EncodedBlock(first, experiments(["a"]), Blob("f", b"1"))
        short = EncodedBlock(second, experiments(["b"]), Blob("f", b"2"))
        with pytest.raises(StoreError):
            store.add_blocks(token, [whole, short])
        assert the_set(store).n_experiments == 0
        store.add_blocks(
            token, [whole, EncodedBlock(second, experiments(["b", "c"]), short.payload)]
        )
        assert [e.name for e in store.experiments(key)] == ["a", "b", "c"]
        assert [store.payload(job.key).data for job in store.jobs(key)] == [b"1", b"2"]

    def test_a_complete_job_set_takes_no_more(self, store: Store) -> None:
        hand_over(store, [["a"]])
        complete(store)
        assert the_set(store).complete
        with pytest.raises(StoreError, match="complete"):
            hand_over(store, [["b"]])

    def test_deleting_takes_all_of_one_set_and_nothing_of_others(self, store: Store) -> None:
        hand_over(store, [["a", "b"]])
        job_set, other = the_set(store), the_set(store, "other")
        token = must_claim(store)
        store.advance(token, [submission(store, 0, "tag")])
        store.request(job_set.key, RequestKind.CANCEL)
        store.request(other.key, RequestKind.RETRY)
        store.delete_job_set(token)
        store.delete_job_set(token)
        store.delete_rest(job_set.key)
        left = [
            *(store.jobs(job_set.key), list(store.experiments(job_set.key))),
            *(list(store.events(job_set.key)), store.requests(job_set.key)),
        ]
        assert left == [[], [], [], []]
        assert store.job_sets(limit=9) == [other]
        assert len(store.requests(other.key)) == 1

    def test_a_job_set_whose_jobs_are_not_as_expected_is_not_deleted(self, store: Store) -> None:
        hand_over(store, [["a", "b"], ["c"]])
        token = must_claim(store)
        for expected in ({}, {JobState.DONE: 2}, {JobState.PLANNED: 1}):
            with pytest.raises(JobManagerInvalidStateError, match="nothing was deleted"):
                store.delete_job_set(token, expected=expected)
        assert len(store.jobs(the_set(store).key)) == 2
        assert store.renew(token)
        store.delete_job_set(token, expected={JobState.PLANNED: 2, JobState.DONE: 0})
        assert store.job_sets(limit=9) == []

    def test_the_number_of_a_deleted_job_set_is_not_given_again(self, store: Store) -> None:
        gone = the_set(store)
        token = must_claim(store)
        store.delete_job_set(token)
        assert the_set(store).key != gone.key
        assert not store.renew(token)

    def test_writing_to_a_deleted_job_set_is_an_error(self, store: Store) -> None:
        token = must_claim(store)
        key = token.job_set_key
        store.delete_job_set(token)
        with pytest.raises(StoreError):
            store.rename(key, "x")
        with pytest.raises(StoreError):
            store.change_tags(key, lambda _: ())
        with pytest.raises(StoreError):
            store.set_note(key, "x")
        with pytest.raises(StoreError):
            store.complete_job_set(token)
        with pytest.raises(StoreError, match="deleted"):
            store.request(key, RequestKind.CANCEL)


class FindingContract:
    """Everything that is read."""

    def test_what_is_not_there_is_none_or_empty(self, store: Store) -> None:
        nothing: list[object] = [
            *(store.job_set("0" * 32), store.job_set_named("x"), store.experiment(7, 0)),
            *(store.result(7), store.driver(7), store.claim(7, "me")),
        ]
        assert nothing == [None] * 6
        empty: list[object] = [
            *(store.job_sets(limit=5), store.jobs(7), store.jobs_covering(7, 0), store.attempts(7)),
            *(store.indices(7, "x"), store.requests(7), list(store.events(7))),
            list(store.experiments(7)),
        ]
        assert empty == [[]] * 8

    def test_job_sets_are_found_by_the_beginning_of_their_id(self, store: Store) -> None:
        for digit in "0a9f":
            create(store, draft(digit, job_set_id=f"ab{digit}".ljust(32, "7")))
        assert {found.name for found in store.job_sets_by_prefix("ab", 9)} == set("0a9f")
        assert [found.name for found in store.job_sets_by_prefix("aba", 9)] == ["a"]
        assert store.job_sets_by_prefix("abb", 9) == []
        assert len(store.job_sets_by_prefix("ab", 3)) == 3

    def test_job_sets_are_paged_from_the_newest(self, store: Store) -> None:
        moments = [0, 3, 1, 3, 2]
        for number, minute in enumerate(moments):
            create(store, draft(str(number), created_at=NOON + timedelta(microseconds=minute)))
        seen: list[str] = []
        page = store.job_sets(limit=2)
        while page:
            seen += [job_set.name for job_set in page]
            page = store.job_sets(before=page[-1], limit=2)
        assert seen == ["3", "1", "4", "2", "0"]

    def test_unfinished_are_the_sets_with_a_job_or_a_word_left(self, store: Store) -> None:
        assert store.unfinished() == []
        hand_over(store, [["a"], ["b"]])
        sweep = the_set(store)
        # A set that is not complete can be sent and collected too.
        assert store.unfinished() == [sweep]
        complete(store)
        assert store.unfinished() == [the_set(store)]
        token = must_claim(store)
        for index, end in enumerate([JobState.CANCELLED, JobState.DONE]):
            store.advance(token, [step(store, index, JobState.PLANNED, end)])
            assert len(store.unfinished()) == (index == 0)
        store.request(sweep.key, RequestKind.RETRY, 0)
        assert store.unfinished() == [the_set(store)]
        store.finish_request(token, *store.requests(sweep.key))
        assert store.unfinished() == []

    def test_unfinished_are_in_the_order_of_their_making_whatever_the_clock_said(
        self, store: Store
    ) -> None:
        for number, hours in enumerate([5, -24, 0]):
            made = create(store, draft(str(number), created_at=NOON + timedelta(hours=hours)))
            complete(store, made.name)
            store.request(made.key, RequestKind.CANCEL)
        assert [found.name for found in store.unfinished()] == ["0", "1", "2"]
        assert [found.name for found in store.unfinished(limit=2)] == ["0", "1"]

    def test_the_last_jobs_of_some_states_come_in_the_order_of_their_index(
        self, store: Store
    ) -> None:
        hand_over(store, [["a"]] * 7)
        token = must_claim(store)
        ends = {1: JobState.DONE, 3: JobState.CANCELLED, 4: JobState.DONE, 6: JobState.CANCELLED}
        for index, end in ends.items():
            store.advance(token, [step(store, index, JobState.PLANNED, end)])

        def last(limit: int, *states: JobState) -> list[int]:
            found = store.last_jobs(token.job_set_key, states=states, limit=limit)
            assert found == [store.jobs(token.job_set_key)[job.index] for job in found]
            return [job.index for job in found]

        assert last(3, JobState.DONE, JobState.CANCELLED) == [3, 4, 6]
        assert last(2, JobState.PLANNED) == [2, 5]
        assert last(9, JobState.DONE) == [1, 4]
        assert last(9, JobState.FAILED) == last(0, JobState.DONE) == []

    def test_the_latest_events_are_the_end_of_the_story(self, store: Store) -> None:
        hand_over(store, [["a"], ["b"]])
        token = must_claim(store)
        for number in range(5):
            store.append_event(
                token, NOON + timedelta(seconds=number), number % 2, f"event {number}", ""
            )
        whole = list(store.events(token.job_set_key))
        assert len(whole) == 5
        assert store.last_events(token.job_set_key, limit=2) == whole[-2:]
        assert store.last_events(token.job_set_key, limit=9) == whole
        assert store.last_events(token.job_set_key, 0, limit=2) == [whole[2], whole[4]]
        assert store.last_events(token.job_set_key, 7, limit=2) == []

    def test_the_jobs_of_an_experiment_are_all_its_shares_and_no_others(self, store: Store) -> None:
        hand_over(store, [["a", "b"], ["c"], ["d", "e", "f"]], shares=3)
        key = the_set(store).key
        for index, jobs in enumerate([[0, 1, 2]] * 2 + [[3, 4, 5]] + [[6, 7, 8]] * 3):
            assert [job.index for job in store.jobs_covering(key, index)] == jobs
        assert store.jobs_covering(key, 6) == store.jobs_covering(key, -1) == []

    def test_experiments_are_found_by_index_and_by_name(self, store: Store) -> None:
        hand_over(store, [["a", "b", "a"], ["é", "a"]])
        key = the_set(store).key
        record = ExperimentRecord(3, "é", hashlib.sha256("é".encode()).digest())
        assert store.experiment(key, 3) == record
        assert (store.indices(key, "a"), store.indices(key, "a", limit=2)) == ([0, 2, 4], [0, 2])
        assert store.indices(key, "A") == []
        unique = [store.unique_names(key, *within) for within in ((0, 5), (0, 3), (2, 3), (5, 9))]
        assert unique == [{"b": 1, "é": 3}, {"b": 1}, {}, {}]
        part = [found.index for found in store.experiments(key, start=1, stop=4)]
        assert part == [1, 2, 3]

    def test_experiments_are_found_by_their_content(self, store: Store) -> None:
        hand_over(store, [["a", "b", "a"], ["a"]])
        key, other = the_set(store).key, the_set(store, "other").key
        content = hashlib.sha256(b"a").digest()
        assert store.indices_with_content(key, content, 9) == [0, 2, 3]
        assert store.indices_with_content(key, content, 2) == [0, 2]
        assert store.indices_with_content(key, content, 1, name="a") == [0]
        assert store.indices_with_content(key, content, 9, name="b") == []
        assert store.indices_with_content(key, bytes(32), 9) == []
        assert store.indices_with_content(other, content, 9) == []

    def test_iterating_goes_on_over_pages(self, store: Store) -> None:
        hand_over(store, [[f"e{i}" for i in range(2500)]])
        found = list(store.experiments(the_set(store).key, start=3))
        assert [experiment.index for experiment in found] == list(range(3, 2500))

    def test_jobs_are_picked_by_state_place_and_number(self, store: Store) -> None:
        hand_over(store, [[name] for name in "abcdef"])
        key, token = the_set(store).key, must_claim(store)
        store.advance(token, [submission(store, index, f"t{index}") for index in (1, 3, 4)])
        both = [JobState.PLANNED, JobState.SUBMITTING]

        def picked(**how: Any) -> list[int]:
            return [job.index for job in store.jobs(key, **how)]

        assert picked() == picked(states=both) == [0, 1, 2, 3, 4, 5]
        assert picked(states=[JobState.SUBMITTING]) == [1, 3, 4]
        assert picked(states=[JobState.SUBMITTING], after=1, limit=1) == [3]
        assert picked(states=both, after=1, limit=3) == [2, 3, 4]
        assert picked(states=[]) == picked(states=[JobState.DONE]) == picked(limit=0) == []

    def test_totals_count_jobs_and_experiments(self, store: Store) -> None:
        hand_over(store, [["a", "b"], ["c"]])
        token = must_claim(store)
        store.advance(token, [submission(store, 0, "t")])
        totals = store.totals(the_set(store).key)
        assert totals.jobs == {JobState.SUBMITTING: 1, JobState.PLANNED: 1}
        assert totals.experiments == {JobState.SUBMITTING: 2, JobState.PLANNED: 1}

    def test_totals_of_many_job_sets_are_those_of_each(self, store: Store) -> None:
        hand_over(store, [["a", "b"], ["c"]])
        token = must_claim(store)
        store.advance(token, [submission(store, 0, "t")])
        keys = [the_set(store, name).key for name in ("sweep", "other", "third")]
        assert store.totals_of(keys) == {key: store.totals(key) for key in keys}
        assert store.totals_of([]) == {}
        many = store.totals_of(range(1, 1500))
        assert len(many) == 1499
        assert many[keys[0]] == store.totals(keys[0])


class StoreContract(
    HandingOverContract,
    ExtendingContract,
    FindingContract,
    DrivingContract,
    MovingContract,
    ObservingContract,
):
    """The whole contract."""
