"""Experiments that drifted are run again, each once, and nothing else is."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

from qiskit_job_manager import (
    InvalidArgumentError,
    InvalidExperimentError,
    JobManager,
    JobManagerInvalidStateError,
    Limits,
    NameInUseError,
    RetryPolicy,
)
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.manager import pacing
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results import source_of
from qiskit_job_manager.stores import delete
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.cloud_service import Books, CloudProcess, Deed, Faults

pytestmark = pytest.mark.usefixtures("short_polls")


@pytest.fixture
def store_path(request, tmp_path):
    """Where the store is: a file, unless a test asks for a server."""
    is_server = getattr(request, "param", "sqlite") == "postgresql"
    return request.getfixturevalue("postgresql_url") if is_server else tmp_path / "store.db"


@pytest.fixture
def device():
    return ScriptedBackend(SystemClock(), Capabilities())


@pytest.fixture
def sweep(manager, device, on, recalibrate):
    """A job set with five experiments, of which the second, the third and the fourth drifted."""

    def sweep(circuits=None, backend=device, **how):
        given = circuits or [on(0), on(1), on(2), on(1, "again"), on(4)]
        made = manager.run(given, backend, name="sweep", shots=10, **how)
        assert made.results(timeout=60).success
        recalibrate("sweep")
        return made

    return sweep


def origins(job_set):
    """The experiments that a job set runs again."""
    found = [job_set.circuit(i).metadata["drifted_from"] for i in range(len(job_set))]
    return [int(each.partition("/")[2]) for each in found]


def names(job_set):
    return [each.name for each in job_set]


def n_sent(device):
    return len(device.ledger.accepted)


# -- what is run again -----------------------------------------------------------------------------


def test_what_drifted_is_run_again_in_a_job_set_of_its_own(sweep, device):
    first = sweep()
    before = [first.results().get_counts(i) for i in range(5)]
    again = first.retry(where="drifted")
    assert again.results(timeout=60).success
    assert (again.name(), names(again)) == ("sweep (drifted)", ["on 1", "on 2", "again"])
    assert origins(again) == [1, 2, 3]
    assert first.job_set_id() in again.note
    assert [first.results().get_counts(i) for i in range(5)] == before
    assert len(first) == 5


def test_it_has_the_settings_of_the_first_one(sweep, manager):
    limits = Limits(experiments_per_job=2, pending_jobs=3)
    how = {"limits": limits, "retry": RetryPolicy(max_attempts=2), "job_tags": ["lab"]}
    first = sweep(max_usage_s=50.0, memory=True, **how)
    first.update_tags(additional_tags=["paper"])
    again = first.retry(where="drifted")
    now, then = source_of(again).record, source_of(first).record
    for each in ("backend_name", "options", "limits", "retry", "tags", "max_usage_s", "transpile"):
        assert getattr(now, each) == getattr(then, each), each
    assert now.tags == ("lab", "paper")
    assert again.n_jobs == 2


def test_what_moved_alone_can_be_chosen_and_the_threshold_holds(sweep):
    first = sweep()
    assert origins(first.retry(where="moved")) == [1, 3]
    assert origins(first.retry(where="moved", threshold=0.2)) == [1, 3, 2]


def test_the_circuit_that_was_handed_over_finds_both_results(sweep, on):
    first = sweep([on(1, note="mine"), on(0)])
    again = first.retry(where="drifted")
    again.results(timeout=60)
    assert again.circuit(on(1)).metadata["note"] == "mine"
    assert again.circuit(on(1)).metadata["drifted_from"] == f"{first.job_set_id()}/0"
    assert [each.content_hash for each in again] == [next(iter(first)).content_hash]


def test_transpiled_circuits_are_sent_as_they_were_and_found_by_the_originals(manager, recalibrate):
    device = GenericBackendV2(5, seed=1)
    original = QuantumCircuit(1, 1, name="flip")
    original.h(0)
    original.measure(0, 0)
    layout = {"initial_layout": [1], "basis_gates": ["rz", "sx"]}
    first = manager.run(
        [original], device, name="sweep", shots=10, transpile=layout, volatile=False
    )
    assert first.results(timeout=60).success
    recalibrate("sweep")
    again = first.retry(where="drifted")
    assert again.results(timeout=60).success
    sent, sent_before = again.circuit(0), first.circuit(0)
    assert sent == sent_before
    assert sent.layout.final_index_layout() == sent_before.layout.final_index_layout() == [1]
    assert again.results().get_counts(original).keys() <= {"0", "1"}
    assert [each.content_hash for each in again] == [each.content_hash for each in first]


def test_shots_that_were_split_are_split_again(sweep, on):
    backend = ScriptedBackend(SystemClock(), Capabilities(), limits=Limits(shots_per_experiment=4))
    first = sweep([on(1)], backend)
    again = first.retry(where="drifted")
    assert again.results(timeout=60).success
    assert (first.n_jobs, again.n_jobs) == (3, 3)
    assert sum(again.results().get_counts(0).values()) == 10


# -- once ------------------------------------------------------------------------------------------


def test_a_second_call_returns_the_same_job_set_and_sends_nothing(sweep, device, manager):
    first = sweep()
    again = first.retry(where="drifted")
    again.results(timeout=60)
    sent = n_sent(device)
    first.update_name("other")
    again.update_name("mine")
    more = first.retry(where="drifted", threshold=0.1)
    assert more.results(timeout=60).success
    assert (more.job_set_id(), more.name(), origins(more)) == (
        again.job_set_id(),
        "mine",
        [1, 2, 3],
    )
    assert n_sent(device) == sent


def test_what_drifted_twice_has_a_job_set_of_the_second(sweep, recalibrate):
    again = sweep().retry(where="moved")
    assert again.results(timeout=60).success
    recalibrate(again.name())
    third = again.retry(where="moved")
    assert third.results(timeout=60).success
    assert third.name() == "sweep (drifted) (drifted)"
    assert origins(third) == [0, 1]
    assert third.circuit(0).metadata["drifted_from"] == f"{again.job_set_id()}/0"


def test_a_name_that_is_in_use_is_left_alone(sweep, manager, device, on):
    theirs = manager.run([on(1)], device, name="sweep (drifted)", shots=10)
    theirs.results(timeout=60)
    first = sweep()
    planned = first.plan_retry("drifted").name
    again = first.retry(where="drifted")
    assert again.name() == planned == f"sweep (drifted)-{first.job_set_id()[:8]}"
    assert len(theirs) == 1
    assert first.retry(where="drifted").job_set_id() == again.job_set_id()


def test_where_both_names_are_in_use_it_is_said(sweep, manager, device, on):
    first = sweep()
    for name in ("sweep (drifted)", f"sweep (drifted)-{first.job_set_id()[:8]}"):
        manager.run([on(1)], device, name=name, shots=10).results(timeout=60)
    with pytest.raises(NameInUseError, match="already: choose another name, or delete or rename"):
        first.retry(where="drifted")


@pytest.mark.parametrize("store_path", ["sqlite", "postgresql"], indirect=True)
def test_managers_that_ask_at_once_run_each_experiment_once(
    sweep, store_path, device, on, monkeypatch
):
    monkeypatch.setattr(pacing, "_BLOCKS_AT_ONCE", 1)
    sweep([on(1, f"c{i}") for i in range(12)], max_experiments_per_job=1)
    sent, gate, found = n_sent(device), threading.Barrier(4), []

    def ask(threshold):
        with JobManager(store_path) as manager:
            first = manager.retrieve_job_set("sweep", device)
            gate.wait(60)
            again = first.retry(where="moved", threshold=threshold)
            assert again.results(timeout=60).success
            found.append(again.job_set_id())

    asking = [threading.Thread(target=ask, args=(0.1 * n,)) for n in range(1, 5)]
    for each in asking:
        each.start()
    for each in asking:
        each.join(120)
    assert (len(found), len(set(found))) == (4, 1)
    with JobManager(store_path) as manager:
        assert sorted(origins(manager.find("sweep (drifted)"))) == list(range(12))
    assert n_sent(device) == sent + 12


PROGRAM = textwrap.dedent(
    """
    import sys
    from qiskit_job_manager import JobManager

    with JobManager(sys.argv[1]) as manager:
        first = manager.find("sweep")
        print("ready", flush=True)
        sys.stdin.readline()
        again = first.retry(where="drifted")
        assert again.results(timeout=90).success and again.n_experiments == 8
        print(again.job_set_id())
    """
)


@pytest.mark.parametrize("store_path", ["sqlite", "postgresql"], indirect=True)
def test_processes_that_ask_at_once_pay_once(tmp_path, store_path, on, recalibrate):
    with CloudProcess(tmp_path / "ledger", Faults()) as cloud:
        uri = f"cloud:http://{cloud.address}?variant=findable"
        with JobManager(store_path) as manager:
            first = manager.run([on(1, f"c{i}") for i in range(8)], uri, "sweep", 1, shots=10)
            assert first.results(timeout=60).success
        recalibrate("sweep")
        command = [sys.executable, "-c", PROGRAM, str(store_path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started = [subprocess.Popen(command, **pipes) for _ in range(3)]
        assert [each.stdout.readline() for each in started] == ["ready\n"] * 3
        for each in started:
            each.stdin.write("go\n")
            each.stdin.flush()
        said = [each.communicate(timeout=120)[0] for each in started]
    assert [each.returncode for each in started] == [0, 0, 0]
    assert len(set(said)) == 1
    assert len(Books.read(tmp_path / "ledger").of(Deed.ACCEPTED)) == 16


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from qiskit_job_manager import JobManager
    from qiskit_job_manager.manager import pacing
    from qiskit_job_manager.stores.sql_store import SqlStore

    pacing._BLOCKS_AT_ONCE, left = 1, int(sys.argv[2])

    def dying(real):
        def step(*args, **how):
            global left
            found = real(*args, **how)
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found
        return step

    SqlStore.create_job_set = dying(SqlStore.create_job_set)
    SqlStore.extend_job_set = dying(SqlStore.extend_job_set)
    with JobManager(sys.argv[1]) as manager:
        manager.find("sweep").retry(where="drifted")
    """
)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_that_was_killed_between_two_steps_is_asked_again(
    tmp_path, store_path, on, recalibrate, steps
):
    with CloudProcess(tmp_path / "ledger", Faults()) as cloud:
        uri = f"cloud:http://{cloud.address}?variant=findable"
        with JobManager(store_path) as manager:
            first = manager.run([on(1, f"c{i}") for i in range(3)], uri, "sweep", 1, shots=10)
            assert first.results(timeout=60).success
        recalibrate("sweep")
        command = [sys.executable, "-c", KILLED, str(store_path), str(steps)]
        assert subprocess.run(command, timeout=120, check=False).returncode == -9
        with JobManager(store_path) as manager:
            assert len(manager.find("sweep (drifted)")) == steps
            again = manager.find("sweep").retry(where="drifted")
            assert again.results(timeout=60).success
            assert origins(again) == [0, 1, 2]
    assert len(Books.read(tmp_path / "ledger").of(Deed.ACCEPTED)) == 6


