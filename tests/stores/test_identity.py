"""A store is its database, not its name: locks and spools are found by its identity."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal

import pytest

from qiskit_job_manager.engine import Spool
from qiskit_job_manager.errors import StoreError, StoreNotWritableError
from qiskit_job_manager.model import RawResult
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import hand_over, must_claim, the_set


@pytest.fixture
def original(store_path):
    store = open_store(store_path)
    hand_over(store, [["a"], ["b"]])
    store.close()
    return store_path


def symlinked(path, folder):
    link = folder / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(path)
    return link


def in_a_linked_folder(path, folder):
    (folder / "linked").symlink_to(path.parent, target_is_directory=True)
    return folder / "linked" / path.name


def relative(path, _folder):
    return os.path.relpath(path)


def as_url(path, _folder):
    return f"sqlite:///{path}"


def hard_linked(path, folder):
    (folder / "hard").mkdir()
    os.link(path, folder / "hard" / "other.db")
    return folder / "hard" / "other.db"


def moved(path, folder):
    (folder / "moved").mkdir()
    return path.rename(folder / "moved" / "other.db")


NAMES = [symlinked, in_a_linked_folder, relative, as_url, hard_linked, moved]


@pytest.mark.parametrize("name", NAMES)
def test_one_driver_at_a_time_by_whatever_name_the_store_is_opened(name, original, tmp_path, fork):
    def drive(say):
        mine = open_store(original)
        must_claim(mine, "child")
        say("claimed")
        signal.pause()

    child = fork(drive)
    assert child.word() == "claimed"
    other = open_store(name(original, tmp_path))
    key = the_set(other).key
    assert other.driver(key) == "child"
    assert other.claim(key, "parent") is None
    child.kill()
    assert must_claim(other, "parent").owner == "parent"
    other.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_result_in_the_spool_is_found_by_whatever_name_the_store_is_opened(
    name, original, tmp_path
):
    store = open_store(original)
    must_claim(store)
    keep(Spool(*store.spool_folders), "tag-1")
    store.close()
    other = open_store(name(original, tmp_path))
    spool = Spool(*other.spool_folders)
    assert spool.take("tag-1") == RawResult("raw/1", b"precious")
    assert not spool.was_begun("tag-1")
    spool.forget("tag-1")
    assert spool.take("tag-1") is None
    other.close()


def test_a_spool_that_an_earlier_release_made_beside_a_link_is_found(original, tmp_path):
    link = symlinked(original, tmp_path)
    keep(Spool(link.with_name("link.db.spool")), "tag-1")
    store = open_store(link)
    assert Spool(*store.spool_folders).take("tag-1") == RawResult("raw/1", b"precious")
    store.close()


def test_a_copy_that_was_adopted_finds_the_spool_of_the_original(original, tmp_path):
    store = open_store(original)
    must_claim(store)
    keep(Spool(*store.spool_folders), "tag-1")
    store.close()
    copy = open_store(shutil.copy(original, tmp_path / "copy.db"))
    copy.adopt()
    assert Spool(*copy.spool_folders).take("tag-1") == RawResult("raw/1", b"precious")
    copy.close()


def test_stores_that_begin_alike_are_not_the_same(tmp_path):
    first, second = open_store(tmp_path / "1.db"), open_store(tmp_path / "2.db")
    assert not set(first.spool_folders) & set(second.spool_folders)
    for store in (first, second):
        must_claim(store)  # a set of the same id in each
        store.close()


def keep_by(spool):
    return lambda tag, _error: keep(spool, tag)


def keep(spool, tag):
    with spool.serving(tag) as ours, spool.reserved(tag) as part:
        assert ours
        spool.keep(tag, part, RawResult("raw/1", b"precious"))


# -- folders and files that others made -----------------------------------------------------------

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
NOBODY = 65534


@root
@pytest.mark.parametrize("side", ["store.db.locks", "store.db.spool"])
def test_a_folder_of_another_user_beside_the_store_is_refused(side, original, tmp_path):
    shutil.rmtree(tmp_path / side, ignore_errors=True)
    (tmp_path / side).mkdir()
    (tmp_path / side).chmod(0o777)
    os.chown(tmp_path / side, NOBODY, NOBODY)
    store = open_store(original)
    with pytest.raises(StoreNotWritableError, match=r"belongs to another user.*folder of your own"):
        must_claim(store)
    assert list((tmp_path / side).iterdir()) == []
    store.close()


@root
def test_a_store_in_the_hands_of_another_user_can_still_be_looked_at(original, tmp_path):
    holder = open_store(original)
    must_claim(holder)
    os.chown(tmp_path / "store.db.locks", NOBODY, NOBODY)
    store = open_store(original)
    assert store.driver(the_set(store).key) == "driver"
    store.close()
    holder.close()


@root
def test_a_file_of_another_user_in_the_spool_is_refused(tmp_path):
    spool = Spool(tmp_path / "spool")
    keep(spool, "tag-1")
    os.chown(tmp_path / "spool" / "tag-1.result", NOBODY, NOBODY)
    with pytest.raises(StoreNotWritableError, match="another user"):
        spool.take("tag-1")


@pytest.mark.parametrize("kind", ["lock", "part", "error"])
def test_nothing_is_written_through_a_link(kind, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("dear")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / f"tag-1.{kind}").symlink_to(victim)
    spool = Spool(tmp_path / "spool")
    write = spool.keep_error if kind == "error" else keep_by(spool)
    with pytest.raises(StoreNotWritableError, match="link"):
        write("tag-1", StoreError("why"))
    assert victim.read_text() == "dear"


def test_a_lock_is_not_taken_through_a_link(original, tmp_path):
    store = open_store(original)
    locks = tmp_path / "store.db.locks"
    shutil.rmtree(locks)
    locks.mkdir()
    (locks / f"{the_set(store).job_set_id}.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreNotWritableError, match="link"):
        must_claim(store)
    assert not (tmp_path / "victim").exists()
    store.close()


def test_a_folder_of_ours_that_is_open_to_others_is_closed(original, tmp_path):
    (tmp_path / "store.db.locks").chmod(0o777)
    store = open_store(original)
    must_claim(store)
    assert (tmp_path / "store.db.locks").stat().st_mode & 0o077 == 0
    store.close()


def test_a_data_folder_that_cannot_be_made_keeps_no_store_from_being_driven(
    original, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    store = open_store(original)
    must_claim(store)
    store.close()


def test_where_file_locks_do_not_work_the_error_says_so(original, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    store = open_store(original)
    with pytest.raises(StoreNotWritableError, match=r"locks do not work.*local disk"):
        must_claim(store)
    store.close()
