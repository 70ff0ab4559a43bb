"""A copy of a store is read, and not driven while the original may be in use."""

from __future__ import annotations

import shutil

import pytest

from qiskit_job_manager.errors import StoreCopiedError, StoreCorruptError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import hand_over, the_set


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "original.db"
    store = open_store(path)
    hand_over(store, [["a"], ["b"]])
    store.close()
    return path


def test_the_original_is_the_original_however_often_it_is_opened(original):
    for _ in range(2):
        store = open_store(original)
        store.ensure_original()
        store.close()


def test_a_copy_with_unfinished_job_sets_can_be_read_and_not_driven(original, tmp_path):
    copy = shutil.copy(original, tmp_path / "copy.db")
    store = open_store(copy)
    with pytest.raises(StoreCopiedError, match=r"can be read.*JobManager.adopt_store"):
        store.ensure_original()
    assert [e.name for e in store.experiments(the_set(store).key)] == ["a", "b"]
    store.close()


def test_the_users_word_makes_a_copy_the_original(original, tmp_path):
    copy = shutil.copy(original, tmp_path / "copy.db")
    store = open_store(copy)
    store.adopt()
    store.ensure_original()
    store.close()
    again = open_store(copy)
    again.ensure_original()
    again.close()


def test_a_renamed_store_is_still_the_original(original, tmp_path):
    store = open_store(original.rename(tmp_path / "renamed.db"))
    store.ensure_original()
    store.close()


def test_a_copy_in_which_everything_has_ended_is_nobodys_rival(original, tmp_path):
    store = open_store(original)
    key = the_set(store).key
    token = store.claim(key, "driver")
    for job in store.jobs(key):
        from qiskit_job_manager.testing.store_samples import step

        assert store.advance(token, [step(store, job.index, JobState.PLANNED, JobState.CANCELLED)])
    store.close()
    copy = open_store(shutil.copy(original, tmp_path / "copy.db"))
    copy.ensure_original()
    copy.close()


def test_a_copy_that_was_made_in_mid_write_is_told_from_a_whole_one(original, tmp_path):
    data = bytearray(original.read_bytes())
    for page in range(4, len(data) // 4096):
        data[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    copy = tmp_path / "copy.db"
    copy.write_bytes(data)
    with pytest.raises(StoreCorruptError, match=r"copy it again|damaged|restore"):
        open_store(copy).ensure_original()