def test_resume_of_the_same_script_goes_on_as_before(sweep, manager, device, on):
    first = sweep([on(1), on(0)])
    first.retry(where="drifted").results(timeout=60)
    sent = n_sent(device)
    resumed = manager.run([on(1), on(0)], device, name="sweep", shots=10, if_exists="resume")
    assert resumed.results(timeout=60).success
    assert (resumed.job_set_id(), n_sent(device)) == (first.job_set_id(), sent)


def test_what_was_deleted_is_run_again_and_what_is_half_deleted_is_said(
    sweep, device, monkeypatch, manager
):
    first = sweep(max_experiments_per_job=1)
    first.retry(where="drifted").results(timeout=60)
    first.retry(where="drifted").delete()
    again = first.retry(where="drifted")
    assert again.results(timeout=60).success
    sent = n_sent(device)

    def interrupt(_removal):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(delete, "_TURN_S", 0.0)
        patched.setattr(delete, "_PARTS", tuple((page, 1) for page, _ in delete._PARTS))
        patched.setattr(delete._Removal, "give_way", interrupt)
        with pytest.raises(KeyboardInterrupt):
            again.delete()
    with pytest.raises(JobManagerInvalidStateError, match="is half deleted"):
        first.retry(where="drifted")
    assert n_sent(device) == sent
    manager.delete_job_set(again.job_set_id())
    assert first.retry(where="drifted").results(timeout=60).success


