"""What any version wrote, every later version reads.

The files in ``golden`` are never written again. A new format gets a file of its own, made by
``python tests/codec/test_golden.py`` with the version that first writes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import qiskit_aer  # noqa: F401  # gives circuits their save instructions
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, InverseModifier, Parameter
from qiskit.circuit.library import IntegerComparatorGate, RXGate, StatePreparation
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.qpy.common import QPY_VERSION
from qiskit.quantum_info import Operator, SparseObservable, SparsePauliOp, Statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData, MeasLevel

from qiskit_job_manager.codec.circuit_content import circuit_content
from qiskit_job_manager.codec.circuits import encode_circuit, pack, unpack
from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments
from qiskit_job_manager.codec.formats import (
    CIRCUITS_FORMAT,
    ESTIMATOR_PUBS_FORMAT,
    SAMPLER_PUBS_FORMAT,
)
from qiskit_job_manager.codec.primitive_results import encode_primitive_result
from qiskit_job_manager.codec.pubs import unpack_estimator_pubs, unpack_sampler_pubs
from qiskit_job_manager.codec.results import (
    PRIMITIVE_FORMAT,
    RESULT_FORMAT,
    Opaque,
    encode_result,
    open_result,
)
from qiskit_job_manager.model import Blob, ExperimentKind

GOLDEN = Path(__file__).parent / "golden"
# The circuits in the files were written by Qiskit 2.6, and no older one reads them.
reads_circuits = pytest.mark.skipif(QPY_VERSION < 18, reason="they are of a newer Qiskit")


def golden_circuits() -> list[QuantumCircuit]:
    plain = QuantumCircuit(2, 2, name="plain", metadata={"a": [1, 2]}, global_phase=0.5)
    plain.h(0)
    plain.rx(0.25, 1)
    plain.cx(0, 1)
    plain.measure([0, 1], [0, 1])
    inner = QuantumCircuit(1, name="inner")
    inner.x(0)
    nested = QuantumCircuit(2, 1, name="nested")
    nested.append(inner.to_gate(), [0])
    with nested.if_test((0, 1)):
        nested.z(1)
    saved = QuantumCircuit(1, name="saved")
    saved.save_statevector(label="s", pershot=True)
    return [plain, nested, saved]


def golden_noted_circuits() -> list[QuantumCircuit]:
    """Circuits with one of each form in which an operation is kept beside its QPY file."""
    waiting = QuantumCircuit(1, 1, name="waiting", metadata={"x": np.int64(5), 3: (0, 1)})
    waiting.delay(0.5, 0, unit="us")
    with waiting.if_test((0, 1)):
        waiting.delay(Parameter("t", uuid=UUID(int=1)), 0, unit="ms")
    built = QuantumCircuit(2, name="built")
    built.append(StatePreparation([0.6, 0, 0, 0.8]).inverse(), [0, 1])
    state = QuantumCircuit(4, name="state")
    state.append(IntegerComparatorGate(2, 2), [0, 1, 2])
    annotated = QuantumCircuit(1, name="annotated")
    angle = Parameter("a", uuid=UUID(int=2))
    annotated.append(AnnotatedOperation(RXGate(angle), [InverseModifier()]), [0])
    custom = QuantumCircuit(3, name="custom")
    custom.append(RXGate(0.25).control(2, label="open", ctrl_state=1, annotated=False), [0, 1, 2])
    return [waiting, built, state, annotated, custom, *golden_circuits()[2:]]


def golden_result() -> Result:
    """A result with one of everything that the format knows."""
    experiments = [
        ExperimentResult(
            1024,
            True,
            ExperimentResultData(counts={hex(7 * i % 32): i * i + 1 for i in range(20)}),
            header={"name": f"circuit-{number}", "creg_sizes": [["c", 5]]},
            status="DONE",
            seed=2113 * number,
            time_taken=number / 1e9,
        )
        for number in range(130)
    ]
    data = [
        {"counts": {"0X1": 1, "0011": 2, "": 3}, "memory": ["0x1", "0x01"]},
        {"counts": {hex(2**100 + 1): 1, hex(2**90): 5}},
        {"counts": {"0x0": 0.25, "0x1": -0.25}, "memory": [[[0.5, -0.0], [1e300, 2.0]]]},
        {"memory": np.array([[1 + 2j, 3]]), "statevector": Statevector([1, 0, 0], dims=(3,))},
        {"unitary": Operator([[0, 1], [1, 0]]), "ints": [0, -1, 2**63, 2**64], "none": None},
        {"set": {1}, "frozen": frozenset({2}), "bytes": b"\0\1", "complex": 1j, 5: (True, False)},
        {
            "scalar": np.float32(0.5),
            "at": datetime(2026, 1, 2, tzinfo=UTC),
            "odd": Opaque("t", "r"),
        },
    ]
    for each in data:
        named = {key: value for key, value in each.items() if isinstance(key, str)}
        kinds = {key: value for key, value in each.items() if not isinstance(key, str)}
        experiments.append(
            ExperimentResult(
                (0, 10), False, ExperimentResultData(**named), MeasLevel.KERNELED, kinds=kinds
            )
        )
    return Result(
        backend_name="golden", job_id="j", success=False, results=experiments, extra={"a": [1.5]}
    )


def golden_circuit_with_parameters() -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="swept", metadata={"a": 1})
    circuit.ry(Parameter("a", uuid=UUID(int=1)), 0)
    circuit.rz(Parameter("b", uuid=UUID(int=2)), 1)
    circuit.cx(0, 1)
    return circuit


def golden_sampler_pubs() -> list[SamplerPub]:
    circuit = golden_circuit_with_parameters()
    circuit.measure_all()
    alone = QuantumCircuit(1, 1, name="alone")
    alone.measure(0, 0)
    values = {"a": np.arange(6.0).reshape(2, 3), "b": np.full((2, 3), -0.0)}
    pubs = [alone, (circuit, values, 100), (circuit, np.ones((4, 2)) / 3, None)]
    return [SamplerPub.coerce(pub) for pub in pubs]


def golden_estimator_pubs() -> list[EstimatorPub]:
    circuit = golden_circuit_with_parameters()
    plain = QuantumCircuit(2, name="plain")
    several = [[SparsePauliOp(["ZZ", "XI"], [0.5, -2])], ["YY"], [SparseObservable("+-")]]
    pubs = [(plain, "ZZ"), (circuit, several, np.ones((4, 2)) / 3, 0.01)]
    return [EstimatorPub.coerce(pub) for pub in pubs]


def golden_primitive_result() -> PrimitiveResult:
    """A result with one of everything that the format knows."""
    draw = [bytes([13 * i % 8, 7 * i % 256]) for i in range(2 * 300)]
    wide = np.frombuffer(b"".join(draw), np.uint8).reshape(2, 300, 2)
    single = np.arange(20, dtype=np.uint8).reshape(20, 1) % 8
    pubs = [
        SamplerPubResult(DataBin(low=BitArray(single, 3)), {"shots": 20, "circuit_metadata": {}}),
        SamplerPubResult(DataBin(wide=BitArray(wide, 11), shape=(2,))),
        SamplerPubResult(DataBin(meas=np.arange(6).reshape(3, 2) * 1j)),
        PubResult(
            DataBin(evs=np.array([0.5, -0.0]), stds=np.ones(2, np.float32), shape=(2,)),
            {"target_precision": 0.1, "names": np.array(["a", "bc"])},
        ),
        PubResult(DataBin(evs=np.float64(0.25), odd=None, told="x", shape=())),
    ]
    return PrimitiveResult(pubs, {"version": 2, "at": datetime(2026, 1, 2, tzinfo=UTC)})


@reads_circuits
@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("qpy-frames-1*.bin")), ids=lambda path: path.name
)
def test_circuits_of_format_1_are_read(path):
    circuits = unpack(Blob("qpy-frames/1", path.read_bytes()))
    assert circuits[:2] == golden_circuits()[:2]
    assert [each.name for each in circuits] == ["plain", "nested", "saved"]
    assert circuits[2].data[0].operation._subtype == "list"


@reads_circuits
@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("qpy-frames-2*.bin")), ids=lambda path: path.name
)
def test_circuits_of_format_2_are_read(path):
    circuits = unpack(Blob("qpy-frames/2", path.read_bytes()))
    for circuit, wanted in zip(circuits, golden_noted_circuits(), strict=True):
        assert circuit_content(circuit) == circuit_content(wanted)
        assert (circuit.name, circuit.metadata) == (wanted.name, wanted.metadata)


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("qiskit-result-1*.bin")), ids=lambda path: path.name
)
def test_results_of_format_1_are_read(path, same_result):
    reader = open_result(Blob("qiskit-result/1", path.read_bytes()))
    assert same_result(reader.result(), golden_result())
    assert set(reader.failures()) == set(range(130, 137))


@reads_circuits
@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("sampler-pubs-*.bin")), ids=lambda path: path.name
)
def test_a_samplers_pubs_are_read(path):
    found = unpack_sampler_pubs(Blob("sampler-pubs/" + path.stem[-1], path.read_bytes()))
    for pub, wanted in zip(found, golden_sampler_pubs(), strict=True):
        assert (pub.circuit.name, pub.shots) == (wanted.circuit.name, wanted.shots)
        assert pub.circuit == wanted.circuit
        assert _values(pub) == _values(wanted)


@reads_circuits
@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("estimator-pubs-*.bin")), ids=lambda path: path.name
)
def test_an_estimators_pubs_are_read(path):
    found = unpack_estimator_pubs(Blob("estimator-pubs/" + path.stem[-1], path.read_bytes()))
    for pub, wanted in zip(found, golden_estimator_pubs(), strict=True):
        assert (pub.circuit.name, pub.precision) == (wanted.circuit.name, wanted.precision)
        assert pub.circuit == wanted.circuit
        assert _values(pub) == _values(wanted)
        assert pub.observables.tolist() == wanted.observables.tolist()


def _values(pub):
    bindings = pub.parameter_values
    return bindings.shape, {names: array.tolist() for names, array in bindings.data.items()}


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("primitive-result-1*.bin")), ids=lambda path: path.name
)
def test_results_of_primitives_of_format_1_are_read(path, same):
    found = open_result(Blob("primitive-result/1", path.read_bytes())).result()
    wanted = golden_primitive_result()
    assert same(found.metadata, wanted.metadata)
    for pub, golden in zip(found, wanted, strict=True):
        assert type(pub) is type(golden)
        assert pub.data.shape == golden.data.shape
        assert same(pub.metadata, golden.metadata)
        assert same(dict(pub.data.items()), dict(golden.data.items()))


def test_there_is_a_file_of_each_format_that_is_written():
    names = {path.name for path in GOLDEN.glob("*.bin")}
    for format_name in (
        CIRCUITS_FORMAT,
        RESULT_FORMAT,
        PRIMITIVE_FORMAT,
        SAMPLER_PUBS_FORMAT,
        ESTIMATOR_PUBS_FORMAT,
    ):
        stem = format_name.replace("/", "-")
        assert any(name.startswith(stem) for name in names)


def packed(pubs, kind: ExperimentKind) -> bytes:
    return pack_experiments([encode_experiment(pub, kind) for pub in pubs], kind).data


if __name__ == "__main__":
    for format_name, data in (
        (CIRCUITS_FORMAT, pack([encode_circuit(each) for each in golden_noted_circuits()]).data),
        (RESULT_FORMAT, encode_result(golden_result()).data),
        (PRIMITIVE_FORMAT, encode_primitive_result(golden_primitive_result()).data),
        (SAMPLER_PUBS_FORMAT, packed(golden_sampler_pubs(), ExperimentKind.SAMPLER_PUB)),
        (ESTIMATOR_PUBS_FORMAT, packed(golden_estimator_pubs(), ExperimentKind.ESTIMATOR_PUB)),
    ):
        path = GOLDEN / f"{format_name.replace('/', '-')}.bin"
        if not path.exists():
            path.write_bytes(data)
