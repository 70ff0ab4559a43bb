"""Usage before and during a run, dry runs on the service, and deleting jobs there."""

from __future__ import annotations

import json
import logging

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import ibm as adapters
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerInvalidStateError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import JobState, Limits, RemoteState
from qiskit_job_manager.testing.ibm_service import Behaviour, Fate, Kind, Trouble

AT_ONCE = Limits(submissions_per_minute=10_000, pending_jobs=100)
SOON = "ibm:ibm_manila?listing_lag_s=0.05"


# -- what the instance may still use ---------------------------------------------------------------


def test_a_plan_says_what_is_used_and_whether_the_run_fits(ibm, adapter, manager, circuits):
    ibm.behaviour = Behaviour(usage_consumed_s=540.0, usage_limit_s=600.0)
    plan = manager.plan(circuits(4), adapter, 1, shots=20)
    assert (plan.allowance.used_s, plan.allowance.limit_s, plan.allowance.left_s) == (540, 600, 60)
    assert plan.allowance.has_room_for(plan.usage_s)
    assert not plan.allowance.has_room_for(60.5)


def test_a_plan_is_made_although_the_usage_cannot_be_asked_for(ibm, adapter, manager, circuits):
    ibm.script(Kind.USAGE, *[Trouble(status=429, code=1202)] * 9)
    assert manager.plan(circuits(1), adapter, shots=20).allowance is None


def test_a_run_that_does_not_fit_is_logged_before_it_is_sent(
    ibm, adapter, manager, circuits, caplog
):
    ibm.behaviour = Behaviour(usage_consumed_s=595.0, usage_limit_s=600.0)
    with caplog.at_level(logging.WARNING, "qiskit_job_manager"):
        manager.run(circuits(4), adapter, name="big", max_experiments_per_job=1, drive=False)
    [record] = [each for each in caplog.records if each.event == "does not fit"]
    assert "595.0 of 600.0 quantum seconds are used" in record.getMessage()
    assert "'big' is estimated to use 13.7 s more" in record.getMessage()
    assert not ibm.books().submissions


def test_a_run_that_fits_is_not_logged(ibm, adapter, manager, circuits, caplog):
    with caplog.at_level(logging.WARNING, "qiskit_job_manager"):
        manager.run(circuits(4), adapter, max_experiments_per_job=1, drive=False)
    assert not caplog.records


# -- while it runs ---------------------------------------------------------------------------------


def test_a_running_job_says_how_long_it_was_on_the_qpu(ibm, adapter, manager, circuits, wait_until):
    """Preparing it on the service does not count."""
    ibm.behaviour = Behaviour(running_s=3600.0, preparing_s=0.0)
    job_set = manager.run(circuits(1), adapter, shots=20, limits=AT_ONCE)
    [job] = job_set.managed_jobs()
    wait_until(lambda: "s on the QPU so far" in job.detail)
    assert job.detail.startswith("running")


def test_a_job_that_is_being_prepared_has_no_time_on_the_qpu(
    ibm, adapter, manager, circuits, wait_until
):
    ibm.behaviour = Behaviour(running_s=3600.0, preparing_s=3600.0)
    job_set = manager.run(circuits(1), adapter, shots=20, limits=AT_ONCE)
    [job] = job_set.managed_jobs()
    wait_until(lambda: job.detail == "running, no time on the QPU yet")


def test_a_running_job_is_followed_although_its_metrics_cannot_be_read(
    ibm, adapter, send, wait_until
):
    ibm.behaviour = Behaviour(running_s=3600.0)
    ibm.script(Kind.METRICS, *[Trouble(status=404, code=1291)] * 9)
    remote_id = send()
    wait_until(lambda: adapter.statuses([remote_id])[remote_id].state is RemoteState.RUNNING)


# -- dry runs --------------------------------------------------------------------------------------


def test_the_service_is_asked_what_a_run_would_use(ibm, adapter, manager, circuits):
    plan = manager.plan(circuits(6), adapter, 2, shots=20, ask_service=True)
    assert plan.service.jobs == (0, 1, 2)
    assert plan.service.usage_s == pytest.approx(3.0)
    books = ibm.books()
    assert {each.backend for each in books.submissions} == {"mock_manila"}
    assert sorted(books.deleted) == sorted(each.job_id for each in books.submissions)
    assert manager.job_sets() == []


def test_of_many_jobs_some_are_tried_and_the_others_are_estimated(ibm, adapter, manager, circuits):
    plan = manager.plan(circuits(21), adapter, 1, shots=20, ask_service=True)
    assert plan.service.jobs == (0, 5, 10, 15, 20)
    assert plan.service.usage_s == pytest.approx(21.0)
    assert len(ibm.books().submissions) == 5


def test_a_job_that_the_service_refuses_in_its_dry_run_is_named(ibm, adapter, manager, circuits):
    ibm.tell(Fate.RUNS, Fate.FAILS)
    match = r"job 1 \(experiments 2 to 3\): the service refused.*control electronics"
    with pytest.raises(SubmissionRefusedError, match=match):
        manager.plan(circuits(4), adapter, 2, shots=20, ask_service=True)


def test_a_backend_without_a_stand_in_says_so(ibm, new_service, manager, circuits):
    ibm.behaviour = Behaviour(has_mocks=False)
    adapter = adapters.adapted(new_service.backend("ibm_manila"))
    with pytest.raises(SubmissionRefusedError, match=r"no dry run is possible.*mock_manila"):
        manager.plan(circuits(1), adapter, shots=20, ask_service=True)


