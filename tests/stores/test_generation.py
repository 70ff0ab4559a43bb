"""A store that went back in time is noticed, and not driven before the user allows it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from qiskit_job_manager.errors import StoreOutdatedError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.stores.health import examine
from qiskit_job_manager.testing.store_samples import (
    create,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)


@pytest.fixture
def original(store_path):
    store = open_store(store_path)
    hand_over(store, [["a"], ["b"], ["c"]])
    submit(store, 0)
    store.close()
    return store_path


def submit(store, index):
    token = must_claim(store)
    assert store.advance(token, [submission(store, index, f"tag-{index}")]) == [True]
    store.release(token)


def backup(path, copy):
    """Copy a store as SQLite's backup does."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def put_back(copy, path):
    shutil.copyfile(copy, path)


def test_a_backup_that_was_put_back_is_read_and_not_driven(original, tmp_path):
    copy = backup(original, tmp_path / "backup")
    store = open_store(original)
    submit(store, 1)
    submit(store, 2)
    store.close()
    put_back(copy, original)
    assert examine(original).unknown_submissions == 2
    store = open_store(original)
    key = the_set(store).key
    assert [job.state for job in store.jobs(key)][1] == JobState.PLANNED
    for drive in (
        store.ensure_original,
        lambda: store.claim(key, "me"),
        lambda: store.create_job_set(draft("new"), "me"),
    ):
        with pytest.raises(
            StoreOutdatedError, match=r"last 2 submissions.*read.*JobManager.adopt_store"
        ):
            drive()
    store.close()


def test_the_users_word_makes_an_older_store_the_newest(original, tmp_path):
    copy = backup(original, tmp_path / "backup")
    store = open_store(original)
    submit(store, 1)
    store.close()
    put_back(copy, original)
    store = open_store(original)
    store.adopt()
    store.ensure_original()
    assert examine(original).unknown_submissions == 0
    submit(store, 1)
    store.close()
    put_back(copy, original)
    store = open_store(original)
    with pytest.raises(StoreOutdatedError):
        store.ensure_original()
    store.close()


@pytest.mark.parametrize("gone", ["store.db.locks", "data"])
def test_one_record_beside_the_store_is_enough(original, tmp_path, gone, data_folder):
    copy = backup(original, tmp_path / "backup")
    store = open_store(original)
    submit(store, 1)
    store.close()
    shutil.rmtree(data_folder if gone == "data" else tmp_path / gone)
    put_back(copy, original)
    store = open_store(original)
    with pytest.raises(StoreOutdatedError):
        store.ensure_original()
    store.close()


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data home"))
    return tmp_path / "data home"


def test_a_submission_is_recorded_before_it_leaves(original, tmp_path):
    """The backup is of the instant before the commit, and the process dies right after it."""
    copy = backup(original, tmp_path / "backup")
    store = open_store(original)
    token = must_claim(store)
    assert store.advance(token, [submission(store, 1, "tag")]) == [True]
    put_back(copy, original)
    other = open_store(original)
    with pytest.raises(StoreOutdatedError, match="last 1 submissions"):
        other.ensure_original()
    other.close()
    store.close()


def test_a_store_that_everything_is_known_of_is_driven(original, tmp_path):
    copy = backup(original, tmp_path / "backup")
    store = open_store(original)
    token = must_claim(store)
    there = step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r")
    assert store.advance(token, [there]) == [True]  # no submission: nothing can be paid twice
    store.change_tags(token.job_set_key, lambda _: ("later",))
    store.close()
    put_back(copy, original)
    store = open_store(original)
    store.ensure_original()
    submit(store, 1)
    store.close()


def test_a_refused_step_counts_for_nothing(original, tmp_path):
    copy = backup(original, tmp_path / "backup")
    store = open_store(original)
    stale = must_claim(store)
    store.release(stale)
    must_claim(store, "other")
    assert store.advance(stale, [submission(store, 1, "tag")]) == [False]
    store.close()
    put_back(copy, original)
    open_store(original).ensure_original()


def test_jobs_that_cost_nothing_are_not_counted(tmp_path):
    path = tmp_path / "store.db"
    store = open_store(path)
    create(store, draft(volatile=True))
    hand_over(store, [["a"], ["b"]])
    copy = backup(path, tmp_path / "backup")
    submit(store, 0)
    store.close()
    put_back(copy, path)
    open_store(path).ensure_original()


def test_several_processes_never_see_an_older_store_than_there_is(original, fork):
    def drive(number):
        def work(say):
            for turn in range(10):
                store = open_store(original)
                name = f"{number}-{turn}"
                made, token = store.create_job_set(draft(name), "me")
                hand_over_to(store, made, token)
                store.close()

        return work

    children = [fork(drive(number)) for number in range(3)]
    assert [child.wait() for child in children] == [0] * 3


def hand_over_to(store, made, token):
    from qiskit_job_manager.model import Advance, Blob, Block, EncodedBlock, PlannedJob
    from qiskit_job_manager.testing.store_samples import NOON, experiments

    block = Block(0, 1, (PlannedJob(0, 0, 1, None, 0, 1),))
    store.add_blocks(token, [EncodedBlock(block, experiments(["a"]), Blob("f", b""))])
    (job,) = store.jobs(made.key)
    intent = Advance(
        job_key=job.key,
        expected=JobState.PLANNED,
        after=JobState.SUBMITTING,
        event="submit",
        at=NOON,
        new_tag=f"tag {made.name}",
    )
    assert store.advance(token, [intent]) == [True]
