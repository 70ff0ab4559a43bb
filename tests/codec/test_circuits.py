from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy, transpile
from qiskit.circuit import Gate, IfElseOp, Parameter, ParameterVector
from qiskit.circuit.random import random_circuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.qpy.common import QPY_VERSION
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveExpectationValue, SaveStatevector
from qiskit_aer.noise import depolarizing_error

from qiskit_job_manager.codec import identity
from qiskit_job_manager.codec.circuit_content import circuit_content
from qiskit_job_manager.codec.circuits import (
    encode_circuit,
    pack,
    unpack,
    unpack_one,
)
from qiskit_job_manager.codec.formats import CIRCUITS_FORMAT
from qiskit_job_manager.codec.qpy_files import HEADER_BYTES, KNOWN_VERSIONS, PLACE_BYTES
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob


def _hash(circuit):
    return encode_circuit(circuit).content_hash


def _back(*circuits):
    return unpack(pack([encode_circuit(circuit) for circuit in circuits]))


def _bell(name=None):
    circuit = QuantumCircuit(2, 2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


# -- there and back ------------------------------------------------------------------------------


def test_circuits_come_back_in_order_with_names_and_metadata():
    circuits = [random_circuit(3, 4, measure=True, seed=seed) for seed in range(140)]
    for index, circuit in enumerate(circuits):
        circuit.name = f"c{index}"
        circuit.metadata = {"index": index}
    blob = pack([encode_circuit(circuit) for circuit in circuits])
    assert blob.format == CIRCUITS_FORMAT
    back = unpack(blob)
    assert back == circuits
    assert [each.name for each in back] == [each.name for each in circuits]
    assert [each.metadata for each in back] == [each.metadata for each in circuits]
    for offset in (0, 127, 128, 139):
        assert unpack_one(blob, offset) == circuits[offset]


def test_no_circuits_are_packed_to_none():
    assert unpack(pack([])) == []


@pytest.fixture(scope="module")
def transpiled():
    return transpile(_bell(), GenericBackendV2(4, seed=1), seed_transpiler=2)


def test_the_layout_of_a_transpiled_circuit_comes_back(transpiled):
    [back] = _back(transpiled)
    assert back.layout.initial_layout == transpiled.layout.initial_layout


@pytest.mark.parametrize("offset", [-1, 2])
def test_a_circuit_that_is_not_there_is_refused(offset):
    with pytest.raises(CodecError, match=f"no item {offset} "):
        unpack_one(pack([encode_circuit(_bell()) for _ in range(2)]), offset)


def test_another_format_is_refused_by_name():
    with pytest.raises(CodecError, match="qasm/1"):
        unpack(Blob("qasm/1", b""))


def test_every_cut_of_the_bytes_is_refused():
    data = pack([encode_circuit(_bell())]).data
    for end in range(len(data)):
        with pytest.raises(CodecError):
            unpack(Blob(CIRCUITS_FORMAT, data[:end]))


def test_a_parameter_that_qpy_cannot_take_is_refused():
    circuit = QuantumCircuit(1)
    circuit.append(Gate("odd", 1, []), [0])
    operation = Gate("odd", 1, [])
    operation._params = [object()]
    circuit.data[0] = circuit.data[0].replace(operation=operation)
    with pytest.raises(CodecError, match=r"instruction 0, 'odd', a Gate, cannot be kept: .*object"):
        encode_circuit(circuit)


# -- what Aer needs ------------------------------------------------------------------------------


def test_save_instructions_come_back_as_they_were_and_run():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.save_statevector(label="first", pershot=True)
    circuit.save_expectation_value(SparsePauliOp(["XX", "ZI"], [0.5, 2]), [0, 1])
    circuit.save_amplitudes([0, 3], label="some")
    [back] = _back(circuit)
    for old, new in zip(circuit.data, back.data, strict=True):
        assert type(new.operation) is type(old.operation)
        assert new.operation.label == old.operation.label
        assert new.operation.params == old.operation.params
        assert getattr(new.operation, "_subtype", None) == getattr(old.operation, "_subtype", None)
    simulator = AerSimulator(max_parallel_threads=1)
    wanted, got = (simulator.run(each, shots=2).result().data() for each in (circuit, back))
    assert got.keys() == wanted.keys()
    assert got["first"] == wanted["first"]
    assert np.array_equal(got["some"], wanted["some"])


def test_save_instructions_inside_control_flow_come_back():
    circuit = QuantumCircuit(1, 1)
    with circuit.if_test((0, 1)) as else_:
        circuit.x(0)
    with else_:
        circuit.save_statevector(conditional=True)
    [back] = _back(circuit)
    operation = back.data[0].operation.blocks[1].data[0].operation
    assert type(operation) is SaveStatevector
    assert operation._subtype == "c_single"


def test_what_differs_only_in_a_save_instruction_differs():
    def saved(**kwargs):
        circuit = QuantumCircuit(1)
        circuit.append(SaveExpectationValue(SparsePauliOp("Z"), **kwargs), [0])
        return _hash(circuit)

    assert len({saved(), saved(pershot=True), saved(unnormalized=True), saved(label="x")}) == 4
    assert saved(pershot=True) == saved(pershot=True)


def test_notes_are_ignored_without_aer(monkeypatch):
    circuit = QuantumCircuit(1)
    circuit.save_statevector()
    blob = pack([encode_circuit(circuit)])
    monkeypatch.setitem(sys.modules, "qiskit_aer", None)
    [back] = unpack(blob)
    assert back.data[0].operation.name == "save_statevector"


def test_a_noise_channel_that_qpy_would_drop_is_refused():
    circuit = QuantumCircuit(1, name="noisy")
    circuit.append(depolarizing_error(0.1, 1).to_instruction(), [0])
    with pytest.raises(CodecError, match=r"instruction 0, 'quantum_channel'.*Kraus"):
        encode_circuit(circuit)


# -- identity ------------------------------------------------------------------------------------

# One circuit of each kind that Qiskit does not write alike twice, and some that it does.
_KINDS = """
import json, sys
from qiskit import QuantumCircuit, qpy
from qiskit.circuit.library import zz_feature_map
from qiskit.circuit import Gate, IfElseOp, Parameter, ParameterVector
from qiskit.circuit.library import CXGate, MCXGate, PauliEvolutionGate, QFTGate
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import SparsePauliOp
import qiskit_aer
from qiskit_job_manager.codec.circuits import encode_circuit

for _ in range(int(sys.argv[1])):
    QuantumCircuit(1)  # counts the automatic names up

def kinds():
    yield "random", random_circuit(4, 8, seed=3, measure=True)
    named = QuantumCircuit(2, name="sub")
    named.h(0)
    counted = QuantumCircuit(2)
    counted.cx(0, 1)
    for name, sub in (("named gates", named), ("counted gates", counted)):
        circuit = QuantumCircuit(3)
        for first in (0, 1):
            circuit.append(sub.to_gate(), [first, first + 1])
        circuit.append(sub.to_gate().control(1), [0, 1, 2])
        yield name, circuit
    outer = QuantumCircuit(2)
    outer.append(counted.to_gate(), [0, 1])
    outer.append(named.to_gate(), [0, 1])
    circuit = QuantumCircuit(2, 2)
    circuit.append(outer.to_instruction(), [0, 1])
    circuit.append(IfElseOp((circuit.clbits[0], 1), outer.copy()), [0, 1], [])
    yield "nested", circuit
    circuit = QuantumCircuit(2, 2)
    variable = circuit.add_var("v", circuit.clbits[0])
    with circuit.if_test(variable):
        circuit.append(counted.to_gate(), [0, 1])
    yield "variable", circuit
    vector, circuit = ParameterVector("x", 3), QuantumCircuit(2)
    circuit.rx(vector[1], 0)
    circuit.ry(Parameter("t"), 1)
    yield "parameters", circuit
    yield "feature map", zz_feature_map(3)
    s, t, u = (Parameter(name) for name in "stu")
    circuit = QuantumCircuit(2, 1, global_phase=s - t * u)
    circuit.rx(s + t * u, 0)
    inner = QuantumCircuit(1)
    inner.rz(s * t - u, 0)
    circuit.append(inner.to_gate(), [0])
    circuit.append(Gate("mine", 1, [u + s / t]), [0])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(2 * s + t, 0)
    with circuit.for_loop(range(3)) as i:
        with circuit.for_loop(range(2)) as j:
            circuit.rx(i * j + s, 0)
        circuit.rx(i * u, 1)
    yield "expressions", circuit
    circuit = QuantumCircuit(1)
    circuit.delay(Parameter("whole"), 0)
    circuit.rx(s + t, 0)
    yield "durations", circuit
    circuit = QuantumCircuit(3)
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"])), [0, 1])
    circuit.append(QFTGate(2), [0, 1])
    circuit.append(MCXGate(2, ctrl_state=1), [0, 1, 2])
    circuit.append(CXGate(ctrl_state=0), [0, 1])
    circuit.append(Gate("mine", 1, [0.5]), [0])
    circuit.append(Gate("mine", 1, [0.25]), [0])
    yield "library", circuit
    circuit = QuantumCircuit(2)
    circuit.save_expectation_value(SparsePauliOp("ZZ"), [0, 1])
    circuit.save_statevector()
    yield "saves", circuit
    with open(sys.argv[2], "rb") as file:
        yield "layout", qpy.load(file)[0]

print(json.dumps({name: encode_circuit(each).content_hash.hex() for name, each in kinds()}))
"""


def test_the_hash_is_the_same_in_every_process_under_every_counted_name(tmp_path, transpiled):
    path = tmp_path / "transpiled.qpy"
    with path.open("wb") as file:
        qpy.dump(transpiled, file)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _KINDS, counted, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed, counted in (("0", "0"), ("1", "95"), ("2", "995"))
    ]
    said = [json.loads(child.communicate()[0]) for child in children]
    for name, digest in said[0].items():
        assert [each[name] for each in said] == [digest] * 3, name
    assert len(set(said[0].values())) == len(said[0])