def test_a_dry_run_that_does_not_end_in_time_is_given_up(
    ibm, adapter, manager, circuits, monkeypatch
):
    from qiskit_job_manager.backends.ibm import submit

    monkeypatch.setattr(submit, "DRY_RUN_WITHIN_S", 0.05)
    ibm.behaviour = Behaviour(service_time_s=3600.0)
    with pytest.raises(TransientBackendError, match="has not ended within"):
        manager.plan(circuits(1), adapter, shots=20, ask_service=True)
    assert ibm.books().deleted


def test_a_backend_that_has_no_dry_runs_says_so(manager, circuits):
    with pytest.raises(InvalidArgumentError, match="'basic_simulator' has no dry runs"):
        manager.plan(circuits(1), "basic", shots=20, ask_service=True)


# -- deleting on the service -----------------------------------------------------------------------


@pytest.fixture
def done(ibm, adapter, manager, circuits):
    job_set = manager.run(
        circuits(4), adapter, name="old", max_experiments_per_job=2, shots=20, limits=AT_ONCE
    )
    assert job_set.results(timeout=60).success
    assert job_set.wait_for_search(60)
    return job_set


def test_jobs_are_deleted_on_the_service_with_their_job_set(ibm, manager, done):
    sent = {each.job_id for each in ibm.books().submissions}
    done.delete(remote=True)
    assert set(ibm.books().deleted) == sent
    assert manager.job_sets() == []


def test_without_remote_the_service_keeps_them(ibm, manager, done):
    done.delete()
    assert not ibm.books().deleted


def test_a_job_that_is_gone_from_the_service_is_no_obstacle(ibm, adapter, manager, done):
    adapter.delete(ibm.books().submissions[0].job_id)
    done.delete(remote=True)
    assert len(ibm.books().deleted) == 2
    assert manager.job_sets() == []


def test_a_service_that_cannot_delete_now_leaves_the_store_as_it_is(ibm, manager, done):
    ibm.script(Kind.DELETE, Trouble(status=429, code=1202))
    with pytest.raises(TransientBackendError, match="answer to deleting"):
        done.delete(remote=True)
    assert manager.find("old").results().success


def test_duplicates_are_deleted_too(ibm, adapter, manager, circuits):
    ibm.behaviour = Behaviour(service_time_s=0.5)
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True))
    job_set = manager.run(circuits(1), adapter, shots=20)
    assert job_set.results(timeout=60).success
    job_set.delete(remote=True)
    assert len(set(ibm.books().deleted)) == 2


def test_a_backend_that_deletes_no_jobs_says_so_and_nothing_is_deleted(manager, circuits):
    from qiskit_job_manager.clock import SystemClock
    from qiskit_job_manager.testing import ScriptedBackend

    job_set = manager.run(circuits(1), ScriptedBackend(SystemClock()), name="kept", shots=20)
    job_set.results(timeout=30)
    with pytest.raises(JobManagerInvalidStateError, match="cannot delete jobs"):
        job_set.delete(remote=True)
    assert [each.name() for each in manager.job_sets()] == ["kept"]


def test_the_jobs_of_a_simulator_are_nowhere_else(manager, circuits):
    job_set = manager.run(circuits(1), "basic", shots=20)
    job_set.results(timeout=30)
    job_set.delete(remote=True)
    assert manager.job_sets() == []


def test_a_job_set_whose_backend_cannot_be_opened_is_not_half_deleted(ibm, manager, done):
    with pytest.raises(JobManagerInvalidStateError, match="cannot be opened by name"):
        manager.delete_job_set("old", remote=True)
    assert manager.find("old").results().success
    assert not ibm.books().deleted


# -- on the command line ---------------------------------------------------------------------------


@pytest.fixture
def qjm(ibm, account, store_path, tmp_path, circuits):
    """Runs a command on a store of its own; returns what it printed."""
    from qiskit import qasm3
    from typer.testing import CliRunner

    from qiskit_job_manager.cli.app import app

    folder = tmp_path / "circuits"
    folder.mkdir()
    for circuit in circuits(2):
        (folder / f"{circuit.name}.qasm").write_text(qasm3.dumps(circuit))

    def run(*words):
        words = [str(folder) if word == "FOLDER" else word for word in words]
        done = CliRunner().invoke(app, ["--store", str(store_path), *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_a_dry_run_on_the_service_from_the_command_line(ibm, qjm):
    said = qjm("run", "FOLDER", "--backend", SOON, "--shots", "20", "--dry-run=service")
    assert "1.0 (by the service, 1 dry run)" in said
    assert "0.0 of 600.0 quantum seconds are used in this period" in said
    ibm.behaviour = Behaviour(usage_consumed_s=599.5)
    said = qjm("run", "FOLDER", "--backend", SOON, "--dry-run")
    assert "used in this period; this does not fit" in said
    said = json.loads(qjm("run", "FOLDER", "--backend", SOON, "--dry-run=service", "--json"))
    assert said["allowance"] == {"used_s": 599.5, "limit_s": 600.0}
    assert said["service"] == {"jobs": [0], "usage_s": 1.0}
    assert {each.backend for each in ibm.books().submissions} == {"mock_manila"}


def test_deleting_on_the_service_from_the_command_line(ibm, qjm, store_path, circuits):
    with JobManager(store_path) as manager:
        job_set = manager.run(circuits(2), SOON, name="old", shots=20, limits=AT_ONCE)
        assert job_set.results(timeout=60).success
        assert job_set.progress().jobs == {JobState.DONE: 1}
    qjm("delete", "old", "--remote", "--yes")
    assert len(ibm.books().deleted) == 1
