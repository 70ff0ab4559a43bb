# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""The contract of a `ports.StoreSearch`, as tests that an author of a store inherits.

Subclass `StoreSearchContract` beside `StoreContract`, with the same fixtures.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from qiskit_job_manager.model import (
    JobState,
    RawResult,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
)
from qiskit_job_manager.model.search import (
    ActiveAs,
    ErrorCount,
    JobFilter,
    JobSetFilter,
    JobSetOrder,
)
from qiskit_job_manager.testing.store_samples import (
    NOON,
    complete,
    create,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

if TYPE_CHECKING:
    from qiskit_job_manager.model import Advance
    from qiskit_job_manager.ports import SearchableStore

_ALL = JobSetFilter()
_SECOND = timedelta(seconds=1)


def _names(store: SearchableStore, wanted: JobSetFilter, order: JobSetOrder) -> list[str]:
    found = store.find_job_sets(wanted, order, limit=10)
    assert store.count_job_sets(wanted) == len(found)
    return [each.name for each in found]


def _three(store: SearchableStore) -> None:
    """Create three job sets: one that waits, and two that are complete and without jobs."""
    create(store, draft("sweep", tags=("a", 'quo"te'), backend_name="Torino", max_usage_s=5.0))
    hand_over(store, [["x", "y"], ["z"]])
    create(store, draft("b_b", tags=("ab",), created_at=NOON + _SECOND, backend_uri="fake:fez"))
    create(store, draft("Bxb", created_at=NOON + 2 * _SECOND, backend_name="aer"))
    for name in ("sweep", "b_b", "Bxb"):
        complete(store, name)


def _failures(store: SearchableStore, errors: list[str | None]) -> list[Advance]:
    """Return steps that end the first jobs with these errors."""
    return [
        step(store, number, JobState.SUBMITTING, JobState.FAILED, error=error, ends_attempt=True)
        for number, error in enumerate(errors)
    ]


class StoreSearchContract:
    """What every store does that the faces can search."""

    @pytest.mark.parametrize(
        ("order", "names"),
        [
            (JobSetOrder.NEWEST, ["Bxb", "b_b", "sweep"]),
            (JobSetOrder.OLDEST, ["sweep", "b_b", "Bxb"]),
            (JobSetOrder.NAME, ["b_b", "Bxb", "sweep"]),
            (JobSetOrder.BACKEND, ["Bxb", "b_b", "sweep"]),
            (JobSetOrder.LARGEST, ["sweep", "Bxb", "b_b"]),
        ],
    )
    def test_job_sets_come_in_the_order_that_was_asked_for(
        self, store: SearchableStore, order: JobSetOrder, names: list[str]
    ) -> None:
        _three(store)
        assert _names(store, _ALL, order) == names
        pages = [store.find_job_sets(_ALL, order, offset=at, limit=2) for at in (0, 2, 4)]
        assert [[each.name for each in page] for page in pages] == [names[:2], names[2:], []]

    @pytest.mark.parametrize(
        ("wanted", "names"),
        [
            (JobSetFilter(name="B_B"), ["b_b"]),
            (JobSetFilter(name="b*"), ["Bxb", "b_b"]),
            (JobSetFilter(name="b?b"), ["Bxb", "b_b"]),
            (JobSetFilter(name="?"), []),
            (JobSetFilter(name="%"), []),
            (JobSetFilter(backend="tor"), ["b_b", "sweep"]),
            (JobSetFilter(backend="fake:*"), ["b_b"]),
            (JobSetFilter(tags=("a",)), ["sweep"]),
            (JobSetFilter(tags=("A",)), []),
            (JobSetFilter(tags=('quo"te', "a")), ["sweep"]),
            (JobSetFilter(tags=("te",)), []),
            (JobSetFilter(since=NOON + _SECOND), ["Bxb", "b_b"]),
            (JobSetFilter(until=NOON + _SECOND), ["sweep"]),
            (JobSetFilter(since=NOON + _SECOND, until=NOON + 2 * _SECOND), ["b_b"]),
            (JobSetFilter(states=(JobState.PLANNED, JobState.DONE)), ["sweep"]),
            (JobSetFilter(states=(JobState.DONE,)), []),
            (JobSetFilter(ended=False), ["sweep"]),
            (JobSetFilter(ended=True), ["Bxb", "b_b"]),
            (JobSetFilter(may_need_user=True), ["sweep"]),
        ],
    )
    def test_only_job_sets_that_meet_the_conditions_are_found(
        self, store: SearchableStore, wanted: JobSetFilter, names: list[str]
    ) -> None:
        _three(store)
        assert _names(store, wanted, JobSetOrder.NEWEST) == names

    def test_a_blind_set_in_doubt_has_ended_and_needs_the_user(
        self, store: SearchableStore
    ) -> None:
        create(store, draft(blind=True))
        hand_over(store, [["a"]])
        complete(store)
        token = must_claim(store)
        doubt = step(store, 0, JobState.SUBMITTING, JobState.IN_DOUBT)
        assert store.advance(token, [submission(store, 0, "t"), doubt]) == [True, True]
        for wanted in (JobSetFilter(ended=True), JobSetFilter(may_need_user=True)):
            assert _names(store, wanted, JobSetOrder.NEWEST) == ["sweep"]
        assert store.jobs_by_backend() == {("torino", JobState.IN_DOUBT): 1}

    @pytest.mark.parametrize(
        ("volatile", "is_driven", "found"),
        [
            (False, False, {"running": [2], "queued": [0, 1], "interrupted": []}),
            (True, True, {"running": [0, 2], "queued": [1], "interrupted": []}),
            (True, False, {"running": [], "queued": [], "interrupted": [0, 1, 2]}),
        ],
    )
    def test_active_jobs_are_found_as_they_are_shown(
        self, store: SearchableStore, volatile: bool, is_driven: bool, found: dict[str, list[int]]
    ) -> None:
        create(store, draft(volatile=volatile))
        hand_over(store, [["a"], ["b"], ["c"], ["d"]])
        token, key = must_claim(store), the_set(store).key
        for number, state in enumerate((None, RemoteState.QUEUED, RemoteState.RUNNING)):
            status = None if state is None else RemoteStatus(state)
            way = (JobState.SUBMITTING, JobState.ACTIVE)
            accepted = step(store, number, *way, remote_id=f"r{number}", status=status)
            assert all(store.advance(token, [submission(store, number, f"t{number}"), accepted]))
        if not is_driven:
            store.release(token)
        for shown in ActiveAs:
            wanted = JobFilter(active_as=(shown,))
            jobs = [job.index for job in store.find_jobs(key, wanted, limit=9)]
            assert jobs == found[shown]
            assert store.count_jobs(key, wanted) == len(jobs)
            sets = _names(store, JobSetFilter(active_as=(shown,)), JobSetOrder.NEWEST)
            assert sets == ["sweep"] * bool(jobs)
        both = JobFilter(states=(JobState.PLANNED,), active_as=tuple(ActiveAs))
        assert [job.index for job in store.find_jobs(key, both, limit=9)] == [0, 1, 2, 3]

    def test_errors_are_counted_and_their_jobs_are_found(self, store: SearchableStore) -> None:
        hand_over(store, [["a"], ["b"], ["c"], ["d"]])
        token, key = must_claim(store), the_set(store).key
        sent = [submission(store, number, f"t{number}") for number in range(3)]
        steps = [*sent, *_failures(store, ["too 100% wide", "too 100% wide", None])]
        assert all(store.advance(token, steps))
        states = (JobState.FAILED, JobState.LOST)
        assert store.count_errors(key, states, limit=5) == [
            ErrorCount(JobState.FAILED, "too 100% wide", 2),
            ErrorCount(JobState.FAILED, "", 1),
        ]
        assert store.count_errors(key, states, limit=1)[0].jobs == 2
        wide = JobFilter(states=states, error="100%")
        assert [job.index for job in store.find_jobs(key, wide, limit=5)] == [0, 1]
        assert [job.index for job in store.find_jobs(key, wide, offset=1, limit=5)] == [1]
        counted = [
            store.count_jobs(key, each) for each in (JobFilter(), wide, JobFilter(error="W"))
        ]
        assert counted == [4, 2, 0]

    def test_experiments_are_found_by_the_start_of_their_name(self, store: SearchableStore) -> None:
        hand_over(store, [["rb_2", "RB_1", "rb_10"], ["rc", "rb_2", "é%"]])
        key = the_set(store).key

        def found(start: str, offset: int = 0, limit: int = 9) -> list[int]:
            page = store.experiments_named(key, start, offset=offset, limit=limit)
            return [each.index for each in page]

        assert found("rb_") == [2, 0, 4]
        assert found("rb_", offset=1, limit=1) == [0]
        assert found("é%") == [5]
        assert found("%") == []

    def test_what_happened_lately_is_counted(self, store: SearchableStore) -> None:
        hand_over(store, [["a"], ["b"]])
        token = must_claim(store)
        figures = RemoteFigures(2.5, NOON, NOON, NOON, None)
        steps = [
            submission(store, 0, "t0"),
            submission(store, 1, "t1"),
            step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r0"),
            step(store, 0, JobState.ACTIVE, JobState.COLLECTING, result=RawResult("raw/1", b"")),
            step(store, 1, JobState.SUBMITTING, JobState.FAILED, error="no", ends_attempt=True),
        ]
        assert all(store.advance(token, steps))
        assert store.store_usage(token, {"t0": figures})
        lately, later = store.recent(NOON, NOON), store.recent(NOON + _SECOND, NOON + _SECOND)
        assert (lately.failed, lately.measured_s) == (1, 2.5)
        assert (later.failed, later.measured_s) == (0, 0.0)
        assert [each.tag for each in store.recent_attempts("torino", limit=5)] == ["t1", "t0"]
        assert store.recent_attempts("torino", limit=1)[0].error == "no"
        assert store.recent_attempts("fez", limit=5) == []

    def test_the_mark_grows_with_each_event(self, store: SearchableStore) -> None:
        hand_over(store, [["a"]])
        key = the_set(store).key
        before, all_before = store.mark(key), store.mark()
        token = must_claim(store)
        assert store.advance(token, [submission(store, 0, "t")]) == [True]
        assert store.mark(key) > before
        assert store.mark() > all_before
        assert store.mark(key + 1) == 0
