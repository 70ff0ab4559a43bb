"""``reuse=``: stored results of the same experiments are taken over, marked, and never twice."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qiskit_job_manager import InvalidArgumentError, JobManager, JobManagerUnknownJobSet
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.model import JobState, RemoteState
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import JobStory, ScriptedBackend

SEEDED = {"shots": 100, "seed_simulator": 7}
RANDOM = {"shots": 100, "reuse_random": True}


@pytest.fixture
def backend():
    return ScriptedBackend(SystemClock(), Capabilities(), uri="scripted:")


@pytest.fixture
def run(manager, backend):
    """Run experiments to the end, and return the job set."""

    def run(experiments, to=backend, **how):
        how = {"max_experiments_per_job": 2} | how
        job_set = manager.run(experiments, to, **how)
        assert job_set.wait(60)
        return job_set

    return run


def sent(backend):
    return len(backend.ledger.accepted)


def origin(results, experiment):
    header = results.combine_results().results[experiment].header
    return header["metadata"].get("reused_from")


def test_what_is_stored_is_taken_over_and_the_rest_is_run(run, backend, circuits):
    c = circuits(6)
    first = run(c[:4], **SEEDED)
    before = first.results().combine_results()
    job_set = run([c[1], c[5], c[3], c[0], c[4]], reuse=first, **SEEDED)
    results = job_set.results(timeout=60)
    assert results.success
    assert sent(backend) == 2 + 2
    for circuit in (c[0], c[1], c[3]):
        assert results.get_counts(circuit) == before.get_counts(circuit.name)
    places = [origin(results, index) for index in range(5)]
    own = first.job_set_id()
    assert places == [f"{own}/1", None, f"{own}/3", f"{own}/0", None]
    assert [each.name for each in job_set] == ["c1", "c5", "c3", "c0", "c4"]


@pytest.mark.parametrize("form", ["name", "id", "list", "all"])
def test_job_sets_are_given_in_every_form(run, backend, circuits, form):
    first = run(circuits(3), name="first", **SEEDED)
    forms = {"name": "first", "id": first.job_set_id(), "list": [first], "all": True}
    run(circuits(3), reuse=forms[form], **SEEDED)
    assert sent(backend) == 2


def test_a_job_set_that_took_everything_over_has_ended_and_cost_nothing(run, backend, circuits):
    first = run(circuits(3), **SEEDED)
    job_set = run(circuits(3), reuse=first, **SEEDED)
    assert job_set.progress().success
    assert job_set.usage().total_s == 0
    assert job_set.jobs() == [None]
    assert "result taken over" in job_set.report()
    (event,) = [event for event in job_set.events() if event.event == "reused"]
    assert first.name() in event.cause


# -- honest statistics -----------------------------------------------------------------------------


def test_a_sample_is_taken_over_once_into_a_set(run, backend, circuits):
    """Equal circuits are independent samples; one stored result is one of them."""
    (c,) = circuits(1)
    first = run([c, c], **SEEDED)
    before = sent(backend)
    job_set = run([c] * 5, reuse=first, **SEEDED)
    results = job_set.results()
    origins = [origin(results, index) for index in range(5)]
    assert origins == [f"{first.job_set_id()}/0", f"{first.job_set_id()}/1", None, None, None]
    assert sent(backend) == before + 2


def test_a_sample_that_was_taken_over_before_keeps_its_origin_and_is_not_taken_twice(
    run, backend, circuits
):
    (c,) = circuits(1)
    first = run([c], name="first", **SEEDED)
    second = run([c], name="second", reuse=first, **SEEDED)
    third = run([c, c], name="third", reuse=[second, first], **SEEDED)
    results = third.results()
    assert [origin(results, index) for index in (0, 1)] == [f"{first.job_set_id()}/0", None]
    assert sent(backend) == 2


def test_an_extension_takes_no_sample_over_that_the_set_has(run, backend, circuits):
    (c,) = circuits(1)
    first = run([c], name="first", **SEEDED)
    how = {"name": "grows", "reuse": True, "if_exists": "extend", **SEEDED}
    run([c], **how)
    assert sent(backend) == 1
    job_set = run([c, c], **how)
    results = job_set.results()
    assert [origin(results, index) for index in (0, 1)] == [f"{first.job_set_id()}/0", None]
    assert sent(backend) == 2


def test_no_sample_comes_back_to_the_set_that_ran_it(run, backend, circuits):
    (c,) = circuits(1)
    first = run([c], name="first", **SEEDED)
    run([c], name="second", reuse=first, **SEEDED)
    job_set = run([c, c], name="first", reuse=True, if_exists="extend", **SEEDED)
    assert origin(job_set.results(), 1) is None
    assert sent(backend) == 2


def test_results_without_a_seed_need_the_users_word(run, backend, circuits):
    first = run(circuits(2), shots=100)
    with pytest.raises(InvalidArgumentError, match="reuse_random=True"):
        run(circuits(2), reuse=first, shots=100)
    run(circuits(2), reuse=first, **RANDOM)
    assert sent(backend) == 1
    with pytest.raises(InvalidArgumentError, match="without reuse"):
        run(circuits(2), **RANDOM)


def test_the_mark_is_in_frames_and_beside_the_metadata_of_the_new_circuit(run, circuits):
    pytest.importorskip("pandas")
    (c,) = circuits(1)
    first = run([c], **SEEDED)
    again = c.copy("again")
    again.metadata = {"angle": 0.5}
    results = run([again], reuse=first, **SEEDED).results()
    frame = results.to_dataframe()
    assert frame.loc[0, "name"] == "again"
    assert frame.loc[0, "metadata.angle"] == 0.5
    assert frame.loc[0, "metadata.reused_from"] == f"{first.job_set_id()}/0"
    assert results.get_counts("again")


def test_the_provenance_of_a_result_names_its_origin_and_no_run_of_its_own(run, circuits):
    """The seed and the calibration of the new job set would be those of no run."""
    first = run(circuits(2), **SEEDED)
    results = run(circuits(3), reuse=first, **SEEDED).results()
    taken, ran = results.provenance(1), results.provenance(2)
    assert taken["reused_from"] == f"{first.job_set_id()}/1"
    assert [(job["reused"], job["seeds"], job["attempts"]) for job in taken["jobs"]] == [
        (True, {}, [])
    ]
    assert ran["reused_from"] is None
    assert len(ran["jobs"][0]["attempts"]) == 1


def test_metadata_of_a_users_own_is_no_mark(run, circuits):
    (c,) = circuits(1)
    c.metadata = {"reused_from": "somewhere/3"}
    first = run([c], **SEEDED)
    assert first.results().provenance(0)["reused_from"] is None
    results = run([c], reuse=first, **SEEDED).results()
    assert results.provenance(0)["reused_from"] == f"{first.job_set_id()}/0"


# -- what does not fit -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "told"),
    [({"shots": 50}, "run options"), ({"seed_simulator": 8}, "run options")],
)
def test_other_options_are_refused_where_the_set_is_named_and_passed_over_else(
    run, backend, circuits, other, told
):
    first = run(circuits(2), name="first", **SEEDED)
    with pytest.raises(InvalidArgumentError, match=told):
        run(circuits(2), reuse=first, **(SEEDED | other))
    run(circuits(2), reuse=True, **(SEEDED | other))
    assert sent(backend) == 2


def test_a_backend_object_without_a_name_of_its_own_counts_only_where_the_set_is_named(
    run, circuits
):
    nameless = ScriptedBackend(SystemClock(), Capabilities())
    first = run(circuits(2), to=nameless, **SEEDED)
    run(circuits(2), to=nameless, reuse=True, **SEEDED)
    assert sent(nameless) == 2
    run(circuits(2), to=nameless, reuse=first, **SEEDED)
    assert sent(nameless) == 2


def test_what_failed_is_run(run, backend, circuits):
    backend.tell(JobStory.ending(RemoteState.ERROR, "too warm"))
    first = run(circuits(4), **SEEDED)
    job_set = run(circuits(4), reuse=first, **SEEDED)
    assert job_set.progress().jobs == {JobState.DONE: 2}
    assert sent(backend) == 3


@pytest.mark.parametrize("wrong", [7, [object()], 1.5])
def test_what_is_no_job_set_is_refused(run, circuits, wrong):
    with pytest.raises(InvalidArgumentError, match="reuse has"):
        run(circuits(1), reuse=wrong, **SEEDED)


def test_a_job_set_that_is_not_there_is_refused(run, circuits):
    with pytest.raises(JobManagerUnknownJobSet):
        run(circuits(1), reuse="nowhere", **SEEDED)


# -- all kinds -------------------------------------------------------------------------------------


def test_results_of_pubs_are_taken_over_with_their_marks(run):
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, name="turn")
    circuit.ry(angle, 0)
    circuit.measure_all()
    pubs = [(circuit, [[value], [value + 1]], 50) for value in (0.1, 0.2)]
    how = {"to": "sampler:statevector", "seed": 3}
    first = run(pubs, **how)
    job_set = run([pubs[1], (circuit, [0.7], 50), pubs[0]], reuse=first, **how)
    results = job_set.results(timeout=60)
    for new, old in ((0, 1), (2, 0)):
        mine, theirs = results.pub_result(new), first.results().pub_result(old)
        assert (mine.data.meas.array == theirs.data.meas.array).all()
        marked = mine.metadata["circuit_metadata"]["reused_from"]
        assert marked == f"{first.job_set_id()}/{old}"
    assert "reused_from" not in results.pub_result(1).metadata.get("circuit_metadata", {})


def test_shares_of_the_shots_are_taken_over_together(run, backend, circuits):
    from qiskit_job_manager import Limits

    how = {"limits": Limits(shots_per_experiment=40), **SEEDED}
    first = run(circuits(1), **how)
    before = first.results().get_counts(0)
    job_set = run(circuits(1), reuse=first, **how)
    assert job_set.results().get_counts(0) == before
    assert sum(before.values()) == 100
    assert sent(backend) == 3


def test_the_circuit_of_a_transpiled_result_is_the_one_that_ran(run, circuits):
    how = {"to": "fake:manila", "optimization_level": 1, **SEEDED}
    c = circuits(2, qubits=2)
    first = run(c, **how)
    job_set = run(c, reuse=first, **how)
    assert job_set.circuit(1) == first.circuit(1)
    assert job_set.results().get_counts(c[1]) == first.results().get_counts(c[1])


# -- the store -------------------------------------------------------------------------------------


def test_what_was_taken_over_stays_when_its_source_is_deleted(run, manager, circuits):
    first = run(circuits(2), **SEEDED)
    before = first.results().get_counts(1)
    job_set = run(circuits(2), reuse=first, **SEEDED)
    manager.delete_job_set(first.job_set_id())
    assert job_set.results().get_counts(1) == before


def test_an_export_has_the_marks_and_is_read_back(run, circuits, tmp_path):
    first = run(circuits(2), **SEEDED)
    job_set = run(circuits(3), reuse=first, **SEEDED)
    path = job_set.export(tmp_path / "set.zip")
    with JobManager(tmp_path / "other.db") as other:
        read = other.import_job_set(path)
        assert origin(read.results(), 0) == f"{first.job_set_id()}/0"
        assert origin(read.results(), 2) is None
        assert "result taken over" in read.report()


def test_a_script_that_goes_on_after_a_crash_takes_nothing_over_twice(run, backend, circuits):
    c = circuits(6)
    first = run(c, **SEEDED)

    def cut_off():
        yield from c[:4]
        raise OSError

    how = {"name": "again", "reuse": first, "if_exists": "resume", **SEEDED}
    with pytest.raises(OSError):  # noqa: PT011  # its own
        run(cut_off(), **how)
    job_set = run(iter(c), **how)
    results = job_set.results(timeout=60)
    origins = [origin(results, index) for index in range(6)]
    assert origins == [f"{first.job_set_id()}/{index}" for index in range(6)]
    assert sent(backend) == 3
