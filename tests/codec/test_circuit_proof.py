"""Every operation comes back as it was: of the library, of control flow, of Aer, of users."""

from __future__ import annotations

import contextlib
import inspect

import numpy as np
import pytest
from library_gates import ADDED_LATER, ARGUMENTS, alone, forms, library_classes, library_gates
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import (
    AnnotatedOperation,
    BreakLoopOp,
    CircuitError,
    ControlledGate,
    Delay,
    ForLoopOp,
    Gate,
    Instruction,
    InverseModifier,
    Parameter,
    ParameterVector,
    Qubit,
    WhileLoopOp,
    library,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import Initialize, MCXVChain, RXGate, StatePreparation, UCGate
from qiskit.primitives import StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Clifford, Kraus, Operator, SparsePauliOp, random_unitary
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_job_manager.codec.circuit_content import circuit_content
from qiskit_job_manager.codec.circuit_proof import PROVEN
from qiskit_job_manager.codec.circuits import encode_circuit, load_circuit
from qiskit_job_manager.errors import CodecError


def _back(circuit):
    return load_circuit(encode_circuit(circuit).data, 0)


def _said(circuit):
    return repr(circuit_content(circuit))


def _comes_back(circuit):
    back = _back(circuit)
    assert _said(back) == _said(circuit)
    assert [each.name for each in back.parameters] == [each.name for each in circuit.parameters]
    for one, other in zip(circuit.data, back.data, strict=True):
        ours, theirs = one.operation, other.operation
        assert ours.name == theirs.name
        assert getattr(ours, "label", None) == getattr(theirs, "label", None)
        assert getattr(ours, "unit", None) == getattr(theirs, "unit", None)
    return back


# -- the library ---------------------------------------------------------------------------------


def test_every_class_of_the_library_is_tried():
    tried = {name.rsplit("-", 1)[0] for name, _ in library_gates()}
    assert tried == {each.__name__ for each in library_classes()}
    assert ARGUMENTS.keys() - tried <= ADDED_LATER


def _by_class():
    gates = {}
    for name, gate in library_gates():
        gates.setdefault(name.rsplit("-", 1)[0], []).append(gate)
    return gates


@pytest.mark.parametrize(("name", "gates"), _by_class().items(), ids=list(_by_class()))
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_every_form_of_every_gate_comes_back(name, gates):
    for gate in gates:
        for form, operation in forms(gate):
            circuit = alone(operation)
            if name == "DiagonalGate" and form == "annotated inverse":
                # Qiskit puts the class of the modifier where an instance belongs.
                with pytest.raises(CodecError, match=r"'annotated', an? AnnotatedOperation"):
                    encode_circuit(circuit)
                continue
            back = _back(circuit)
            one, other = circuit.data[0], back.data[0]
            assert _said(back) == _said(circuit), form
            assert (one.name, one.label) == (other.name, other.label), form


@pytest.mark.parametrize("name", sorted(PROVEN))
def test_every_proven_instruction_comes_back_with_label_and_parameters(name):
    """What is taken as proved by its type is proved here, by reading it back."""
    for _, gate in library_gates():
        if gate.name != name or gate.num_qubits > 4:
            continue
        labelled = gate.to_mutable()
        labelled.label = "my label"
        for operation in (gate, labelled):
            circuit = QuantumCircuit(operation.num_qubits, operation.num_clbits)
            circuit.append(operation, circuit.qubits, circuit.clbits)
            data = encode_circuit(circuit).data
            assert data[:6] == b"QISKIT"  # no notes
            back = load_circuit(data, 0)
            assert _said(back) == _said(circuit)
            assert back.data[0].operation.base_class is circuit.data[0].operation.base_class
            assert back.data[0].operation.label == circuit.data[0].operation.label
            if not isinstance(operation, (library.Barrier, library.Measure, library.Reset)):
                assert np.array_equal(Operator(back).data, Operator(circuit).data)


def test_all_proven_instructions_are_in_the_library():
    assert {gate.name for _, gate in library_gates()} >= PROVEN


# -- delays --------------------------------------------------------------------------------------

_t = Parameter("t")
_DURATIONS = [
    (100, "dt"),
    (100, "ns"),
    (0.5, "us"),
    (1 / 3, "ms"),
    (2, "s"),
    (7.25, "ps"),
    (_t, "us"),
    (_t, "dt"),
    (2 * _t + 1, "s"),
    (ParameterVector("x", 3)[1], "ns"),
]


@pytest.mark.parametrize(("duration", "unit"), _DURATIONS)
def test_a_delay_keeps_its_duration_and_unit_wherever_it_stands(duration, unit):
    # Qiskit/qiskit#10662, qiskit-experiments#1509
    def delayed():
        circuit = QuantumCircuit(1)
        circuit.x(0)
        circuit.delay(duration, 0, unit=unit)
        return circuit

    inner = delayed()
    custom = QuantumCircuit(2, 1)
    custom.append(inner.to_instruction(), [1])
    flow = QuantumCircuit(2, 1)
    with flow.if_test((0, 1)) as else_:
        flow.h(0)
    with else_, flow.for_loop(range(2)):
        flow.delay(duration, 1, unit=unit)
        flow.append(inner.to_instruction(), [0])
    nested = QuantumCircuit(2, 1)
    nested.append(custom.to_instruction(), [0, 1], [0])
    for circuit in (inner, custom, flow, nested):
        _comes_back(circuit)
    operation = _back(inner).data[1].operation
    assert operation.unit == unit
    assert operation.duration == duration


def test_a_swept_delay_can_be_bound_after_reading():
    circuit = QuantumCircuit(1)
    circuit.delay(_t, 0, unit="us")
    bound = _back(circuit).assign_parameters([2.5])
    assert (bound.data[0].operation.duration, bound.data[0].operation.unit) == (2.5, "us")


def test_delays_of_openqasm_3_come_back():
    qasm3 = pytest.importorskip("qiskit.qasm3")
    pytest.importorskip("qiskit_qasm3_import")
    source = 'OPENQASM 3.0; include "stdgates.inc"; qubit q; x q; delay[200us] q; delay[1.5ms] q;'
    circuit = _comes_back(qasm3.loads(source))
    assert [each.operation.unit for each in circuit.data[1:]] == ["us", "ms"]


def test_many_delays_are_kept_each_at_its_place():
    circuit = QuantumCircuit(3)
    for index in range(60):
        circuit.delay(index + 1, index % 3, unit=("ns", "us", "dt")[index % 3])
        circuit.x(index % 3)
    back = _comes_back(circuit)
    assert [each.operation.duration for each in back.data[::2]] == list(range(1, 61))


# -- control flow --------------------------------------------------------------------------------


def _flows():
    circuit = QuantumCircuit(3, 3)
    with circuit.if_test((circuit.cregs[0], 5), label="mine") as else_:
        circuit.delay(1, 0, unit="us")
    with else_:
        circuit.append(StatePreparation([0.6, 0.8]).inverse(), [1])
    yield "if", circuit
    circuit = QuantumCircuit(2, 2)
    body = QuantumCircuit(2, 2)
    body.rx(_t, 0)
    body.delay(_t, 1, unit="ns")
    body.append(BreakLoopOp(2, 2, label="stop"), [0, 1], [0, 1])
    circuit.append(ForLoopOp((1, 5, 2), _t, body, label="loop"), [0, 1], [0, 1])
    circuit.append(WhileLoopOp((circuit.clbits[1], 0), body.copy(), label="while"), [1, 0], [1, 0])
    yield "loops", circuit
    circuit = QuantumCircuit(2, 1)
    count = circuit.add_var("count", expr.lift(3, types.Uint(8)))
    flag = circuit.add_input("flag", types.Bool())
    circuit.store(count, expr.add(count, 1))
    with circuit.switch(count, label="cases") as case:
        with case(1, 2):
            circuit.delay(2, 0, unit="ms")
        with case(case.DEFAULT), circuit.if_test(expr.logic_and(flag, expr.less(count, 200))):
            circuit.append(UCGate([np.eye(2), random_unitary(2, seed=1).data]), [0, 1])
    with circuit.while_loop(expr.logic_not(flag)):
        inner = circuit.add_var("inner", expr.lift(True))
        circuit.store(flag, inner)
    yield "variables", circuit
    circuit = QuantumCircuit(2)
    stretch = circuit.add_stretch("s")
    circuit.delay(stretch, 0)
    circuit.delay(expr.mul(stretch, 2.0), 1)
    with circuit.box(label="box", duration=200, unit="ns"):
        circuit.delay(100, 0, unit="ns")
    with circuit.box(duration=stretch):
        circuit.x(1)
    yield "boxes", circuit
    yield "an inverse in loops", _in_loops(StatePreparation([0.6, 0.8]).inverse())
    yield "a gate that QPY cannot read in loops", _in_loops(library.AndGate(1).inverse())
    with contextlib.suppress(CircuitError):  # Qiskit before 2.5 does not have it
        yield "loop over a variable", _loop_over_a_variable()


def _in_loops(operation):
    """A circuit with an operation that QPY changes, beside gates that have loop parameters."""
    circuit = QuantumCircuit(2, 1)
    with circuit.for_loop(range(2)) as i, circuit.for_loop((3, 1)) as j:
        with circuit.if_test((0, 1)) as else_:
            circuit.rx(i + 2 * j, 0)
        with else_, circuit.box(label="b"):
            circuit.append(operation, range(operation.num_qubits))
        circuit.ry(j, 1)
    return circuit


def _loop_over_a_variable():
    circuit = QuantumCircuit(1)
    with circuit.for_loop(range(3), loop_parameter=expr.Var.new("i", types.Uint(8))):
        circuit.delay(3, 0, unit="s")
    return circuit


@pytest.mark.parametrize(("name", "circuit"), list(_flows()), ids=[name for name, _ in _flows()])
def test_control_flow_comes_back_with_what_is_in_it(name, circuit):
    _comes_back(circuit)


# -- operations of users -------------------------------------------------------------------------


class MatrixGate(Gate):
    """A gate that has a matrix and no definition."""

    def __init__(self):
        super().__init__("from_matrix", 1, [])

    def __array__(self, dtype=None, copy=None):
        return np.array([[0, 1j], [1j, 0]], dtype or complex)


class DefinedGate(Gate):
    """A gate with a definition that QPY cannot read."""

    def __init__(self, angle):
        super().__init__("defined", 2, [angle], label="seen by noise")

    def _define(self):
        self.definition = QuantumCircuit(2)
        self.definition.append(UCGate([np.eye(2), random_unitary(2, seed=1).data]), [0, 1])
        self.definition.rx(self.params[0], 0)


class MSGate(Gate):
    """A gate with the name of one of the library's classes, and another meaning."""

    def __init__(self):
        super().__init__("ms", 1, [])

    def _define(self):
        self.definition = QuantumCircuit(1)
        self.definition.x(0)


def _own(*operations):
    circuit = QuantumCircuit(3, 1)
    for each in operations:
        circuit.append(each, range(each.num_qubits), range(each.num_clbits))
    return circuit


@pytest.mark.parametrize(
    "operation",
    [
        MatrixGate(),
        DefinedGate(0.25),
        DefinedGate(_t),
        DefinedGate(0.5).control(1, ctrl_state=0, label="labelled", annotated=False),
        MSGate(),
        Gate("opaque", 2, [0.5, _t]),
        Instruction("opaque", 1, 1, [1, "text", np.eye(2)]),
        AnnotatedOperation(DefinedGate(_t), [InverseModifier()]),
        AnnotatedOperation(RXGate(_t), [InverseModifier()]),
        AnnotatedOperation(RXGate(ParameterVector("x", 2)[1] + _t), [InverseModifier()]),
        Clifford(library.CXGate()),
        Kraus(depolarizing_error(0.1, 1)).to_instruction(),
    ],
    ids=lambda operation: f"{type(operation).__name__}-{operation.name}",
)
def test_operations_of_users_come_back(operation):
    _comes_back(_own(operation, library.XGate()))


def test_a_gate_that_has_only_a_matrix_acts_as_before():
    back = _back(_own(MatrixGate()))
    assert np.allclose(Operator(back).data, Operator(_own(MatrixGate())).data)


_NAMES = ("z", "barrier", "measure", "unitary", "delay", "initialize", "mcx", "save_state", "Gate")


@pytest.mark.parametrize("name", _NAMES)
def test_an_operation_with_the_name_of_another_comes_back(name):
    inner = QuantumCircuit(4, name=name)
    inner.append(library.AndGate(2).control(1, annotated=False), range(4))  # QPY cannot read it
    for operation in (inner.to_gate(), inner.to_instruction(), Gate(name, 1, [0.5])):
        circuit = QuantumCircuit(4)
        circuit.append(operation, range(operation.num_qubits))
        _comes_back(circuit)


def _renamed(operation, name):
    operation = operation.to_mutable()
    operation.name = name
    return operation


@pytest.mark.parametrize("name", ["h", "reset", "measure", "foo"])
@pytest.mark.parametrize(
    "operation",
    [
        library.UnitaryGate(np.array([[0, 1], [1, 0]])),
        StatePreparation([0.6, 0.8]),
        Initialize([0.6, 0.8]),
        library.PauliGate("X"),
        library.QFTGate(1),
    ],
    ids=lambda operation: operation.name,
)
def test_an_operation_of_the_library_keeps_a_name_that_its_user_gave(operation, name):
    # Simulators and noise models know operations by name; QPY writes those of the library by class.
    for more in ([], [library.Barrier(2)], [library.XGate(label="mine")]):
        _comes_back(_own(_renamed(operation, name), *more))


class OwnUnitary(library.UnitaryGate):
    """Qiskit takes what derives from some classes for these themselves."""


class OwnBarrier(library.Barrier):
    """A barrier of a user's."""


class OwnDelay(Delay):
    """A delay of a user's."""


@pytest.mark.parametrize(
    "operation",
    [OwnUnitary(np.eye(2)), OwnBarrier(2), OwnDelay(5, "us")],
    ids=lambda operation: operation.name,
)
def test_what_derives_from_an_operation_of_qiskit_comes_back(operation):
    _comes_back(_own(operation))
    _comes_back(_own(operation, UCGate([np.eye(2), np.eye(2)])))


@pytest.mark.parametrize("unit", ["dt", "us"])
def test_a_delay_keeps_its_label(unit):
    delay = Delay(5, unit)
    delay.label = "idle"
    _comes_back(_own(delay))


def test_a_name_or_label_that_is_too_long_for_qpy_is_refused_with_its_size():
    for length in (2**16 - 1, 2**16):
        circuit = _own(library.XGate(label="n" * length))
        named = QuantumCircuit(1, name="n" * length)
        if length < 2**16:
            _comes_back(circuit)
            assert _back(named).name == named.name
            continue
        with pytest.raises(CodecError, match=r"label of instruction 0 has 65,536 bytes"):
            encode_circuit(circuit)
        with pytest.raises(CodecError, match=r"its name has 65,536 bytes, and at most 65,535"):
            encode_circuit(named)
    swept = QuantumCircuit(1)
    swept.rx(Parameter("n" * 2**16), 0)
    _comes_back(swept)  # in the notes


def test_what_can_be_kept_in_no_form_is_named():
    class Odd(Gate):
        def __init__(self):
            super().__init__("odd", 1, [])
            self._params = [object()]

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.append(Odd(), [1])
    with pytest.raises(CodecError, match=r"instruction 1, 'odd', a Odd, cannot be kept.*[Tt]ransp"):
        encode_circuit(circuit)
    outer = QuantumCircuit(2, 1)
    with outer.if_test((0, 1)):
        outer.append(Odd(), [1])
    with pytest.raises(CodecError, match=r"instruction 0 \(inside control flow\), 'odd'"):
        encode_circuit(outer)


# -- the rest of a circuit -----------------------------------------------------------------------


def _layouts():
    device = GenericBackendV2(5, seed=1)
    for bits in ([3], [[Qubit(), Qubit(), Qubit()]]):
        circuit = QuantumCircuit(*bits)
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.cx(0, 2)
        circuit.cx(1, 2)
        circuit.measure_all()
        for level in (0, 1, 3):
            yield transpile(circuit, device, seed_transpiler=3, optimization_level=level)


def test_layouts_registers_and_phases_come_back():
    for circuit in _layouts():
        back = _comes_back(circuit)
        assert back.layout.initial_index_layout() == circuit.layout.initial_index_layout()
        assert back.layout.final_index_layout() == circuit.layout.final_index_layout()
    phase = QuantumCircuit(1, global_phase=_t + 0.5)
    phase.h(0)
    assert _comes_back(phase).global_phase == phase.global_phase


def test_a_phase_that_qiskit_rounds_to_a_full_turn_comes_back():
    circuit = QuantumCircuit(1, 1, global_phase=-1e-17)
    assert circuit.global_phase == 2 * np.pi
    inner = circuit.copy()
    circuit.delay(1, 0, unit="us")
    circuit.append(inner.to_instruction(), [0], [0])
    with circuit.if_test((0, 1)):
        circuit.append(inner.to_instruction(), [0], [0])
    _comes_back(circuit)


# -- what runs is what was handed over -----------------------------------------------------------

_AMPLITUDES = np.array([1, 1j, 0.5, -1]) / np.sqrt(3.25)


def _native():
    """Circuits that Aer runs without translation."""
    mirrored = QuantumCircuit(2)
    mirrored.initialize(_AMPLITUDES.astype(np.complex64), [0, 1], normalize=True)
    mirrored.append(Initialize("r0"), [0, 1])
    mirrored.append(UCGate([random_unitary(2, seed=s).data for s in (1, 2)]), [0, 1])
    mirrored.unitary(random_unitary(4, seed=4).data, [1, 0], label="noisy")
    mirrored.append(library.DiagonalGate([1, -1, 1j, 1]), [0, 1])
    mirrored.append(library.PauliGate("XZ"), [0, 1])
    mirrored.append(Kraus(depolarizing_error(0.3, 1)), [1])
    yield mirrored
    waits = QuantumCircuit(2)
    waits.sx([0, 1])
    waits.delay(30, 0, unit="us")
    waits.delay(1e5, 1, unit="ns")
    yield waits


def _device():
    fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    return AerSimulator.from_backend(fake_provider.FakeManilaV2())


@pytest.mark.parametrize("circuit", list(_native()))
def test_aer_gives_the_same_shots(circuit):
    waits = "delay" in circuit.count_ops()
    circuit.measure_all()
    noise = NoiseModel()
    noise.add_quantum_error(depolarizing_error(0.4, 2), "noisy", [1, 0])
    backend = _device() if waits else AerSimulator(noise_model=noise)
    wanted, got = (
        backend.run(each, shots=300, seed_simulator=5).result().get_counts()
        for each in (circuit, _back(circuit))
    )
    assert got == wanted


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_statevector_samplers_give_the_same_shots():
    names = "StatePreparation MCXVChain MSGate UCRZGate IntegerComparatorGate AndGate MCMTGate"
    for name, gate in library_gates():
        if name.split("-")[0] not in names.split() or gate.num_qubits > 6:
            continue
        for form, operation in forms(gate):
            if operation.num_clbits or form not in ("itself", "inverse", "open", "annotated twice"):
                continue
            circuit = QuantumCircuit(operation.num_qubits)
            circuit.h(circuit.qubits)
            circuit.append(operation, circuit.qubits)
            circuit.h(circuit.qubits)
            circuit.measure_all()
            counts = [
                StatevectorSampler(seed=1).run([each], shots=50).result()[0].data.meas.get_counts()
                for each in (circuit, _back(circuit))
            ]
            assert counts[0] == counts[1], (name, form)


def test_the_inverse_of_a_preparation_undoes_it():  # Qiskit/qiskit#17000
    circuit = QuantumCircuit(2)
    circuit.append(StatePreparation(_AMPLITUDES), [0, 1])
    circuit.append(StatePreparation(_AMPLITUDES).inverse(), [0, 1])
    assert np.allclose(Operator(_back(circuit)).data @ [1, 0, 0, 0], [1, 0, 0, 0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dirty_ancillas_stay_dirty():
    [back] = _back(_wide(MCXVChain(4, dirty_ancillas=True))).data
    assert back.operation._dirty_ancillas is True


def _wide(operation):
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, circuit.qubits)
    return circuit


def _aer_instructions():
    circuit = QuantumCircuit(2)
    circuit.set_statevector([1, 0, 0, 0])
    circuit.h(0)
    circuit.save_statevector(label="s", pershot=True)
    circuit.save_density_matrix([0], conditional=True)
    circuit.save_expectation_value(SparsePauliOp(["XX"]), [0, 1])
    circuit.save_expectation_value_variance(SparsePauliOp(["XX"]), [0, 1])
    circuit.save_probabilities([1])
    circuit.save_probabilities_dict([0, 1])
    circuit.save_amplitudes([0, 3])
    circuit.save_amplitudes_squared([1])
    circuit.save_state()
    circuit.save_unitary(label="u")
    circuit.save_superop(label="o")
    circuit.save_stabilizer(label="t")
    circuit.save_matrix_product_state(label="m")
    circuit.set_density_matrix(np.diag([1, 0, 0, 0]))
    circuit.set_unitary(np.eye(4))
    circuit.set_stabilizer(Clifford(library.CXGate()))
    return circuit


def test_instructions_of_aer_come_back():
    import qiskit_aer  # noqa: F401  # gives circuits their save instructions

    back = _comes_back(_aer_instructions())
    kinds = [type(each.operation).__name__ for each in back.data]
    assert "SaveStatevector" in kinds
    assert inspect.getmodule(type(back.data[2].operation)).__name__.startswith("qiskit_aer")


def test_a_controlled_gate_keeps_what_it_controls():
    gate = DefinedGate(0.5).control(2, ctrl_state=1, annotated=False)
    circuit = QuantumCircuit(4)
    circuit.append(gate, range(4))
    operation = _back(circuit).data[0].operation
    assert isinstance(operation, ControlledGate)
    assert (operation.num_ctrl_qubits, operation.ctrl_state) == (2, 1)
    assert operation.base_gate.name == "defined"
    assert np.allclose(Operator(operation).data, Operator(gate).data)