# -- what is not run -------------------------------------------------------------------------------


def test_what_is_not_known_is_said_and_not_run(sweep, caplog):
    with caplog.at_level(logging.WARNING):
        again = sweep().retry(where="drifted")
    assert 4 not in origins(again)
    [said] = [each for each in caplog.records if getattr(each, "event", "") == "drift unknown"]
    assert "leaves out 1 experiment" in said.message
    assert "sx on 4" in said.message


def test_where_nothing_drifted_nothing_is_run(sweep, device, on, caplog, manager):
    first = sweep([on(0)])
    sent = n_sent(device)
    with caplog.at_level(logging.WARNING):
        assert first.retry(where="drifted") is None
    assert [each.event for each in caplog.records if hasattr(each, "event")] == ["nothing to retry"]
    assert (n_sent(device), len(manager.job_sets())) == (sent, 1)


def test_simulators_say_that_they_have_no_drift_and_what_would_be_right(manager, on):
    made = manager.run([on(1)], "aer", name="here", shots=10)
    made.results(timeout=60)
    with pytest.raises(JobManagerInvalidStateError, match=r"'here' ran on .*simulator.*service"):
        made.retry(where="drifted")
    with pytest.raises(JobManagerInvalidStateError, match="simulator"):
        made.plan_retry("drifted")


