"""Handing circuits over: what is accepted, what is refused, and what running twice does."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qiskit_job_manager import (
    InvalidArgumentError,
    InvalidExperimentError,
    JobManager,
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    Limits,
    NameInUseError,
    PlanError,
    RetryPolicy,
    UnknownBackendError,
)
from qiskit_job_manager.manager import pacing
from qiskit_job_manager.model import JobState
from qiskit_job_manager.testing import Hang
from qiskit_job_manager.testing.scripts import Call


def is_empty(manager):
    return manager.job_sets() == []


# -- bad input ------------------------------------------------------------------------------------


def test_an_empty_list_is_refused(manager, aer):
    with pytest.raises(InvalidArgumentError, match="experiments is empty"):
        manager.run([], aer)
    assert is_empty(manager)


def test_an_empty_generator_is_refused_and_leaves_nothing(manager, aer):
    with pytest.raises(InvalidExperimentError, match="no experiments"):
        manager.run(iter([]), aer)
    assert is_empty(manager)


@pytest.mark.parametrize("wrong", ["circuit.qasm", 7, {"a": 1}, None])
def test_something_that_is_no_list_of_circuits_is_refused(manager, aer, wrong):
    with pytest.raises(InvalidArgumentError, match=type(wrong).__name__):
        manager.run(wrong, aer)
    assert is_empty(manager)


@pytest.mark.parametrize("as_generator", [False, True], ids=["list", "generator"])
def test_something_that_is_no_circuit_is_named_by_index_and_type(
    manager, aer, circuits, as_generator
):
    mixed = [*circuits(3), "not a circuit"]
    with pytest.raises(InvalidExperimentError, match=r"3.*str"):
        manager.run(iter(mixed) if as_generator else mixed, aer)
    assert is_empty(manager)


def test_unbound_parameters_are_named(manager, aer):
    circuit = QuantumCircuit(1, 1, name="open")
    circuit.rx(Parameter("theta"), 0)
    circuit.measure(0, 0)
    with pytest.raises(InvalidExperimentError, match="theta"):
        manager.run([circuit], aer)


def test_a_circuit_without_measurement_is_named(manager, aer):
    circuit = QuantumCircuit(1, name="blind")
    circuit.h(0)
    with pytest.raises(InvalidExperimentError, match=r"blind.*measure"):
        manager.run([circuit], aer)


def test_an_untranspiled_circuit_is_refused_with_its_instruction(manager):
    pytest.importorskip("qiskit_ibm_runtime")  # has the fake backends
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    with pytest.raises(InvalidExperimentError, match=r"bell.*'h'.*transpile|transpile"):
        manager.run([circuit], "fake:torino")
    assert is_empty(manager)


@pytest.mark.parametrize("shots", [0, -5, 1.5, "many", True])
def test_impossible_shots_are_named(manager, aer, circuits, shots):
    with pytest.raises(InvalidArgumentError, match="shots is"):
        manager.run(circuits(1), aer, shots=shots)
    assert is_empty(manager)


def test_shots_beyond_the_limit_are_refused_when_splitting_is_off(manager, aer, circuits):
    with pytest.raises(PlanError, match=r"(?s)c0.*1000|1000.*c0"):
        manager.run(
            circuits(1),
            aer,
            shots=5000,
            split_shots=False,
            limits=Limits(shots_per_experiment=1000),
        )
    assert is_empty(manager)


def test_a_name_in_use_is_refused_and_says_how_to_go_on(manager, aer, circuits):
    manager.run(circuits(1), aer, name="taken", shots=1)
    with pytest.raises(NameInUseError, match=r"'taken'.*if_exists='resume'"):
        manager.run(circuits(2), aer, name="taken", shots=1)
    assert len(manager.job_sets()) == 1


@pytest.mark.parametrize("name", ["", "  ", 7])
def test_a_name_that_is_none_is_refused(manager, aer, circuits, name):
    with pytest.raises(InvalidArgumentError, match="name is"):
        manager.run(circuits(1), aer, name=name)


def test_an_unknown_backend_is_refused_with_those_that_are_known(manager, circuits):
    with pytest.raises(UnknownBackendError, match=r"(?s)nowhere.*aer.*basic.*fake"):
        manager.run(circuits(1), "nowhere")


def test_an_unknown_job_set_is_refused(manager):
    with pytest.raises(JobManagerUnknownJobSet, match="'missing'"):
        manager.retrieve_job_set("missing")


def test_an_option_that_cannot_be_stored_is_named(manager, aer, circuits):
    from qiskit_aer.noise import NoiseModel

    with pytest.raises(InvalidArgumentError, match=r"noise_model.*Set it on the backend"):
        manager.run(circuits(1), aer, noise_model=NoiseModel())
    assert is_empty(manager)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("if_exists", "replace"),
        ("limits", {"pending_jobs": 1}),
        ("limits", Limits(pending_jobs=0)),
        ("retry", 3),
        ("retry", RetryPolicy(max_attempts=0)),
        ("retry", RetryPolicy(first_wait_s=0)),
        ("job_tags", "tag"),
        ("job_tags", [1]),
    ],
)
def test_every_other_argument_is_checked_and_named(manager, aer, circuits, argument, value):
    with pytest.raises(InvalidArgumentError, match=argument):
        manager.run(circuits(1), aer, **{argument: value})
    assert is_empty(manager)


def test_a_generator_that_breaks_at_once_leaves_nothing_behind(manager, aer, circuits):
    def broken():
        yield from circuits(5)
        raise KeyError("my own mistake")

    with pytest.raises(KeyError):
        manager.run(broken(), aer, max_experiments_per_job=5)
    assert is_empty(manager)


@pytest.mark.parametrize("why", ["own mistake", "no circuit"])
def test_a_generator_that_breaks_keeps_what_came_before_and_is_resumed(manager, aer, circuits, why):
    def broken():
        yield from circuits(5)
        if why == "own mistake":
            raise KeyError(why)
        yield why

    expected = KeyError if why == "own mistake" else InvalidExperimentError
    with pytest.raises(expected) as caught:
        manager.run(broken(), aer, name="sweep", max_experiments_per_job=1)
    (note,) = caught.value.__notes__
    stored = manager.find("sweep").n_experiments
    assert 0 < stored <= 5
    assert note.startswith(f"{stored} experiments were stored before this, in the job set 'sweep'")
    kept = manager.retrieve_job_set("sweep")
    with pytest.raises(JobManagerInvalidStateError, match="cut off after"):
        kept.wait(timeout=30)
    assert kept.progress().jobs == {JobState.DONE: stored}
    job_set = manager.run(
        circuits(7), aer, name="sweep", max_experiments_per_job=1, if_exists="resume"
    )
    assert len(job_set.results(timeout=60)) == 7
    assert all(len(job.attempts()) == 1 for job in job_set.managed_jobs())


def test_the_first_jobs_are_sent_while_the_others_are_still_being_read(manager, scripted, circuits):
    backend = scripted()

    def waiting():
        yield from circuits(6)[:4]
        until = time.monotonic() + 60
        while not backend.ledger.accepted:
            assert time.monotonic() < until, "nothing is sent before all is read"
            time.sleep(0.005)
        yield from circuits(6)[4:]

    job_set = manager.run(waiting(), backend, max_experiments_per_job=1)
    assert len(job_set.results(timeout=60)) == 6


def test_what_a_slow_generator_gives_is_stored_within_seconds(
    manager, scripted, circuits, monkeypatch
):
    """However long it has taken already."""
    now_s, stored = 0.0, []

    def slow():
        nonlocal now_s
        for number, circuit in enumerate(circuits(12)):
            now_s += 3600.0 if number == 3 else 1.0
            if number > 3:
                stored.append(number - manager.find("slow").n_experiments)
            yield circuit

    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now_s))
    manager.run(slow(), scripted(), name="slow", max_experiments_per_job=1, drive=False)
    assert max(stored) <= 5


def test_reading_waits_while_too_much_waits_on_disk(manager, scripted, circuits, monkeypatch):
    """Nothing more is read than fits, until the backend, which takes one job at a time, goes on."""
    monkeypatch.setattr(pacing, "_WAITING_BYTES", 1)
    monkeypatch.setattr(pacing, "_BLOCKS_AT_ONCE", 1)
    backend = scripted()
    most = 0

    def counted():
        nonlocal most
        for number, circuit in enumerate(circuits(8)):
            most = max(most, number - len(backend.ledger.accepted))
            yield circuit

    job_set = manager.run(
        counted(), backend, max_experiments_per_job=1, limits=Limits(pending_jobs=1)
    )
    assert len(job_set.results(timeout=60)) == 8
    assert most <= 2  # the one that is being weighed, and the one that is being sent


def test_every_error_is_a_job_manager_error_and_a_qiskit_error(manager, aer):
    from qiskit.exceptions import QiskitError

    with pytest.raises(QiskitError) as caught:
        manager.run([], aer)
    assert isinstance(caught.value, JobManagerError)
    assert isinstance(caught.value, ValueError)


# -- what is accepted ---------------------------------------------------------------------------


def test_a_generator_is_read_once_and_split_as_a_list_is(manager, aer, circuits):
    job_set = manager.run((c for c in circuits(7)), aer, max_experiments_per_job=3, shots=4)
    assert [(j.start_index, j.end_index) for j in job_set.managed_jobs()] == [
        (0, 2),
        (3, 5),
        (6, 6),
    ]
    results = job_set.results(timeout=60)
    assert [results.get_counts(i) for i in range(7)] == [{f"{i:05b}": 4} for i in range(7)]


def test_shots_above_the_limit_are_split_and_added_up_again(manager, aer, circuits):
    job_set = manager.run(
        circuits(3), aer, shots=2500, memory=True, limits=Limits(shots_per_experiment=1000)
    )
    assert [job.shots for job in job_set.managed_jobs()] == [834, 833, 833]
    results = job_set.results(timeout=60)
    assert results.get_counts("c2") == {"00010": 2500}
    assert results.get_memory("c2") == ["00010"] * 2500


def test_shares_of_a_seeded_run_do_not_repeat_each_other(manager, aer):
    coin = QuantumCircuit(10, 10, name="coins")
    coin.h(range(10))
    coin.measure(range(10), range(10))
    job_set = manager.run(
        coin, aer, shots=400, memory=True, seed_simulator=5, limits=Limits(shots_per_experiment=200)
    )
    memory = job_set.results(timeout=60).get_memory(0)
    assert memory[:200] != memory[200:]


def test_a_seed_of_an_unsplit_set_gives_what_the_backend_itself_gives(manager, aer):
    coin = QuantumCircuit(10, 10, name="coins")
    coin.h(range(10))
    coin.measure(range(10), range(10))
    ours = manager.run(coin, aer, shots=300, seed_simulator=5).results(timeout=60).get_counts(0)
    assert ours == aer.run(coin, shots=300, seed_simulator=5).result().get_counts(0)


def test_job_share_level_of_old_scripts_is_accepted(manager, aer, circuits):
    job_set = manager.run(circuits(1), aer, None, None, "project", ["tag"], shots=1)
    assert job_set.results(timeout=60).success
    assert job_set.tags() == ["tag"]


# -- running twice ------------------------------------------------------------------------------


def test_the_same_script_run_again_attaches_to_its_own_job_set(store_path, scripted, circuits):
    backend = scripted()
    ids = []
    for _ in range(2):
        with JobManager(store_path) as manager:
            job_set = manager.run(
                circuits(6), backend, name="sweep", max_experiments_per_job=2, if_exists="resume"
            )
            assert job_set.results(timeout=60).success
            ids.append(job_set.job_set_id())
    assert ids[0] == ids[1]
    assert len(backend.ledger.accepted) == 3


def test_automatic_circuit_names_do_not_stand_in_the_way_of_resuming(manager, aer):
    def nameless():
        circuit = QuantumCircuit(1, 1)
        circuit.measure(0, 0)
        return circuit

    first = manager.run([nameless()], aer, name="auto", shots=1)
    again = manager.run([nameless()], aer, name="auto", shots=1, if_exists="resume")
    assert again.job_set_id() == first.job_set_id()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cs: [*cs[:2], cs[0], *cs[3:]], "experiment 2 is the first that differs"),
        (lambda cs: cs[:-1], "experiment 4 is the first that differs; there is none now"),
        (lambda cs: [*cs, cs[0]], "experiment 5 is the first that differs; there was none then"),
    ],
    ids=["changed", "fewer", "more"],
)
def test_other_circuits_under_the_same_name_are_refused(manager, aer, circuits, change, words):
    manager.run(circuits(5), aer, name="sweep", shots=1)
    with pytest.raises(NameInUseError, match=words):
        manager.run(change(circuits(5)), aer, name="sweep", shots=1, if_exists="resume")


def test_other_options_under_the_same_name_are_refused(manager, aer, circuits):
    manager.run(circuits(1), aer, name="sweep", shots=1)
    with pytest.raises(NameInUseError, match="run options"):
        manager.run(circuits(1), aer, name="sweep", shots=2, if_exists="resume")


def test_what_died_while_handing_over_goes_on_where_it_stopped(
    store_path, scripted, circuits, die_in_hand_over
):
    """The first run dies with two blocks stored; the second stores the rest and runs all."""
    backend = scripted()
    die_in_hand_over(circuits(5), backend, name="sweep", max_experiments_per_job=2)
    with JobManager(store_path) as second:
        found = second.find("sweep")
        assert (found.n_experiments, found.progress().complete) == (4, False)
        with pytest.raises(JobManagerInvalidStateError, match="cut off after 4 experiments"):
            second.retrieve_job_set("sweep", backend).results(timeout=20)
        assert found.progress().jobs == {JobState.DONE: 2}  # what was stored is run
        job_set = second.run(
            circuits(9), backend, name="sweep", max_experiments_per_job=2, if_exists="resume"
        )
        results = job_set.results(timeout=60)
        assert (results.success, len(results)) == (True, 9)
        assert [(j.start_index, j.end_index) for j in job_set.managed_jobs()][:2] == [
            (0, 1),
            (2, 3),
        ]
    assert len(backend.ledger.accepted) == 5


# -- another process, another day -----------------------------------------------------------------


def test_results_are_read_again_without_the_backend(store_path, aer, circuits):
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel

    backend = AerSimulator(noise_model=NoiseModel(), max_parallel_threads=1)
    with JobManager(store_path) as first:
        job_set = first.run(circuits(4), backend, max_experiments_per_job=2, shots=8)
        job_set.results(timeout=60)
    with JobManager(store_path) as second:
        again = second.retrieve_job_set(job_set.job_set_id()).results()
        assert (again.success, again.get_counts("c3")) == (True, {"00011": 8})


def test_what_was_left_unfinished_is_finished_by_whoever_opens_it(store_path, circuits):
    with JobManager(store_path) as first:
        job_set = first.run(circuits(30), "aer", max_experiments_per_job=1, shots=5)
    with JobManager(store_path) as second:
        results = second.retrieve_job_set(job_set.job_set_id()).results(timeout=60)
        assert results.success
        assert results.get_counts("c29") == {f"{29:05b}": 5}


def test_an_unfinished_set_whose_backend_cannot_be_opened_says_so_and_can_be_read(
    store_path, scripted, circuits
):
    backend = scripted()
    hang = Hang()
    with JobManager(store_path) as first:
        job_set = first.run(circuits(3), backend, max_experiments_per_job=1)
        assert job_set.wait(timeout=60)
        backend.script(Call.SUBMIT, hang)
        other = first.run(circuits(1), backend, name="unfinished")
        assert hang.reached.wait(60)
    hang.release()
    with JobManager(store_path) as second:
        found = second.retrieve_job_set(other.job_set_id())
        with pytest.raises(JobManagerInvalidStateError, match="backend="):
            found.results(timeout=5)
        assert second.retrieve_job_set(other.job_set_id(), backend).results(timeout=30).success


def test_a_set_does_not_go_on_with_another_backend(store_path, scripted, circuits):
    from qiskit.providers.basic_provider import BasicSimulator

    backend, hang = scripted(), Hang()
    backend.script(Call.SUBMIT, hang)
    with JobManager(store_path) as first:
        job_set = first.run(circuits(1), backend)
        assert hang.reached.wait(60)
    hang.release()
    with JobManager(store_path) as second:
        with pytest.raises(InvalidArgumentError, match="runs on 'scripted'"):
            second.retrieve_job_set(job_set.job_set_id(), BasicSimulator())
        assert second.find(job_set.job_set_id()).progress().n_ended == 0


def test_what_the_user_called_volatile_stays_so_when_it_goes_on(store_path, circuits):
    from qiskit.providers.basic_provider import BasicSimulator

    class Lab(BasicSimulator):
        """A simulator of the user's own, whose jobs nobody finds again."""

        def run(self, run_input, **options):
            return super().run(run_input, **options)

    with JobManager(store_path) as first:
        job_set = first.run(circuits(40), Lab(), max_experiments_per_job=1, volatile=True, shots=5)
    with JobManager(store_path) as second:
        again = second.retrieve_job_set(job_set.job_set_id(), Lab())
        assert again.results(timeout=60).success