def test_the_name_is_no_part_of_the_hash():
    assert len({_hash(_bell(name)) for name in (None, "a", "bell", "ü" * 300)}) == 1
    assert [encode_circuit(_bell(name)).name for name in ("a", "ü")] == ["a", "ü"]


def _changed():
    yield "nothing", _bell()
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    yield "gate", circuit
    for angle in (0.1, np.nextafter(0.1, 1)):
        circuit = _bell()
        circuit.rx(angle, 0)
        yield f"angle {angle!r}", circuit
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([1, 0], [0, 1])
    yield "qubits", circuit
    yield "register", _renamed_register()
    circuit = _bell()
    circuit.global_phase = 0.5
    yield "phase", circuit
    for state in (0, 1):
        circuit = QuantumCircuit(2)
        circuit.cx(0, 1, ctrl_state=state)
        yield f"control {state}", circuit
    for angle in (0.1, 0.2):
        inner = QuantumCircuit(1, name="inner")
        inner.rx(angle, 0)
        circuit = QuantumCircuit(1)
        circuit.append(inner.to_gate(), [0])
        yield f"inner {angle}", circuit
        circuit = QuantumCircuit(1, 1)
        circuit.append(IfElseOp((circuit.clbits[0], 1), inner), [0], [])
        yield f"block {angle}", circuit
    for value in (0, 1):
        circuit = QuantumCircuit(1, 1)
        with circuit.if_test((0, value)):
            circuit.x(0)
        yield f"condition {value}", circuit
    for name in ("a", "b"):
        circuit = QuantumCircuit(1)
        circuit.append(Gate(name, 1, []), [0])
        yield f"name of a gate {name}", circuit
        circuit = QuantumCircuit(1)
        circuit.rx(Parameter(name), 0)
        yield f"parameter {name}", circuit


