"""A set is deleted in short transactions: nobody waits for long, and nobody sees a part of it."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from sqlalchemy import Engine, event, func, select

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import JobState, RequestKind, Token
from qiskit_job_manager.stores import delete, open_store, schema
from qiskit_job_manager.testing.store_moving_contract import ended, history_of
from qiskit_job_manager.testing.store_samples import (
    complete,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)
from qiskit_job_manager.testing.store_samples import delete as delete_set

N_JOBS = 8
TABLES = [
    *(schema.job_set, schema.experiment, schema.payload, schema.job, schema.job_count),
    *(schema.attempt, schema.result, schema.event, schema.request),
]


@pytest.fixture
def location(request, store_path):
    """Where the store is: a file, or a server's schema of its own."""
    return store_path if request.param == "file" else request.getfixturevalue("url")


@pytest.fixture
def short_turns(monkeypatch):
    """Have each transaction end after a page of one row."""
    monkeypatch.setattr(delete, "_TURN_S", 0.0)
    monkeypatch.setattr(delete, "_PARTS", tuple((page, 1) for page, _ in delete._PARTS))


everywhere = pytest.mark.parametrize(
    "location", ["file", pytest.param("server", marks=pytest.mark.service)], indirect=True
)


def filled(location, n_jobs=N_JOBS):
    """Return a store with the set ``sweep``, whose jobs are under way, and another beside it."""
    store = open_store(location)
    hand_over(store, [[f"a{n}", f"b{n}"] for n in range(n_jobs)])
    complete(store)
    token = must_claim(store)
    for index in range(n_jobs):
        active = step(store, index, JobState.SUBMITTING, JobState.ACTIVE, remote_id=f"r{index}")
        assert (
            store.advance(token, [submission(store, index, f"tag {index}"), active]) == [True] * 2
        )
    store.request(token.job_set_key, RequestKind.CANCEL)
    store.release(token)
    store.request(the_set(store, "other").key, RequestKind.RETRY)
    return store


def rows(store, job_set=None):
    """Return how many rows each table has, of all sets or of one."""
    with store._database.reading() as connection:
        counts = {}
        for table in TABLES:
            count = select(func.count()).select_from(table)
            if job_set is not None and "job_set" in table.c:
                count = count.where(table.c.job_set == job_set)
            counts[table.name] = connection.scalar(count)
        return counts


def killed_at_commit(fork, location, key, number):
    """Delete in a process that dies before its so-and-so-manieth commit; tell how it ended."""

    def work(say):
        mine = open_store(location)
        token = mine.claim(key, "deletion")
        seen = 0

        def count(_connection):
            nonlocal seen
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "commit", count)
        mine.delete_job_set(token)

    return fork(work).wait()


def must_be_half_deleted(store, before):
    assert store.job_set(before.job_set_id) is None
    assert store.job_set_named(before.name) is None
    assert store.job_sets_by_prefix(before.job_set_id[:8], limit=9) == []
    assert [found.name for found in store.job_sets(limit=9)] == ["other"]
    assert [found.name for found in store.unfinished()] == ["other"]
    assert store.claim(before.key, "somebody") is None
    assert store.driver(before.key) is None
    (left,) = store.half_deleted()
    assert (left.key, left.job_set_id, left.name) == (before.key, before.job_set_id, before.name)
    for change in (
        lambda: store.rename(before.key, "x"),
        lambda: store.change_tags(before.key, lambda _: ()),
        lambda: store.set_note(before.key, "x"),
        lambda: store.request(before.key, RequestKind.CANCEL),
    ):
        with pytest.raises(StoreError, match="deleted"):
            change()


def must_be_gone(store, other_rows):
    assert store.half_deleted() == []
    assert rows(store) == other_rows
    assert [found.name for found in store.job_sets(limit=9)] == ["other"]
    assert len(store.requests(the_set(store, "other").key)) == 1


OTHER_ALONE = dict.fromkeys((table.name for table in TABLES), 0) | {
    "job_set": 1,
    "job_count": len(JobState),
    "request": 1,
}