# -- the rest of the interface --------------------------------------------------------------------


def test_jobs_are_yielded_as_they_complete(manager, aer, circuits):
    job_set = manager.run(circuits(6), aer, max_experiments_per_job=2, shots=3)
    jobs = list(job_set.as_completed(timeout=60))
    assert sorted(job.index for job in jobs) == [0, 1, 2]
    assert jobs[0].result().get_counts(0)


def test_a_managed_job_answers_as_the_originals_did(manager, aer, circuits):
    job_set = manager.run(circuits(4), aer, max_experiments_per_job=2, shots=3)
    job_set.results(timeout=60)
    job = job_set.managed_jobs()[1]
    assert (job.start_index, job.end_index, job.submit_error, job.error_message()) == (
        2,
        3,
        None,
        None,
    )
    assert job.status().name == "DONE"
    assert job.result().get_counts("c2") == {"00010": 3}
    assert job.job.job_id() == job.job_id()
    assert job.job.result().get_counts("c3") == {"00011": 3}
    assert job_set.job("c3")[1] == 1


def test_a_name_and_tags_can_be_changed(manager, aer, circuits):
    job_set = manager.run(circuits(1), aer, name="old", job_tags=["a", "b"], shots=1)
    manager.run(circuits(1), aer, name="other", shots=1)
    assert job_set.update_name("new") == "new"
    assert manager.find("new").job_set_id() == job_set.job_set_id()
    with pytest.raises(NameInUseError):
        job_set.update_name("other")
    assert job_set.update_tags(["c"], ["d", "e"], ["d"]) == ["c", "e"]
    with pytest.raises(JobManagerInvalidStateError):
        job_set.update_tags()


