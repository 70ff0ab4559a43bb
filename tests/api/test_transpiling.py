"""`JobManager.run` transpiles for the backend, and knows experiments by what was handed over."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate, Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

from qiskit_job_manager import (
    InvalidArgumentError,
    InvalidExperimentError,
    JobManager,
    JobManagerJobNotFound,
    NameInUseError,
)
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.manager import transpiler

LINE = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2]]
BASIS = {"rz", "sx", "x", "cx", "measure", "barrier"}


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def device():
    """A device of four qubits in a line, without noise."""
    return AerSimulator(
        coupling_map=LINE, basis_gates=["rz", "sx", "x", "cx"], max_parallel_threads=1
    )


def far_apart(bit, n_qubits=4, name=None):
    """A circuit that needs routing, whose outcome is all zeros or all ones."""
    circuit = QuantumCircuit(n_qubits, name=name)
    if bit:
        circuit.x(0)
    for qubit in range(1, n_qubits):
        circuit.cx(0, qubit)
    circuit.measure_all()
    return circuit


@pytest.fixture
def in_workers(monkeypatch):
    """Transpile in two processes from the second circuit on."""
    monkeypatch.setenv("QISKIT_NUM_PROCS", "2")
    monkeypatch.setattr(transpiler, "_SERIAL_S", 0.0)


def test_circuits_run_transpiled_and_are_known_by_what_was_handed_over(manager, device):
    circuits = [far_apart(0), far_apart(1)]
    job_set = manager.run(circuits, device, transpile=True, shots=10)
    results = job_set.results(timeout=60)
    assert [results.get_counts(circuit) for circuit in circuits] == [{"0000": 10}, {"1111": 10}]
    for index, original in enumerate(circuits):
        sent = job_set.circuit(original)
        assert {each.operation.name for each in sent.data} <= BASIS
        assert sent.layout is not None
        assert sent.name == original.name
        assert job_set.job(sent)[1] == index


def test_the_same_script_goes_on_behind_what_is_stored(manager, device):
    def broken():
        for k in range(20):
            yield far_apart(k % 2)
        raise RuntimeError("the notebook died")

    options = {"name": "again", "optimization_level": 2, "shots": 10, "if_exists": "resume"}
    options["max_experiments_per_job"] = 1
    with pytest.raises(RuntimeError):
        manager.run(broken(), device, **options)
    assert 0 < manager.find("again").n_experiments <= 20
    circuits = [far_apart(k % 2) for k in range(22)]
    for _ in range(2):
        job_set = manager.run(circuits, device, **options)
        assert (job_set.n_experiments, job_set.results(timeout=60).success) == (22, True)
    assert job_set.results().get_counts(21) == {"1111": 10}


class Kicked(Gate):
    """A gate with a parameter that no store can keep, and a definition that it can."""

    def __init__(self, setting):
        super().__init__("kicked", 1, [])
        self._params = [setting]

    def _define(self):
        self.definition = QuantumCircuit(1)
        self.definition.x(0)


class Setting:
    """A setting of an instrument, as a user may write it."""


def kicked(n_times, name=None):
    circuit = QuantumCircuit(2, name=name)
    for _ in range(n_times):
        circuit.append(Kicked(Setting()), [0])
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("given", [list, iter], ids=["list", "generator"])
def test_an_original_that_cannot_be_kept_runs_and_is_known_again(manager, device, given):
    options = {"name": "kept", "transpile": True, "if_exists": "resume", "shots": 10}
    with pytest.raises(InvalidExperimentError, match=r"'kicked', a Kicked, cannot be kept"):
        manager.run([kicked(1)], StatevectorSampler(), name="as it is")
    results = manager.run(given([kicked(1), kicked(2)]), device, **options).results(timeout=60)
    assert [results.get_counts(index) for index in (0, 1)] == [{"11": 10}, {"00": 10}]
    again = manager.run(given([kicked(1), kicked(2)]), device, **options)
    assert again.n_experiments == 2
    assert again.results().get_counts(kicked(1)) == {"11": 10}
    with pytest.raises(NameInUseError, match="experiment 1 is the first that differs"):
        manager.run(given([kicked(1), kicked(3)]), device, **options)


def test_the_original_of_a_pub_need_not_be_kept_either(manager, device):
    for primitive, more in ((BackendSamplerV2, ()), (BackendEstimatorV2, ("ZZ",))):
        options = {"name": primitive.__name__, "transpile": True, "if_exists": "resume"}
        options["drive"] = False
        for _ in range(2):
            circuit = kicked(1)
            if more:
                circuit.remove_final_measurements()
            job_set = manager.run([(circuit, *more)], primitive(backend=device), **options)
            assert job_set.n_experiments == 1


def test_what_was_stored_is_not_transpiled_again(manager, device, monkeypatch):
    options = {"name": "again", "transpile": True, "if_exists": "resume", "drive": False}
    job_set = manager.run([far_apart(0)], device, **options)

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("qiskit.transpiler.passmanager.StagedPassManager.run", refuse)
    again = manager.run([far_apart(0)], device, **options)
    assert again.job_set_id() == job_set.job_set_id()


@pytest.mark.parametrize(
    "other",
    [{}, {"optimization_level": 3}, {"transpile": True, "seed_transpiler": 5}],
    ids=["not at all", "another level", "another seed"],
)
def test_resuming_with_other_options_is_refused(manager, device, other):
    options = {"name": "again", "drive": False}
    manager.run([far_apart(0, 1)], device, optimization_level=1, **options)
    with pytest.raises(NameInUseError, match="options of the transpiler"):
        manager.run([far_apart(0, 1)], device, **other, if_exists="resume", **options)


def test_other_circuits_are_refused_by_what_was_handed_over(manager, device):
    options = {"name": "again", "transpile": True, "if_exists": "resume", "drive": False}
    manager.run([far_apart(0), far_apart(1)], device, **options)
    with pytest.raises(NameInUseError, match="experiment 1 is the first that differs"):
        manager.run([far_apart(0), far_apart(0)], device, **options)


def test_circuits_that_were_transpiled_without_a_seed_get_the_advice(manager, device):
    first, again = (
        transpile(far_apart(0), device, initial_layout=layout, seed_transpiler=1)
        for layout in ([0, 1, 2, 3], [3, 1, 2, 0])
    )
    manager.run([first], device, name="own", drive=False)
    with pytest.raises(NameInUseError, match=r"transpil.* seed"):
        manager.run([again], device, name="own", if_exists="resume", drive=False)


def test_processes_give_the_same_circuits_in_order(manager, device, in_workers):
    def swept():
        for k in range(12):
            circuit = far_apart(k % 2)
            circuit.metadata = {"k": k}
            yield circuit

    there = manager.run(swept(), device, transpile=True, drive=False)
    transpiler._SERIAL_S = float("inf")
    here = manager.run(swept(), device, transpile=True, drive=False)
    for k in range(12):
        assert there.circuit(k) == here.circuit(k)
        assert there.circuit(k).metadata == {"k": k}


def test_in_processes_too_what_came_before_an_error_stays(manager, device, in_workers):
    def broken():
        for k in range(9):
            yield far_apart(k % 2)
        raise RuntimeError("the notebook died")

    options = transpiler.checked_options(True, 1, None)
    came = transpiler.Transpiler(adapt(device), options, lambda _: None).transpiled(broken())
    assert [next(came).experiment.num_qubits for _ in range(9)]
    with pytest.raises(RuntimeError):
        next(came)


def test_a_circuit_that_its_generator_changes_is_transpiled_as_it_was(manager, device):
    def changing():
        circuit = far_apart(0)
        for k in range(4):
            circuit.name, circuit.metadata = f"c{k}", {"k": k}
            yield circuit
            circuit.data.insert(0, far_apart(1).data[0])  # one more flip

    job_set = manager.run(changing(), device, transpile=True, shots=10)
    results = job_set.results(timeout=60)
    seen = [results.get_counts(f"c{k}") for k in range(4)]
    assert seen == [{"0000": 10}, {"1111": 10}] * 2
    assert [job_set.circuit(k).metadata for k in range(4)] == [{"k": k} for k in range(4)]


def test_where_no_process_can_be_started_it_goes_on_here(manager, device, in_workers, monkeypatch):
    def refuse(*_):
        raise OSError("no more processes")

    monkeypatch.setattr(transpiler, "_workers", refuse)
    job_set = manager.run([far_apart(k % 2) for k in range(4)], device, transpile=True, drive=False)
    assert job_set.n_experiments == 4


@pytest.mark.parametrize("handed_over", [list, iter])
def test_a_circuit_that_does_not_fit_is_named(manager, handed_over):
    device = GenericBackendV2(4, seed=1)
    circuits = handed_over([far_apart(0), far_apart(0, 5, name="five")])
    with pytest.raises(
        InvalidExperimentError, match=r"experiment 1 \('five'\) cannot be transpiled"
    ):
        manager.run(
            circuits, device, "wide", max_experiments_per_job=1, transpile=True, drive=False
        )
    assert manager.job_sets("wide") == []


def test_the_layout_that_was_asked_for_is_used(manager, device):
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    job_set = manager.run([bell], device, transpile={"initial_layout": [3, 2]}, drive=False)
    assert job_set.circuit(0).layout.initial_index_layout(filter_ancillas=True) == [3, 2]


def test_stages_that_the_backend_brings_along_are_used(manager):
    class Own(GenericBackendV2):
        def get_translation_stage_plugin(self):
            return "none_such"

    with pytest.raises(InvalidArgumentError, match="none_such"):
        manager.run([far_apart(0)], Own(4, seed=1), transpile=True)
    other = {"translation_method": "translator"}
    assert manager.run([far_apart(0)], Own(4, seed=1), transpile=other, drive=False).n_jobs == 1


def test_a_samplers_pubs_are_transpiled(manager, device):
    theta = Parameter("theta")
    circuit = QuantumCircuit(4)
    circuit.ry(theta, 0)
    circuit.cx(0, 3)
    circuit.measure_all()
    pubs = [(circuit, [0.0]), (circuit, [3.141592653589793])]
    sampler = BackendSamplerV2(backend=device)
    job_set = manager.run(pubs, sampler, transpile=True, shots=10)
    results = job_set.results(timeout=60)
    assert [results.get_counts(pub) for pub in pubs] == [{"0000": 10}, {"1001": 10}]
    assert job_set.circuit(pubs[1]).layout is not None
    with pytest.raises(JobManagerJobNotFound):
        results.get_counts((circuit, [1.0]))


def test_an_estimators_observables_follow_the_layout(manager, device):
    circuit = QuantumCircuit(2)
    circuit.x(0)
    estimator = BackendEstimatorV2(backend=device)
    job_set = manager.run(
        [(circuit, ["IZ", "ZI"])], estimator, transpile={"initial_layout": [3, 1]}
    )
    assert list(job_set.results(timeout=60).pub_result(0).data.evs) == [-1.0, 1.0]


def test_a_plan_transpiles_too(manager, device):
    plan = manager.plan([far_apart(0)], device, transpile=True, shots=5)
    assert (plan.n_experiments, plan.executions) == (1, 5)


def test_progress_is_shown_where_it_is_asked_for(manager, device, capsys):
    manager.run([far_apart(0), far_apart(1)], device, transpile=True, progress=True, drive=False)
    assert "2/2" in capsys.readouterr().err
    manager.run([far_apart(0)], device, transpile=True, drive=False)
    assert capsys.readouterr() == ("", "")


def test_what_has_no_target_is_refused_with_the_way_out(manager):
    with pytest.raises(InvalidArgumentError, match=r"no target .* BackendSamplerV2\(backend"):
        manager.run([far_apart(0)], StatevectorSampler(), transpile=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"transpile": "yes"}, "transpile is 'yes'"),
        ({"optimization_level": 4}, "optimization_level is 4"),
        ({"optimization_level": True}, "optimization_level is True"),
        ({"transpile": True, "seed_transpiler": -1}, "seed_transpiler is -1"),
        ({"seed_transpiler": 1}, "need transpile=True"),
        ({"transpile": False, "optimization_level": 1}, "need transpile=True"),
        ({"transpile": {"routing": "sabre"}}, "option 'routing'; the options are .*routing_method"),
        ({"transpile": {"target": None}}, "option 'target'"),
        ({"transpile": {"hls_config": object()}}, "cannot be stored"),
        ({"transpile": {"routing_method": "none_such"}}, "refuses its options.*none_such"),
    ],
)
def test_options_that_cannot_be_used_are_named(manager, device, options, words):
    with pytest.raises(InvalidArgumentError, match=words):
        manager.run([far_apart(0)], device, **options)
    assert manager.job_sets() == []
