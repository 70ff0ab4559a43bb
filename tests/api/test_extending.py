"""``if_exists="extend"``: what a job set does not have is added to it and run, by its content."""

from __future__ import annotations

import logging
import threading
import time

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.quantum_info import SparsePauliOp
from sqlalchemy import create_engine, text

from qiskit_job_manager import JobManager, NameInUseError, RetryPolicy
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    InvalidExperimentError,
    LeaseLostError,
)
from qiskit_job_manager.exchange.export_source import ExportSource
from qiskit_job_manager.lifecycle import decisions
from qiskit_job_manager.manager import pacing
from qiskit_job_manager.model import JobState, Limits, RemoteState, RemoteStatus, RequestKind
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing import Call, JobStory, Raise, ScriptedBackend

REMOTE = Capabilities()
RUNNING = JobStory((RemoteStatus(RemoteState.RUNNING),))
DONE = RemoteStatus(RemoteState.DONE)
ERROR = RemoteStatus(RemoteState.ERROR, message="too warm")


@pytest.fixture(autouse=True)
def _asked_often(monkeypatch):
    monkeypatch.setattr(decisions, "_REMOTE_POLL_S", (0.01, 0.1))


@pytest.fixture
def backend():
    return ScriptedBackend(SystemClock(), REMOTE)


@pytest.fixture
def extend(manager, backend):
    """Hand experiments over to the set ``"sweep"``, each in a job of its own."""

    def extend(experiments, to=backend, by=manager, **how):
        how = {"name": "sweep", "if_exists": "extend", "max_experiments_per_job": 1} | how
        return by.run(experiments, to, **how)

    return extend


def names(job_set):
    return [experiment.name for experiment in job_set]


def states(job_set):
    return dict(job_set.progress().jobs)


def wait_until(condition, within_s=30.0):
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "the condition did not come true"
        time.sleep(0.002)


def sent(backend):
    return len(backend.ledger.accepted)


def finish(backend, status=DONE):
    for submission in backend.ledger.accepted:
        backend.finish(submission.remote_id, status)


# -- what is new -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [list, iter])
def test_only_what_is_new_is_run_whatever_the_order(extend, backend, circuits, form):
    c = circuits(8)
    assert extend(form(c[:5])).results(timeout=60).success
    before = [extend(c[:5]).results(timeout=60).get_counts(each) for each in c[:5]]
    job_set = extend(form([c[7], c[2], c[0], c[5], c[1], c[4], c[3], c[6]]))
    results = job_set.results(timeout=60)
    assert results.success
    assert names(job_set) == ["c0", "c1", "c2", "c3", "c4", "c7", "c5", "c6"]
    assert [results.get_counts(each) for each in c[:5]] == before
    assert all(results.get_counts(each) for each in c[5:])
    assert sent(backend) == 8
    assert len({submission.tag for submission in backend.ledger.accepted}) == 8


def test_the_same_list_again_adds_nothing(extend, backend, circuits):
    extend(circuits(3)).results(timeout=60)
    job_set = extend(circuits(3))
    assert job_set.results(timeout=60).success
    assert (job_set.n_experiments, sent(backend)) == (3, 3)
    assert [event for event in job_set.events() if event.event == "extended"] == []


def test_what_was_left_out_stays_and_is_said(extend, circuits, caplog):
    extend(circuits(4)).results(timeout=60)
    job_set = extend([*circuits(6)[1:2], *circuits(6)[4:]])
    (said,) = [each.getMessage() for each in caplog.records if "left out" in each.getMessage()]
    assert "3 experiments" in said
    assert "experiment 0 ('c0')" in said
    assert names(job_set) == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert job_set.results(timeout=60).success


@pytest.mark.parametrize("form", [list, iter])
def test_equal_circuits_are_counted(extend, backend, circuits, form):
    (c,) = circuits(1)
    extend(form([c] * 2)).results(timeout=60)
    job_set = extend(form([c] * 5))
    assert job_set.results(timeout=60).success
    assert (job_set.n_experiments, sent(backend)) == (5, 5)
    assert extend(form([c] * 4)).n_experiments == 5