def test_a_note_is_kept_shown_and_removed(manager, aer, circuits):
    job_set = manager.run(circuits(1), aer, name="noted", shots=1)
    assert job_set.note is None
    assert "Note" not in job_set.report()
    note = "  Outliers from 17 on.\r\nCryostat at 12 mK \x1b[31m\0 \ud800\n"
    kept = "Outliers from 17 on.\nCryostat at 12 mK \x1b[31m\\x00 \\ud800"
    assert job_set.update_note(note) == kept
    assert manager.find("noted").note == kept
    assert "  Note: Outliers from 17 on.\n        Cryostat at 12 mK \\x1b[31m" in job_set.report()
    assert job_set.update_note("x" * 4000) == "x" * 4000
    with pytest.raises(InvalidArgumentError, match="4,001 characters; it may have 4,000"):
        job_set.update_note("x" * 4001)
    with pytest.raises(InvalidArgumentError, match="note is 5; a note is a string, or None"):
        job_set.update_note(5)
    assert job_set.note == "x" * 4000
    for nothing in (" \n ", None):
        job_set.update_note("something")
        assert job_set.update_note(nothing) is None
        assert job_set.note is None


def test_deleting_removes_a_set_that_has_ended_and_only_that(manager, scripted, aer, circuits):
    ended = manager.run(circuits(1), aer, name="ended", shots=1)
    ended.results(timeout=60)
    ended.delete()
    with pytest.raises(JobManagerUnknownJobSet):
        manager.find("ended")
    backend, hang = scripted(), Hang()
    backend.script(Call.SUBMIT, hang)
    running = manager.run(circuits(1), backend, name="running")
    with pytest.raises(JobManagerInvalidStateError, match="cancel it"):
        running.delete()
    hang.release()


