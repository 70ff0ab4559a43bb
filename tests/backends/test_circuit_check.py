"""Circuits that cannot run are refused before anything is sent, and no others are."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.classical import expr
from qiskit.circuit.library import CXGate, DiagonalGate, QFTGate, get_standard_gate_name_mapping
from qiskit.converters import circuit_to_dag
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus
from qiskit_aer import AerSimulator, StatevectorSimulator, UnitarySimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager.backends import adapt
from qiskit_job_manager.errors import InvalidExperimentError


def measured(act, qubits=3):
    circuit = QuantumCircuit(qubits, qubits, name="mine")
    act(circuit)
    circuit.measure(0, 0)
    return circuit


def passes(backend, circuit, **options):
    try:
        adapt(backend).check(circuit, 0, options)
    except InvalidExperimentError:
        return False
    return True


def runs(backend, circuit, **options):
    """Say whether the backend really runs a circuit."""
    try:
        return backend.run(circuit, shots=2, **options).result().success
    except Exception:  # noqa: BLE001  # whatever it is, the circuit did not run
        return False


def reason(backend, experiment, index=5, **options):
    with pytest.raises(InvalidExperimentError) as caught:
        adapt(backend).check(experiment, index, options)
    return str(caught.value)


@pytest.fixture(scope="module")
def aer():
    return AerSimulator(max_parallel_threads=1)


@pytest.fixture(scope="module")
def manila():
    fake = FakeManilaV2()
    fake.set_options(max_parallel_threads=1)
    return fake


@pytest.fixture(scope="module")
def of_manila(manila):
    return AerSimulator.from_backend(manila, max_parallel_threads=1)


# -- no circuit, no parameters, no measurement ------------------------------------------------


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (None, "None"),
        ("OPENQASM 3;", "str"),
        (42, "int"),
        (circuit_to_dag(QuantumCircuit(1)), "DAGCircuit"),
        ([QuantumCircuit(1)], "nested"),
        ((QuantumCircuit(1), None), "nested"),
        (QuantumCircuit, "class QuantumCircuit"),
    ],
)
def test_what_is_no_circuit_is_named_by_index_and_type(aer, thing, words):
    text = reason(aer, thing, index=31)
    assert "experiment 31 is" in text
    assert words in text
    assert "must be a QuantumCircuit" in text


def test_unbound_parameters_are_named(aer):
    circuit = measured(lambda c: c.rx(Parameter("theta"), 0))
    circuit.global_phase = Parameter("phi")
    text = reason(aer, circuit)
    assert "experiment 5 ('mine')" in text
    assert "'theta'" in text
    assert "'phi'" in text
    many = ParameterVector("v", 1000)
    assert len(reason(aer, measured(lambda c: [c.rx(p, 0) for p in many]))) < 300


def test_bound_parameters_are_none(aer):
    theta = Parameter("theta")
    circuit = measured(lambda c: c.rx(theta, 0)).assign_parameters({theta: 1.0})
    assert passes(aer, circuit)


@pytest.mark.parametrize("make", [AerSimulator, BasicSimulator, FakeManilaV2])
def test_a_circuit_that_measures_nothing_is_refused(make):
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    assert "no measurement" in reason(make(), circuit)


def test_a_measurement_within_control_flow_counts(aer):
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(2)):
        circuit.measure(0, 0)
    assert passes(aer, circuit)
    empty = QuantumCircuit(1, 1)
    with empty.for_loop(range(2)):
        empty.x(0)
    assert "no measurement" in reason(aer, empty)


@pytest.mark.parametrize("save", ["statevector", "unitary", "density_matrix", "probabilities"])
def test_a_saved_state_needs_no_measurement(aer, save):
    circuit = QuantumCircuit(1)
    circuit.x(0)
    getattr(circuit, f"save_{save}")()
    assert passes(aer, circuit)
    assert runs(aer, circuit)


def test_simulators_that_return_a_state_need_no_measurement():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    for make in (UnitarySimulator, StatevectorSimulator):
        with pytest.warns(PendingDeprecationWarning):
            simulator = make()
        assert passes(simulator, circuit)
        assert simulator.run(circuit).result().data()
    unitary = AerSimulator(method="unitary")
    assert not unitary.run(circuit).result().data()
    assert not passes(unitary, circuit)


# -- targets ----------------------------------------------------------------------------------


@pytest.fixture(params=["manila", "generic"])
def device(request, manila):
    generic = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=1)
    return manila if request.param == "manila" else generic


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda c: c.h(1), "'h' on qubits [1]"),
        (lambda c: c.cx(0, 2), "'cx' on qubits [0, 2]"),
        (lambda c: c.append(Gate("foo", 1, []), [0]), "'foo' on qubits [0]"),
        (lambda c: c.ccx(0, 1, 2), "'ccx' on qubits [0, 1, 2]"),
        (lambda c: c.append(CXGate(ctrl_state=0), [0, 1]), "'cx_o0'"),
    ],
)
def test_an_untranspiled_circuit_is_refused_and_passes_when_transpiled(device, act, words):
    text = reason(device, measured(act))
    assert words in text
    assert device.name in text
    assert "transpile(circuit, backend)" in text
    if "foo" not in words:
        assert passes(device, transpile(measured(act), device, optimization_level=0))


def test_too_many_qubits_are_refused(device):
    text = reason(device, measured(lambda c: None, qubits=6))
    assert "6 qubits" in text
    assert "has 5" in text


def test_blocks_are_checked_on_the_qubits_of_the_whole_circuit(manila):
    def circuit(*pair):
        made = QuantumCircuit(5, 5)
        made.measure(0, 0)
        with made.if_test((0, 1)), made.for_loop(range(2)):
            made.cx(*pair)
        return made

    assert passes(manila, circuit(3, 4))
    assert "'cx' on qubits [2, 4]" in reason(manila, circuit(2, 4))


def test_what_a_fake_backend_runs_beyond_its_target_passes(manila):
    saved = measured(lambda c: c.save_density_matrix())
    loop = QuantumCircuit(1, 1)
    with loop.for_loop(range(3)):
        loop.x(0)
        loop.break_loop()
    loop.measure(0, 0)
    stored = measured(lambda c: c.store(c.add_var("a", expr.lift(False)), expr.lift(True)))
    for circuit in (saved, loop, measured(lambda c: c.barrier())):
        assert passes(manila, circuit)
        assert runs(manila, circuit)
    assert passes(manila, stored)


def test_a_backend_without_target_takes_anything(providers):
    class Targetless(providers["Provider"]):
        @property
        def target(self):
            raise NotImplementedError

    for backend in (Targetless(), providers["Provider"]()):
        assert passes(backend, measured(lambda c: c.x(0)))
    assert passes(Targetless(), measured(lambda c: c.append(Gate("foo", 1, []), [0])))


def test_basic_simulator_takes_what_it_runs():
    basic = BasicSimulator()
    standard = get_standard_gate_name_mapping()
    wrong = []
    for name, gate in standard.items():
        circuit = _with_gate(name, gate)
        if circuit and passes(basic, circuit) != runs(basic, circuit):
            wrong.append(name)
    assert wrong == []


# -- Aer --------------------------------------------------------------------------------------


def _with_gate(name, gate, *, save=False):
    if name == "measure":
        return None
    params = [10] if name == "delay" else [0.3] * len(gate.params)
    made = gate.copy()
    if params:
        made.params = params
    qubits = max(gate.num_qubits, 1)
    circuit = QuantumCircuit(qubits, qubits)
    circuit.append(made, range(gate.num_qubits))
    if save:
        circuit.save_state()
    else:
        circuit.measure(0, 0)
    return circuit


METHODS = ["automatic", "statevector", "density_matrix", "stabilizer", "matrix_product_state"]
METHODS += ["extended_stabilizer", "superop", "unitary"]


@pytest.mark.parametrize("method", METHODS)
def test_no_gate_is_refused_that_aer_runs(method):
    simulator = AerSimulator(method=method, max_parallel_threads=1)
    plain = AerSimulator(max_parallel_threads=1)
    logging.disable(logging.CRITICAL)  # Aer logs every failure
    try:
        for name, gate in get_standard_gate_name_mapping().items():
            circuit = _with_gate(name, gate, save=method in ("superop", "unitary"))
            if circuit is None:
                continue
            if runs(simulator, circuit):
                assert passes(simulator, circuit), name
                assert passes(plain, circuit, method=method), name
            elif method == "automatic":
                assert not passes(simulator, circuit), name
    finally:
        logging.disable(logging.NOTSET)


def dynamic(circuit):
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.measure(0, 0)
    with circuit.switch(circuit.clbits[0]) as case, case(0):
        circuit.x(1)
    with circuit.for_loop(range(3)):
        circuit.x(2)
        circuit.break_loop()


BEYOND_GATES = {
    "barrier": lambda c: c.barrier(),
    "delay": lambda c: c.delay(10, 0),
    "reset": lambda c: c.reset(0),
    "initialize": lambda c: c.initialize([0, 1], 0),
    "unitary": lambda c: c.unitary(np.eye(2), 0),
    "save": lambda c: c.save_density_matrix(),
    "set": lambda c: c.set_statevector(np.eye(8)[0]),
    "open control": lambda c: c.append(CXGate(ctrl_state=0), [0, 1]),
    "kraus": lambda c: c.append(Kraus([np.eye(2) * 0.6, np.eye(2) * 0.8]), [0]),
    "noise": lambda c: c.append(depolarizing_error(0.1, 1), [0]),
    "control flow": dynamic,
    "mcp": lambda c: c.mcp(0.1, [0, 1], 2),
    "pauli": lambda c: c.pauli("XYZ", [0, 1, 2]),
    "diagonal": lambda c: c.append(DiagonalGate([1, -1]), [0]),
}
NEVER = {
    "custom": lambda c: c.append(Gate("foo", 1, []), [0]),
    "composite": lambda c: c.append(QFTGate(2), [0, 1]),
    "prepared": lambda c: c.prepare_state([0, 1], 0),
}


@pytest.mark.parametrize("kind", [*BEYOND_GATES, *NEVER])
def test_aer_takes_what_it_runs_beyond_gates(aer, kind):
    circuit = measured((BEYOND_GATES | NEVER)[kind])
    assert runs(aer, circuit) == (kind in BEYOND_GATES)
    assert passes(aer, circuit) == (kind in BEYOND_GATES)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_refused_that_a_method_runs_after_it_was_compiled(method):
    simulator = AerSimulator(method=method, max_parallel_threads=1)
    logging.disable(logging.CRITICAL)
    try:
        for kind, act in BEYOND_GATES.items():
            circuit = measured(act)
            if runs(simulator, circuit):
                assert passes(simulator, circuit), kind
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", [*BEYOND_GATES, *NEVER, "h", "cx uncoupled", "sx"])
def test_a_simulator_of_a_device_takes_what_it_runs(of_manila, kind):
    acts = BEYOND_GATES | NEVER
    acts |= {
        "h": lambda c: c.h(0),
        "cx uncoupled": lambda c: c.cx(0, 2),
        "sx": lambda c: c.sx(0),
    }
    circuit = measured(acts[kind])
    assert passes(of_manila, circuit) == runs(of_manila, circuit)


def test_aer_is_not_held_to_the_qubits_of_a_state_vector(aer):
    wide = QuantumCircuit(60, 60)
    wide.h(0)
    wide.cx(range(59), range(1, 60))
    wide.measure(range(60), range(60))
    assert wide.num_qubits > aer.num_qubits
    assert runs(aer, wide)
    assert passes(aer, wide)


def test_aer_is_not_held_to_the_gates_of_its_noise_model():
    noise = NoiseModel(basis_gates=["cx", "u3"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    simulator = AerSimulator(noise_model=noise, max_parallel_threads=1)
    circuit = measured(lambda c: c.h(0))
    assert "h" not in simulator.target.operation_names
    assert runs(simulator, circuit)
    assert passes(simulator, circuit)


def test_a_method_that_nobody_knows_is_left_to_aer(aer):
    assert passes(aer, measured(lambda c: c.h(0)), method="warp")


def test_the_target_is_read_once_for_all_circuits(providers):
    reads = []

    class Slow(providers["Provider"]):
        @property
        def target(self):
            reads.append(time.monotonic())
            return self.simulator.target

    adapter = adapt(Slow())
    for index in range(5):
        adapter.check(measured(lambda c: c.x(0)), index, {})
    assert len(reads) == 1


@pytest.mark.parametrize("placed", [True, False])
def test_a_target_that_says_nothing_of_measuring_forbids_no_measurement(placed):
    """As that of pytket's `TketBackend`, which measures and lists gates alone."""
    from qiskit.circuit.library import CXGate, XGate
    from qiskit.transpiler import Target

    from qiskit_job_manager.backends.checks.circuits import rules_of

    target = Target(num_qubits=2)
    target.add_instruction(XGate(), {(0,): None, (1,): None} if placed else None)
    measured = QuantumCircuit(2, 2)
    measured.x(0)
    measured.measure([0, 1], [0, 1])
    assert rules_of(target, saves=False).first_unsupported(measured) is None
    measured.append(CXGate(), [0, 1])
    assert "'cx'" in rules_of(target, saves=False).first_unsupported(measured)