def test_of_equal_circuits_the_one_of_the_same_name_is_there_already(extend, circuits):
    (c,) = circuits(1)
    a, b, new = c.copy("a"), c.copy("b"), c.copy("new")
    extend([a, b]).results(timeout=60)
    assert names(extend([new, b, a])) == ["a", "b", "new"]


def test_a_circuit_is_the_same_under_another_name_and_with_other_metadata(extend, circuits):
    (c,) = circuits(1)
    extend([c]).results(timeout=60)
    renamed = c.copy("renamed")
    renamed.metadata = {"run": 2}
    assert names(extend([renamed])) == ["c0"]


def test_thousands_of_equal_circuits_are_counted_in_little_time(extend, circuits):
    (c,) = circuits(1)
    many = [c.copy(f"copy {number}") for number in range(3000)]
    whole = {"max_experiments_per_job": 1000}
    extend(many, **whole).results(timeout=60)
    more = [c.copy("more")] * 2
    job_set = extend([*more, *reversed(many)], **whole)
    assert (job_set.n_experiments, job_set.indices("more")) == (3002, [3000, 3001])


# -- all kinds of experiments ----------------------------------------------------------------------


def test_transpiled_circuits_are_compared_as_they_were_handed_over(manager, circuits):
    how = {"name": "t", "if_exists": "extend", "optimization_level": 1, "shots": 10}
    c = circuits(5, qubits=2)
    manager.run(c[:2], "fake:manila", **how).results(timeout=100)
    job_set = manager.run([c[3], c[1], c[2], c[0]], "fake:manila", **how)
    assert job_set.results(timeout=100).success
    assert names(job_set) == ["c0", "c1", "c3", "c2"]
    assert job_set.circuit("c3").num_qubits == 5
    assert [len(job.attempts()) for job in job_set.managed_jobs()] == [1] * job_set.n_jobs


def test_pubs_are_compared_with_their_values(manager):
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, name="turn")
    circuit.ry(angle, 0)
    pubs = [(circuit, SparsePauliOp("Z"), [value]) for value in (0.1, 0.2, 0.3)]
    how = {"name": "pubs", "if_exists": "extend"}
    manager.run(pubs[:2], "estimator:statevector", **how).results(timeout=60)
    job_set = manager.run([pubs[2], pubs[0]], "estimator:statevector", **how)
    assert job_set.n_experiments == 3
    results = job_set.results(timeout=60)
    assert results.pub_result(pubs[2]).data.evs == pytest.approx(0.9553, abs=0.1)


def test_gates_of_the_users_own_are_content(extend):
    def with_gate(turn):
        definition = QuantumCircuit(1)
        definition.rx(turn, 0)
        gate = Gate("mine", 1, [])
        gate.definition = definition
        circuit = QuantumCircuit(1, 1, name="mine")
        circuit.append(gate, [0])
        circuit.measure(0, 0)
        return circuit

    extend([with_gate(0.1)]).results(timeout=60)
    job_set = extend([with_gate(0.2), with_gate(0.1)])
    assert job_set.n_experiments == 2


def test_what_an_earlier_version_hashed_is_not_run_again(manager, backend, extend, circuits):
    """Its hashes say nothing to this version, so the stored circuits are read and hashed again."""
    extend(circuits(4)).results(timeout=60)
    with create_engine(manager.store_url).begin() as connection:
        connection.execute(
            text("UPDATE experiment SET content_hash = CAST('1' || position || '...' AS BLOB)")
        )
    job_set = extend([each.copy(f"renamed-{each.name}") for each in circuits(6)])
    assert (job_set.n_experiments, job_set.results(timeout=60).success) == (6, True)
    assert sent(backend) == 6


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"shots": 7}, "other run options"),
        ({"memory": True}, "other run options"),
        ({"to": ScriptedBackend(SystemClock(), REMOTE, takes="sampler pub")}, "another kind"),
    ],
)
def test_what_cannot_be_in_the_same_set_is_refused(extend, circuits, how, told):
    extend(circuits(2)).results(timeout=60)
    with pytest.raises(NameInUseError, match=told):
        extend(circuits(3), **how)
    assert extend(circuits(2)).n_experiments == 2


