"""What another process does between the look and the act: neither is lost, or one is told."""

from __future__ import annotations

import threading

import pytest

from qiskit_job_manager import JobManager, JobManagerInvalidStateError, NameInUseError
from qiskit_job_manager.job_set import settings
from qiskit_job_manager.stores.sql_store import SqlStore


@pytest.fixture
def other(store_path):
    """A manager of its own on the same store, as of another process."""
    with JobManager(store_path) as manager:
        yield manager


@pytest.fixture
def ran(manager, aer, circuits):
    job_set = manager.run(circuits(2), aer, "sweep", max_experiments_per_job=1, shots=1)
    job_set.results(timeout=60)
    return job_set


@pytest.fixture
def once_before(monkeypatch):
    """Do something once, just before a call of a store."""

    def once_before(name, act):
        original = getattr(SqlStore, name)

        def call(store, *said, **more):
            monkeypatch.setattr(SqlStore, name, original)
            act()
            return original(store, *said, **more)

        monkeypatch.setattr(SqlStore, name, call)

    return once_before


def test_two_that_add_a_tag_at_once_add_both(ran, other, monkeypatch):
    updated = settings.updated_tags
    second = threading.Thread(
        target=lambda: other.find("sweep").update_tags(additional_tags=["second"])
    )

    def update(*said):
        found = updated(*said)
        if threading.current_thread() is threading.main_thread():
            second.start()
            second.join(0.3)  # it may have to wait for this one
        return found

    monkeypatch.setattr(settings, "updated_tags", update)
    ran.update_tags(additional_tags=["first"])
    second.join()
    assert set(ran.tags()) == {"first", "second"}


def test_what_is_added_just_before_a_deletion_is_not_deleted(
    ran, other, aer, circuits, once_before
):
    def extend():
        how = {"max_experiments_per_job": 1, "shots": 1, "if_exists": "extend", "drive": False}
        other.run(circuits(3), aer, "sweep", **how)

    once_before("claim", extend)
    with pytest.raises(JobManagerInvalidStateError, match="nothing was deleted"):
        ran.delete()
    assert other.find("sweep").n_experiments == 3
    assert ran.results(timeout=60).success
    ran.delete()
    assert other.job_sets() == []


def test_a_job_that_is_sent_again_just_before_a_deletion_keeps_its_result(
    manager, other, aer, circuits, once_before
):
    job_set = manager.run(circuits(1), aer, "sweep", shots=1, drive=False)
    job_set.cancel()

    def send():
        again = other.retrieve_job_set("sweep", backend=aer)
        again.retry(cancelled=True)
        assert again.wait(60)

    once_before("claim", send)
    with pytest.raises(JobManagerInvalidStateError, match="nothing was deleted"):
        job_set.delete()
    assert other.find("sweep").results().success


def test_experiments_whose_source_is_deleted_meanwhile_are_run(ran, manager, other, aer, circuits):
    calls = []

    def delete_source():
        calls.append("deleted")
        other.delete_job_set("sweep")

    how = {"max_experiments_per_job": 1, "shots": 1, "reuse": "sweep", "reuse_random": True}
    read = SqlStore.result

    def result(store, job_key):
        found = read(store, job_key)
        if not calls:
            delete_source()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlStore, "result", result)
        again = manager.run(circuits(2), aer, "again", **how)
    assert calls == ["deleted"]
    assert again.results(timeout=60).success


# -- names -----------------------------------------------------------------------------------------


@pytest.fixture
def begin_group(other, circuits):
    """Begin a run on several backends under a name."""

    def begin_group(name):
        return other.run(circuits(2), ["basic", "aer"], name=name, shots=1, drive=False)

    return begin_group


@pytest.mark.parametrize("if_exists", ["error", "resume", "extend"])
def test_a_group_that_takes_the_name_just_before_a_run_keeps_it(
    manager, begin_group, aer, circuits, once_before, if_exists
):
    once_before("create_job_set", lambda: begin_group("taken"))
    with pytest.raises(NameInUseError, match="by a run on several backends"):
        manager.run(circuits(1), aer, "taken", shots=1, if_exists=if_exists)
    assert manager.find_group("taken").n_experiments == 2
    assert manager.job_sets(name="taken") == []


def test_a_job_set_that_takes_the_name_just_before_a_group_keeps_it(
    manager, begin_group, other, aer, circuits, once_before
):
    once_before("begin_group", lambda: manager.run(circuits(1), aer, "taken", shots=1))
    with pytest.raises(NameInUseError, match="by a job set, which runs on one backend"):
        begin_group("taken")
    assert manager.groups() == []
    assert manager.find("taken").results(timeout=60).success


def test_no_job_set_gets_the_name_of_a_group(ran, manager, begin_group, tmp_path):
    begin_group("taken")
    file = ran.export(tmp_path / "file")
    with pytest.raises(NameInUseError, match="by a run on several backends"):
        ran.update_name("taken")
    assert ran.name() == "sweep"
    ran.delete()
    with pytest.raises(NameInUseError, match="by a run on several backends"):
        manager.import_job_set(file, "taken")
    assert manager.import_job_set(file).name() == "sweep"


def test_a_group_is_not_deleted_while_its_script_may_place_more(manager, circuits):
    script_goes_on = threading.Event()
    placing = threading.Event()

    def streamed():
        yield from circuits(1)
        placing.set()
        assert script_goes_on.wait(60)
        yield from circuits(1, qubits=2)

    def script():
        manager.run(streamed(), ["basic", "aer"], name="streamed", shots=1, place="spread")

    thread = threading.Thread(target=script)
    thread.start()
    assert placing.wait(60)
    group = manager.find_group("streamed")
    with pytest.raises(JobManagerInvalidStateError, match="its script may still be running"):
        group.delete()
    script_goes_on.set()
    thread.join()
    assert group.results(timeout=60).success
    group.delete()
    assert (manager.groups(), manager.job_sets()) == ([], [])