def test_a_deletion_killed_at_any_commit_leaves_the_whole_set_or_one_that_is_half_deleted(
    tmp_path, fork, short_turns
):
    whole = tmp_path / "whole.db"
    filled(whole, n_jobs=2).close()
    number, ended, seen_half = 1, -signal.SIGKILL, 0
    while ended == -signal.SIGKILL:
        path = shutil.copy(whole, tmp_path / f"{number}.db")
        store = open_store(path)
        before, all_rows = the_set(store), rows(store)
        ended = killed_at_commit(fork, path, before.key, number)
        if ended and store.job_set_named("sweep"):
            assert rows(store) == all_rows
        elif ended:
            seen_half += 1
            must_be_half_deleted(store, before)
        if store.job_set_named("sweep"):
            delete_set(store)
        store.delete_rest(before.key)
        must_be_gone(store, OTHER_ALONE)
        store.close()
        number += 1
    assert ended == 0
    assert seen_half >= 2 + 2 + 4  # jobs, payloads and experiments


@everywhere
def test_a_set_that_is_half_deleted_gives_up_its_name_and_its_driver(location, fork, short_turns):
    store = filled(location)
    before = the_set(store)
    token = Token(before.key, "deletion", 3)
    step_of_driver = step(store, N_JOBS - 1, JobState.ACTIVE, JobState.COLLECTING)
    assert killed_at_commit(fork, location, before.key, 5) == -signal.SIGKILL
    must_be_half_deleted(store, before)
    assert not store.renew(token)
    assert store.advance(token, [step_of_driver]) == [False]
    again, lease = store.create_job_set(draft("sweep", job_set_id="0" * 32), "driver")
    assert store.job_set_named("sweep") == again
    left = rows(store, before.key)
    assert 0 < left["job"] < N_JOBS
    store.delete_rest(before.key)
    store.delete_job_set(lease)
    must_be_gone(store, OTHER_ALONE)
    store.close()


@everywhere
def test_other_writers_get_through_while_a_set_is_deleted(location, fork, short_turns):
    n_jobs = 60
    store = filled(location, n_jobs)
    key, other = the_set(store).key, the_set(store, "other").key

    def delete(say):
        delete_set(open_store(location))

    child, seen = fork(delete), set()
    while store.job_set_named("sweep") or store.half_deleted():
        store.change_tags(other, lambda _: ("still here",))
        seen.add(len(store.jobs(key)))
    assert child.wait() == 0
    # What was written between two of its transactions saw some jobs gone and others not.
    assert len(seen - {0, n_jobs}) > 1
    must_be_gone(store, OTHER_ALONE)
    store.close()


@everywhere
def test_several_may_remove_the_rest_of_a_set_at_once(location, fork, short_turns):
    store = filled(location)
    key = the_set(store).key
    assert killed_at_commit(fork, location, key, 2) == -signal.SIGKILL
    children = [fork(lambda say: open_store(location).delete_rest(key)) for _ in range(3)]
    assert [child.wait() for child in children] == [0] * 3
    must_be_gone(store, OTHER_ALONE)
    store.close()


def test_what_fits_into_one_transaction_goes_in_one(store_path, fork, monkeypatch):
    monkeypatch.setattr(delete, "_TURN_S", 3600.0)
    store = filled(store_path)
    before = the_set(store)
    assert killed_at_commit(fork, store_path, before.key, 1) == -signal.SIGKILL
    assert the_set(store) == before
    assert killed_at_commit(fork, store_path, before.key, 2) == 0
    must_be_gone(store, OTHER_ALONE)
    store.close()


def test_what_is_half_deleted_can_be_taken_in_from_elsewhere(
    store_path, tmp_path, fork, short_turns
):
    elsewhere, store = open_store(tmp_path / "elsewhere.db"), open_store(store_path)
    history = history_of(elsewhere, ended(elsewhere))
    first = store.import_job_set(history)
    assert killed_at_commit(fork, store_path, first.key, 3) == -signal.SIGKILL
    assert [left.job_set_id for left in store.half_deleted()] == [first.job_set_id]
    again = store.import_job_set(history)
    assert (again.job_set_id, again.n_jobs) == (first.job_set_id, first.n_jobs)
    assert store.half_deleted() == []
    elsewhere.close()
    store.close()