def test_another_backend_is_refused(manager, extend, circuits):
    extend(circuits(2)).results(timeout=60)
    with pytest.raises(NameInUseError, match="other backend"):
        extend(circuits(3), to="aer")


def test_an_extension_needs_the_name_of_a_set(extend, circuits):
    with pytest.raises(InvalidArgumentError, match="name is missing"):
        extend(circuits(1), name=None)


def test_a_circuit_that_was_changed_is_new_also_under_its_old_name(extend, circuits):
    old, other = circuits(2)
    extend([old]).results(timeout=60)
    changed = other.copy(old.name)
    job_set = extend([changed])
    assert names(job_set) == ["c0", "c0"]
    results = job_set.results(timeout=60)
    assert results.get_counts(changed) == results.get_counts(1)


def test_a_list_is_refused_as_a_whole(extend, circuits, manager):
    def run(experiments):
        return manager.run(experiments, "aer", name="sweep", shots=10, if_exists="extend")

    run(circuits(2)).results(timeout=60)
    with pytest.raises(InvalidExperimentError, match="'bad'"):
        run([*circuits(3), QuantumCircuit(400, 1, name="bad")])
    assert run(circuits(2)).n_experiments == 2


def test_a_generator_without_circuits_is_refused(extend, circuits):
    extend(circuits(2)).results(timeout=60)
    with pytest.raises(InvalidExperimentError, match="no experiments"):
        extend(iter(()))


def test_settings_that_an_extension_cannot_change_are_said(extend, circuits, caplog):
    extend(circuits(1)).results(timeout=60)
    extend(circuits(2), retry=RetryPolicy(max_attempts=3), job_tags=["new"], max_usage_s=5.0)
    (said,) = [each.getMessage() for each in caplog.records if "its own" in each.getMessage()]
    assert "retry, tags, max_usage_s" in said


def test_resuming_with_more_circuits_says_how_to_add_them(extend, circuits):
    extend(circuits(2)).results(timeout=60)
    with pytest.raises(NameInUseError, match="if_exists='extend'"):
        extend(circuits(3), if_exists="resume")


# -- generators ------------------------------------------------------------------------------------


def test_new_ones_are_sent_while_a_generator_is_read(extend, backend, circuits):
    c = circuits(6)
    extend(c[:2]).results(timeout=60)

    def slow():
        yield from c[:4]
        wait_until(lambda: sent(backend) >= 3)
        yield from c[4:]

    assert extend(slow()).results(timeout=60).success
    assert sent(backend) == 6


def test_a_generator_that_fails_half_way_leaves_what_was_added_and_the_rest_is_added_later(
    extend, backend, circuits
):
    c = circuits(8)
    extend(c[:2]).results(timeout=60)

    def failing():
        yield from c[:5]
        wait_until(lambda: sent(backend) >= 3)
        raise OSError("the disk with the angles is gone")

    with pytest.raises(OSError, match="angles") as failed:
        extend(failing())
    assert any("if_exists='extend'" in note for note in failed.value.__notes__)
    job_set = extend(iter(c))
    assert job_set.results(timeout=60).success
    assert (job_set.n_experiments, sent(backend)) == (8, 8)


# -- sets in every state ---------------------------------------------------------------------------


def test_a_set_that_failed_is_extended_and_fails_no_more_for_that(extend, backend, circuits):
    backend.tell(JobStory.ending(RemoteState.ERROR, "too warm"))
    assert not extend(circuits(2)).results(timeout=60).success
    job_set = extend(circuits(4))
    job_set.wait(60)
    assert states(job_set) == {JobState.DONE: 3, JobState.FAILED: 1}
    assert sent(backend) == 4