def _changed_expressions():
    s, t, u = (Parameter(name) for name in "stu")
    for said in (s + t, s - t, t - s, s * t, 2 * s, s + t * u, s * t + u, s + t + 1e-12 * u):
        circuit = QuantumCircuit(1)
        circuit.rx(said, 0)
        yield f"expression {said}", circuit
    for turns, factor in ((2, 1), (3, 1), (2, 2)):
        circuit = QuantumCircuit(1)
        with circuit.for_loop(range(turns)) as i:
            circuit.rx(factor * i, 0)
        yield f"loop of {turns} by {factor}", circuit
    for first, second in ("ij", "ji"):
        circuit = QuantumCircuit(1)
        names = {}
        outer, inner = circuit.for_loop(range(2)), circuit.for_loop(range(2))
        with outer as names["i"], inner as names["j"]:
            circuit.rx(names[first] + 2 * names[second], 0)
        yield f"loops {first}{second}", circuit


def _renamed_register():
    circuit = QuantumCircuit(QuantumRegister(2, "other"), ClassicalRegister(2, "c"))
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def test_every_change_changes_the_hash():
    changed = dict([*_changed(), *_changed_expressions()])
    hashes = {name: _hash(circuit) for name, circuit in changed.items()}
    assert len(set(hashes.values())) == len(hashes)


def test_a_phase_of_a_full_turn_is_none_for_the_hash():
    rounded, none = (QuantumCircuit(1, global_phase=phase) for phase in (-1e-17, 0))
    assert (rounded.global_phase, none.global_phase) == (2 * np.pi, 0)
    assert circuit_content(rounded) == circuit_content(none)
    assert _hash(rounded) == _hash(none)


def test_a_function_without_a_value_at_the_point_of_comparison_does_not_stop_the_hash():
    def circuit(name):
        each = QuantumCircuit(1)
        each.rx((Parameter(name) - 5).log(), 0)  # of a negative number there
        return each

    assert _hash(circuit("s")) == _hash(circuit("s")) != _hash(circuit("t"))