def test_a_report_on_everything_names_every_set(manager, aer, circuits):
    manager.run(circuits(1), aer, name="one", shots=1).results(timeout=60)
    manager.run(circuits(1), aer, name="two", shots=1).results(timeout=60)
    report = manager.report(detailed=False)
    assert report.index("two") < report.index("one")


def test_a_set_is_iterated_over_experiment_by_experiment(manager, aer, circuits):
    job_set = manager.run(circuits(3), aer, shots=1)
    assert [(e.index, e.name) for e in job_set] == [(0, "c0"), (1, "c1"), (2, "c2")]


def test_a_defect_in_the_engine_is_told_to_whoever_waits(manager, scripted, circuits, monkeypatch):
    from qiskit_job_manager.engine import Engine

    def broken(self, now_s):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(Engine, "_claim", broken)
    with pytest.raises(JobManagerError, match=r"a mistake of ours.*nothing is lost"):
        manager.run(circuits(1), scripted()).results(timeout=20)


def test_nobody_else_sends_or_adds_to_what_is_still_being_handed_over(
    store_path, scripted, circuits
):
    backend = scripted()
    seen = []

    with JobManager(store_path) as first, JobManager(store_path) as second:

        def resume():
            again = second.run(circuits(4), backend, name="sweep", if_exists="resume")
            seen.append(again.n_experiments)

        other = threading.Thread(target=resume)

        def slowly():
            yield from circuits(3)
            seen.append(second.find("sweep").wait(timeout=0.3))
            other.start()
            other.join(0.5)
            assert seen == [False]
            assert len(backend.ledger.accepted) == 0
            yield from circuits(4)[3:]

        job_set = first.run(slowly(), backend, name="sweep")
        assert job_set.results(timeout=60).success
        other.join(60)
    assert seen == [False, 4]