def test_a_cancelled_set_is_extended_and_what_was_cancelled_stays_so(extend, backend, circuits):
    backend.tell(RUNNING, RUNNING)
    job_set = extend(circuits(2))
    wait_until(lambda: sent(backend) == 2)
    job_set.cancel()
    assert job_set.wait(60)
    job_set = extend(circuits(3))
    assert job_set.wait(60)
    assert states(job_set) == {JobState.CANCELLED: 2, JobState.DONE: 1}


def test_a_set_that_was_deleted_is_made_again(extend, backend, circuits):
    extend(circuits(2)).results(timeout=60)
    extend(circuits(2)).delete()
    assert extend(circuits(3)).results(timeout=60).success
    assert sent(backend) == 5


def test_a_hand_over_that_was_cut_off_is_completed_by_an_extension(extend, backend, circuits):
    c = circuits(6)

    def cut_off():
        yield from c[:3]
        wait_until(lambda: sent(backend) >= 1)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011  # its own
        extend(cut_off(), if_exists="resume")
    job_set = extend(c)
    assert job_set.results(timeout=60).success
    assert (job_set.n_experiments, sent(backend)) == (6, 6)


def test_an_older_object_of_the_set_knows_what_was_added(extend, circuits):
    job_set = extend(circuits(2))
    assert job_set.results(timeout=60).success
    extend(circuits(5)).results(timeout=60)
    assert len(job_set.results(timeout=60)) == 5
    assert job_set.progress().n_experiments == len(job_set) == 5


# -- while it is driven ----------------------------------------------------------------------------


def test_a_set_that_this_process_drives_goes_on_with_what_is_new(extend, backend, circuits):
    backend.tell(RUNNING, RUNNING)
    first = extend(circuits(2))
    wait_until(lambda: sent(backend) == 2)
    job_set = extend(circuits(4))
    wait_until(lambda: states(job_set).get(JobState.DONE) == 2)
    finish(backend)
    assert job_set.results(timeout=60).success
    assert first.results(timeout=60).get_counts("c3")
    assert sent(backend) == 4


def test_the_driver_in_another_process_sends_what_is_new_at_once(
    store_path, extend, backend, circuits
):
    """It does not wait for the end of what it has, and no other process takes the set over."""
    backend.tell(RUNNING, RUNNING)
    there = extend(circuits(2))
    wait_until(lambda: states(there) == {JobState.ACTIVE: 2})
    with JobManager(store_path) as other:
        job_set = extend(circuits(4), by=other)
        wait_until(lambda: states(job_set).get(JobState.DONE) == 2)
        assert job_set.other_driver() is not None
        finish(backend)
        assert job_set.results(timeout=60).success
    assert sent(backend) == 4


def test_what_is_added_without_driving_is_found_by_the_next_that_resumes(
    store_path, extend, backend, circuits
):
    extend(circuits(2)).results(timeout=60)
    with JobManager(store_path) as other:
        job_set = extend(circuits(3), by=other, drive=False)
        assert states(job_set) == {JobState.DONE: 2, JobState.PLANNED: 1}
        assert [each.name() for each in other.unfinished()] == ["sweep"]
        assert other.retrieve_job_set("sweep", backend=backend).results(timeout=60).success