def test_the_layout_is_no_part_of_the_hash(transpiled):
    circuit, bare = transpiled, transpiled.copy()
    bare._layout = None
    assert circuit_content(circuit) == circuit_content(bare)
    # The short way knows where the layout begins: no register of it, no place, is hashed.
    data = encode_circuit(circuit).data
    assert b"ancilla" in data
    assert b"ancilla" not in identity.plain_body(circuit, circuit.count_ops(), data)


@pytest.mark.parametrize("version", [each for each in KNOWN_VERSIONS if each <= QPY_VERSION])
def test_plain_circuits_go_the_short_way(version, tmp_path):
    for seed in range(5):
        circuit = random_circuit(4, 6, max_operands=2, measure=True, seed=seed)
        with (tmp_path / "c").open("wb") as file:
            qpy.dump(circuit, file, version=version)
        data = (tmp_path / "c").read_bytes()
        body = identity.plain_body(circuit, circuit.count_ops(), data)
        assert body is not None
        assert circuit.name.encode() not in body


def test_an_unknown_layout_of_the_bytes_goes_the_long_way():
    circuit = _bell()
    data = encode_circuit(circuit).data
    start = HEADER_BYTES + PLACE_BYTES
    for place, value in ((6, 19), (start + 1, 3), (start + identity._CIRCUIT_HEADER.size, 0)):
        other = bytearray(data)
        other[place] = value
        assert identity.plain_body(circuit, circuit.count_ops(), bytes(other)) is None
    more_registers = bytearray(data)
    struct.pack_into("!I", more_registers, start + 21, 2**31)
    assert identity.plain_body(circuit, circuit.count_ops(), bytes(more_registers)) is None


def test_vectors_that_are_not_used_whole_do_not_stop_the_hash():
    def circuit():
        vector = ParameterVector("x", 4)
        each = QuantumCircuit(1)
        each.rx(vector[2], 0)
        return each

    assert _hash(circuit()) == _hash(circuit())


# -- read together ---------------------------------------------------------------------------------


def _of_all_kinds(transpiled):
    sub = QuantumCircuit(2, name="sub")
    sub.h(0)
    inner = QuantumCircuit(2)
    inner.append(sub.to_gate(), [0, 1])
    with_gates = QuantumCircuit(2, 2, metadata={"a": [1, None]})
    with_gates.append(inner.to_instruction(), [0, 1])
    with with_gates.if_test((with_gates.clbits[0], 1)):
        with_gates.append(sub.to_gate(), [0, 1])
    vector, angle = ParameterVector("x", 3), Parameter("t")
    bound = []
    for element in vector[:2]:
        each = QuantumCircuit(2)
        each.rx(element + angle, 0)
        bound.append(each)
    saving = _bell("saving")
    saving.save_statevector(label="s", pershot=True)
    random = [random_circuit(4, 6, measure=True, seed=seed) for seed in range(5)]
    return [transpiled, with_gates, *bound, saving, QuantumCircuit(0), *random, _bell("ü")]


def test_circuits_that_are_read_together_are_those_that_are_read_alone(transpiled, monkeypatch):
    encoded = [encode_circuit(each) for each in _of_all_kinds(transpiled)]
    files = []
    monkeypatch.setattr(qpy, "load", lambda file, load=qpy.load: files.append(file) or load(file))
    together = unpack(pack(encoded))
    assert len(files) == 1
    alone = [unpack_one(pack(encoded), place) for place in range(len(encoded))]
    assert together == alone
    for one, other in zip(together, alone, strict=True):
        assert (one.name, one.metadata, one.layout) == (other.name, other.metadata, other.layout)
        assert encode_circuit(one).content_hash == encode_circuit(other).content_hash


def test_one_circuit_of_another_version_is_read_with_the_others():
    encoded = [encode_circuit(_bell(name)) for name in "abc"]
    with io.BytesIO() as file:
        qpy.dump(_bell("old"), file, version=15)
        encoded.insert(1, replace(encoded[0], data=file.getvalue()))
    assert [each.name for each in unpack(pack(encoded))] == ["a", "old", "b", "c"]


def test_a_damaged_circuit_among_others_is_named():
    encoded = [encode_circuit(_bell()) for _ in range(4)]
    data = bytearray(encoded[2].data)
    data[-40:] = b"\xff" * 40
    encoded[2] = replace(encoded[2], data=bytes(data))
    with pytest.raises(CodecError, match="Stored circuit 2 cannot be read"):
        unpack(pack(encoded))
