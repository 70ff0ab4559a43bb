"""Exports and imports beside another process that does something to the same job set."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, suppress

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.errors import (
    JobManagerError,
    JobManagerInvalidStateError,
    NameInUseError,
    StoreError,
)
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.stores import delete, imports, open_store
from qiskit_job_manager.stores.sql_store import SqlStore
from qiskit_job_manager.testing.store_samples import must_claim, step

READS = ("experiments", "experiment", "jobs_covering", "payload", "jobs", "attempts", "result")
READS += ("results", "events", "observations", "totals")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def location(request, store_path):
    return store_path if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


@pytest.fixture
def before_reads(monkeypatch):
    """Call a function before the reads of a store that have numbers, from 1."""

    def before(act, kinds=READS):
        for kind in kinds:
            monkeypatch.setattr(SqlStore, kind, _after(act, kind, getattr(SqlStore, kind)))

    return before


def _after(act, kind, original):
    def read(store, *said, **more):
        act(kind)
        return original(store, *said, **more)

    return read


# -- an export -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["archive", "json", "csv", "qpy"])
def test_a_set_that_is_deleted_during_its_export_leaves_no_file(
    manager, exported, before_reads, tmp_path, form
):
    seen, wanted = [], []

    def delete_at(kind):
        seen.append(kind)
        if wanted and seen.count(wanted[0]) == wanted[1]:
            wanted.clear()
            with JobManager(manager.store_url) as other:
                other.delete_job_set("sweep")

    before_reads(delete_at)
    job_set = manager.import_job_set(exported["archive"])
    seen.clear()
    job_set.export(tmp_path / "whole", form)
    times = {(kind, number) for kind in set(seen) for number in (1, seen.count(kind))}
    for time in sorted(times):
        seen.clear()
        wanted[:] = time
        with suppress(JobManagerError):
            manager.find("sweep").export(tmp_path / "part", form)
        assert not wanted, f"it was not deleted at {time}"
        assert not (tmp_path / "part").exists(), f"deleted at {time}, and written as if whole"
        manager.import_job_set(exported["archive"])


def test_the_table_of_a_set_that_is_deleted_meanwhile_is_not_cut_short(
    manager, exported, before_reads
):
    rows = manager.import_job_set(exported["archive"]).results_so_far().rows()
    read = iter(rows)
    next(read)
    manager.delete_job_set("sweep")
    with pytest.raises(JobManagerError, match="the job set was deleted"):
        list(read)


def test_jobs_that_are_sent_again_during_an_export_are_not_said_to_have_ended(
    manager, exported, before_reads, tmp_path, store_path
):
    job_set = manager.import_job_set(exported["archive"])

    done = []

    def send_again(_kind):
        if done:
            return
        done.append(True)
        with closing(open_store(store_path)) as store:
            token = must_claim(store)
            changed = step(store, 0, JobState.DONE, JobState.PLANNED)
            store.advance(token, [changed])
            store.release(token)

    before_reads(send_again, ["jobs"])
    with pytest.raises(JobManagerInvalidStateError, match="export it again"):
        job_set.export(tmp_path / "file")
    assert not (tmp_path / "file").exists()


# -- an import -------------------------------------------------------------------------------------


@pytest.fixture
def at_once(location, monkeypatch):
    """Import files in threads with stores of their own, which look for the set all at once."""

    def import_at_once(*said):
        barrier, told = threading.Barrier(len(said)), []

        def look_and_wait(*said, look=imports._refuse_known):
            look(*said)
            with suppress(threading.BrokenBarrierError):  # one may write at a time
                barrier.wait(0.3)

        def take(manager, path, name):
            try:
                manager.import_job_set(path, name)
            except Exception as error:  # noqa: BLE001  # judged by the test
                told.append(error)

        monkeypatch.setattr(imports, "_refuse_known", look_and_wait)
        with ExitStack() as stack:
            managers = [stack.enter_context(JobManager(location)) for _ in said]
            threads = [
                threading.Thread(target=take, args=(manager, *each))
                for manager, each in zip(managers, said, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(managers[0].job_sets()) == 1
        return told

    return import_at_once


def test_of_two_imports_of_one_file_one_is_told_that_the_set_is_there(at_once, exported):
    (told,) = at_once((exported["archive"], "one"), (exported["archive"], "two"))
    assert type(told) is StoreError
    assert "has the job set" in told.message
    assert "already, under the name" in told.message


def test_of_two_imports_under_one_name_one_is_told_that_the_name_is_taken(
    at_once, exported, elsewhere, scripted, circuits, tmp_path
):
    other = elsewhere.run(circuits, scripted(), name="other", shots=1)
    other.results(timeout=60)
    other_file = other.export(tmp_path / "other")
    (told,) = at_once((exported["archive"], "one"), (other_file, "one"))
    assert type(told) is NameInUseError
    assert "'one'" in told.message


def test_a_set_whose_deletion_begins_just_then_can_be_imported_again(
    manager, exported, monkeypatch, store_path
):
    before = source_of(manager.import_job_set(exported["archive"])).record
    monkeypatch.setattr(delete, "_TURN_S", 0.0)

    def half_deleted(store, look=SqlStore.half_deleted):
        found = look(store)
        monkeypatch.setattr(SqlStore, "half_deleted", look)
        with closing(open_store(store_path)) as other:
            token = must_claim(other)
            where = (other._database, token.job_set_key)
            assert not delete._Removal(*where, token, None).take_turn()
        return found

    monkeypatch.setattr(SqlStore, "half_deleted", half_deleted)
    after = manager.import_job_set(exported["archive"])
    assert after.job_set_id() == before.job_set_id
    assert after.results().success
    assert source_of(after).record.key != before.key