@pytest.mark.parametrize("form", [list, iter])
def test_what_two_managers_add_at_once_is_run_once(
    store_path, manager, extend, backend, circuits, form, monkeypatch
):
    """They agree in some circuits; each stores one block a transaction, so that they meet."""
    monkeypatch.setattr(pacing, "_BLOCKS_AT_ONCE", 1)
    c = circuits(30)
    extend(c[:3]).results(timeout=60)
    mine, theirs = [*c[:3], *c[10:25]], [*reversed(c[20:30]), *c[5:15]]
    begin, ends = threading.Barrier(2), []

    def add(experiments, by):
        begin.wait()
        ends.append(extend(form(experiments), by=by).n_experiments)

    with JobManager(store_path) as other:
        threads = [
            threading.Thread(target=add, args=(experiments, by))
            for experiments, by in ((mine, manager), (theirs, other))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        job_set = extend(c)
        assert job_set.results(timeout=60).success
    assert len(ends) == 2
    assert sorted(names(job_set)) == sorted(each.name for each in c)
    assert sent(backend) == 30
    assert max(backend.ledger.submissions_by_tag().values()) == 1


def test_two_threads_that_add_equal_circuits_count_them_once(manager, extend, backend, circuits):
    (c,) = circuits(1)
    extend([c]).results(timeout=60)
    threads = [threading.Thread(target=extend, args=([c] * 3,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert extend([c]).n_experiments == 3


def test_an_extension_of_a_set_that_is_deleted_meanwhile_says_so(extend, manager, circuits):
    extend(circuits(2)).results(timeout=60)

    def deleting():
        yield from circuits(2)
        manager.delete_job_set("sweep")
        yield from circuits(4)[2:]

    with pytest.raises(LeaseLostError, match="deleted"):
        extend(deleting())


def test_a_job_that_is_halved_while_its_set_is_extended_loses_nothing(extend, backend, circuits):
    from qiskit_job_manager.errors import SubmissionTooLargeError

    backend.script(Call.SUBMIT, Raise(SubmissionTooLargeError("too large")))
    whole = {"max_experiments_per_job": 4}
    extend(circuits(4), drive=False, **whole)
    job_set = extend(circuits(10), **whole)
    results = job_set.results(timeout=60)
    assert results.success
    assert len({str(results.get_counts(name)) for name in names(job_set)}) > 1
    assert sorted(job.index for job in job_set.managed_jobs()) == list(range(job_set.n_jobs))


def test_an_export_of_a_set_that_grows_meanwhile_is_whole(extend, circuits, tmp_path, monkeypatch):
    job_set = extend(circuits(3))
    job_set.wait(60)
    experiments = ExportSource.experiments

    def growing(source):
        assert extend(circuits(5)).wait(60)
        return experiments(source)

    monkeypatch.setattr(ExportSource, "experiments", growing)
    path = job_set.export(tmp_path / "set.zip")
    with JobManager(tmp_path / "other.db") as other:
        read = other.import_job_set(path)
        assert (read.n_experiments, read.results().success) == (3, True)


# -- cancelling meanwhile --------------------------------------------------------------------------


def test_a_cancellation_does_not_mean_what_was_added_after_it(extend, backend, circuits, manager):
    """Both requests are stored before a driver looks, and it handles them in their order."""
    job_set = extend(circuits(3), drive=False)
    source = source_of(job_set)
    source.store.request(source.record.key, RequestKind.CANCEL)
    job_set = extend(circuits(5))
    assert job_set.wait(60)
    assert states(job_set) == {JobState.CANCELLED: 3, JobState.DONE: 2}
    assert sent(backend) == 2


def test_a_cancellation_after_an_extension_means_all_of_it(extend, backend, circuits):
    job_set = extend(circuits(3), drive=False)
    job_set = extend(circuits(5), drive=False)
    source = source_of(job_set)
    source.store.request(source.record.key, RequestKind.CANCEL)
    job_set = extend(circuits(5))
    assert job_set.wait(60)
    assert states(job_set) == {JobState.CANCELLED: 5}
    assert sent(backend) == 0


# -- cost ------------------------------------------------------------------------------------------


def test_what_is_there_is_neither_checked_nor_encoded_again(extend, backend, circuits, monkeypatch):
    extend(circuits(20), limits=Limits(experiments_per_job=10)).results(timeout=60)
    seen = []
    monkeypatch.setattr(backend, "check", lambda _, index, __: seen.append(index))
    extend(circuits(22))
    assert seen == [20, 21]


def test_it_is_logged_how_many_are_new(extend, circuits, caplog):
    extend(circuits(2)).results(timeout=60)
    with caplog.at_level(logging.INFO, "qiskit_job_manager"):
        extend(circuits(5))
    assert "3 of 5 experiments are new" in caplog.text