def test_circuits_that_the_device_takes_no_longer_stop_all_before_any_is_sent(
    sweep, device, monkeypatch, manager
):
    first, sent = sweep(), n_sent(device)

    def check(experiment, index, options):
        if experiment.name == "again":
            raise InvalidExperimentError(f"experiment {index} ({experiment.name!r}): no sx on 1")

    monkeypatch.setattr(device, "check", check, raising=False)
    with pytest.raises(InvalidExperimentError, match="experiment 3 \\('again'\\)"):
        first.retry(where="drifted")
    assert (n_sent(device), len(manager.job_sets())) == (sent, 1)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"where": "drift"}, "Did you mean 'drifted'"),
        ({"where": "drifted", "threshold": -1}, "a number from 0"),
        ({"where": "drifted", "cancelled": True}, "give one of the two"),
        ({"where": "drifted", "states": "failed"}, "give one of the two"),
        ({"threshold": 0.2}, "it belongs to where='drifted'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(sweep, how, words):
    with pytest.raises(InvalidArgumentError, match=words):
        sweep().retry(**how)


def test_failed_jobs_are_sent_again_as_before(sweep, caplog):
    assert sweep().retry() is None
    assert "found no job that is failed or lost" in caplog.text


# -- before it is run ------------------------------------------------------------------------------


def test_the_plan_says_what_would_run_and_stores_nothing(sweep, device, manager):
    first, sent = sweep(), n_sent(device)
    planned = first.plan_retry("drifted")
    assert [each.experiment for each in planned.experiments] == [1, 2, 3]
    assert (planned.n_run_again, planned.n_unknown) == (0, 1)
    assert "sx on 4" in planned.why_unknown
    assert (planned.name, planned.plan.n_experiments) == ("sweep (drifted)", 3)
    assert planned.plan.executions == 30
    assert (n_sent(device), len(manager.job_sets())) == (sent, 1)
    first.retry(where="moved").results(timeout=60)
    planned = first.plan_retry("drifted")
    assert [each.experiment for each in planned.experiments] == [2]
    assert planned.n_run_again == 2
    first.retry(where="drifted").results(timeout=60)
    assert (first.plan_retry("drifted").experiments, first.plan_retry("drifted").plan) == ((), None)
