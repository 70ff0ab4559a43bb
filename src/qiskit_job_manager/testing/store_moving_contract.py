# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""The contract of a `Store` for imported job sets; a part of `StoreContract`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from qiskit_job_manager.errors import NameInUseError, StoreError
from qiskit_job_manager.model import (
    JobHistory,
    JobSetDraft,
    JobSetHistory,
    JobState,
    RawResult,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
    StoredResult,
)
from qiskit_job_manager.testing.store_samples import (
    NOON,
    SETTINGS,
    create,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.ports import Store

# More jobs than any store writes at once.
_MANY = 600
_FIGURES = RemoteFigures(2.5, NOON, NOON, NOON + timedelta(seconds=3), "batch")


def ended(store: Store) -> JobSetRecord:
    """Return the job set ``"sweep"``: a job that was retried and one that failed, both ended."""
    create(store, draft(**SETTINGS))
    hand_over(store, [["a", "b"], ["c"]], shares=1)
    token = must_claim(store)
    queued = RemoteStatus(RemoteState.QUEUED, 3, "wait")
    steps = [
        submission(store, 0, "t1"),
        step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r1"),
        step(store, 0, JobState.ACTIVE, JobState.COLLECTING, result=RawResult("raw/1", b"bad")),
        step(store, 0, JobState.COLLECTING, JobState.PLANNED, error="?", ends_attempt=True),
        submission(store, 0, "t2"),
        step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r2", status=queued),
        step(
            store,
            0,
            JobState.ACTIVE,
            JobState.DONE,
            result=RawResult("raw/1", b"good", _FIGURES),
            failed_offsets=(1,),
        ),
        submission(store, 1, "t3"),
        step(store, 1, JobState.SUBMITTING, JobState.FAILED, error="no", ends_attempt=True),
    ]
    assert store.advance(token, steps) == [True] * len(steps)
    store.complete_job_set(token)
    store.release(token)
    return the_set(store)


def history_of(store: Store, record: JobSetRecord, **changes: Any) -> JobSetHistory:
    """Return the history of a job set that ended, with changes of its draft and with new tags."""
    key, jobs = record.key, store.jobs(record.key)
    given = {name: getattr(record, name) for name in JobSetDraft.__dataclass_fields__}
    return JobSetHistory(
        draft=replace(JobSetDraft(**given), **changes),
        n_experiments=record.n_experiments,
        n_jobs=record.n_jobs,
        experiments=list(store.experiments(key)),
        payloads=[(job.start, store.payload(job.key)) for job in jobs if not job.share],
        jobs=[_past(store, job) for job in jobs],
        results=[result for job in jobs for result in store.results(job)],
        events=list(store.events(key)),
    )


def _past(store: Store, job: JobRecord) -> JobHistory:
    attempts = store.attempts(job.key)
    renamed = (replace(attempt, tag=f"taken-{attempt.tag}") for attempt in attempts)
    return JobHistory(job, tuple(renamed))


def without_keys_and_tags(history: JobSetHistory) -> list[Any]:
    """Return the parts of a history that stay the same when another store imports it."""
    jobs = [
        (
            replace(past.job, key=0, tag=None),
            tuple(replace(attempt, tag="") for attempt in past.attempts),
        )
        for past in history.jobs
    ]
    same = (history.experiments, history.payloads, history.results, history.events)
    return [history.draft, history.n_experiments, history.n_jobs, jobs, *map(list, same)]


def many_of(one: JobSetHistory) -> JobSetHistory:
    """Return a history of many jobs, all like the first one, of one experiment and one attempt."""
    experiment, (_, payload) = next(iter(one.experiments)), next(iter(one.payloads))
    past, result = next(iter(one.jobs)), next(iter(one.results))
    attempt = replace(past.attempts[0], number=1)
    job = replace(past.job, attempts=1)
    return replace(
        one,
        n_experiments=_MANY,
        n_jobs=_MANY,
        experiments=(replace(experiment, index=i) for i in range(_MANY)),
        payloads=((i, payload) for i in range(_MANY)),
        jobs=(
            JobHistory(
                replace(job, index=i, start=i, stop=i + 1), (replace(attempt, tag=f"many-{i}"),)
            )
            for i in range(_MANY)
        ),
        results=(StoredResult(i, 1, result.stored_at, result.blob) for i in range(_MANY)),
        events=(replace(next(iter(one.events)), job_index=i) for i in range(_MANY)),
    )


class MovingContract:
    """Job sets leave a store whole, and enter one whole or not at all."""

    def test_every_result_of_a_job_is_read_oldest_first(self, store: Store) -> None:
        first, second = store.jobs(ended(store).key)
        found = list(store.results(first))
        assert [(each.job_index, each.attempt, each.blob.data) for each in found] == [
            (0, 1, b"bad"),
            (0, 2, b"good"),
        ]
        assert {each.stored_at for each in found} == {NOON}
        assert list(store.results(second)) == []

    def test_a_job_set_that_is_taken_in_is_what_it_was(self, store: Store) -> None:
        record = ended(store)
        before = history_of(store, record, job_set_id="f" * 32, name="taken")
        taken = store.import_job_set(before)
        assert taken == store.job_set("f" * 32)
        assert (taken.complete, taken.name, taken.tags) == (True, "taken", record.tags)
        after = history_of(store, taken)
        assert without_keys_and_tags(after) == without_keys_and_tags(before)
        assert store.totals(taken.key) == store.totals(record.key)
        assert store.usage(taken.key) == store.usage(record.key)
        assert store.indices(taken.key, "b") == [1]
        assert store.unfinished() == []

    def test_as_many_jobs_as_there_are_come_in(self, store: Store) -> None:
        one = history_of(store, ended(store), job_set_id="f" * 32, name="many")
        key = store.import_job_set(many_of(one)).key
        jobs = store.jobs(key)
        assert [job.index for job in jobs] == list(range(_MANY))
        assert store.totals(key).experiments == {JobState.DONE: _MANY}
        for job in (jobs[0], jobs[499], jobs[500], jobs[-1]):
            assert [attempt.tag for attempt in store.attempts(job.key)] == [f"many-{job.index}"]
            assert [each.job_index for each in store.results(job)] == [job.index]
            assert store.payload(job.key).data == b"a,b"
        assert sum(1 for _ in store.events(key)) == _MANY

    @pytest.mark.parametrize(
        ("changes", "error", "words"),
        [
            ({"name": "other"}, StoreError, "already, under the name 'sweep'"),
            ({"job_set_id": "f" * 32}, NameInUseError, "'sweep'"),
        ],
    )
    def test_what_the_store_has_already_is_not_taken_in(
        self, store: Store, changes: dict[str, str], error: type[Exception], words: str
    ) -> None:
        history = history_of(store, ended(store), **changes)
        with pytest.raises(error, match=words):
            store.import_job_set(history)
        assert len(store.job_sets(limit=5)) == 1

    def test_an_attempt_is_of_one_job_set_alone(self, store: Store) -> None:
        record = ended(store)
        store.import_job_set(history_of(store, record, job_set_id="e" * 32, name="first"))
        twin = history_of(store, record, job_set_id="f" * 32, name="second")
        with pytest.raises(StoreError, match="one of its attempts already"):
            store.import_job_set(twin)
        assert store.job_set_named("second") is None
        assert len(store.job_sets(limit=5)) == 2

    @pytest.mark.parametrize("part", ["experiments", "payloads", "jobs", "results", "events"])
    def test_nothing_is_kept_of_what_breaks_off(self, store: Store, part: str) -> None:
        whole = history_of(store, ended(store), job_set_id="f" * 32, name="taken")
        parts: dict[str, Any] = {part: _broken_off(getattr(whole, part))}
        broken = replace(whole, **parts)
        with pytest.raises(_BrokenOffError):
            store.import_job_set(broken)
        assert store.job_set_named("taken") is None
        assert store.import_job_set(whole).n_jobs == 2


class _BrokenOffError(Exception):
    """A file ended in the middle."""


def _broken_off(parts: Iterable[Any]) -> Iterator[Any]:
    yield next(iter(parts))
    raise _BrokenOffError
