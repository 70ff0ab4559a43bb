"""A device of 133 qubits is emulated, as only what is in use need fit into a simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr, types
from qiskit.primitives import BitArray, StatevectorSampler
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager.errors import InvalidExperimentError
from qiskit_job_manager.testing.ibm_service import Engine, IBMService, pointed
from qiskit_job_manager.testing.ibm_service.simulation import narrowed_estimate, sampled_bits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_ibm_runtime import IBMBackend

pytestmark = pytest.mark.filterwarnings("ignore:.*(SamplerV2|EstimatorV2):DeprecationWarning")
WIDTH = 133


@pytest.fixture(scope="module", params=list(Engine))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of them."""
    return Engine(request.param)


@pytest.fixture(scope="module")
def torino(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IBMBackend]:
    """A wide backend of the unmodified client."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    with (
        IBMService(engine=engine, snapshots=("torino",)) as ibm,
        pointed(ibm.address, tmp_path_factory.mktemp("home")) as arguments,
    ):
        yield QiskitRuntimeService(**arguments).backend("ibm_torino")


def rotated() -> QuantumCircuit:
    """Make a circuit that is no Clifford circuit, with one angle and two entangled qubits."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(2)
    circuit.ry(angle, 0)
    circuit.cx(0, 1)
    return circuit


def corrected() -> QuantumCircuit:
    """Make a dynamic circuit that ends in 1 whatever it measures first."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def laid_out(circuit: QuantumCircuit, backend: IBMBackend) -> QuantumCircuit:
    return transpile(circuit, backend, optimization_level=1, seed_transpiler=1)


@pytest.mark.parametrize("executor", [False, True])
def test_samplers_run_sweeps(torino: IBMBackend, engine: Engine, executor: bool) -> None:
    from qiskit_ibm_runtime import SamplerV2
    from qiskit_ibm_runtime.executor_sampler import Sampler

    circuit = rotated()
    circuit.measure_all()
    circuit = laid_out(circuit, torino)
    assert circuit.num_qubits == torino.num_qubits == WIDTH
    sampler = Sampler(mode=torino) if executor else SamplerV2(torino)
    found = sampler.run([(circuit, [[0.0], [np.pi], [1.0]])], shots=64).result()[0].data.meas
    assert (found.shape, found.num_shots, found.num_bits) == ((3,), 64, 2)
    if engine is Engine.AER:
        assert found.get_counts(0) == {"00": 64}
        assert found.get_counts(1) == {"11": 64}
        assert set(found.get_counts(2)) == {"00", "11"}


@pytest.mark.parametrize("executor", [False, True])
def test_samplers_run_dynamic_circuits(torino: IBMBackend, engine: Engine, executor: bool) -> None:
    from qiskit_ibm_runtime import SamplerV2
    from qiskit_ibm_runtime.executor_sampler import Sampler

    circuit = laid_out(corrected(), torino)
    sampler = Sampler(mode=torino) if executor else SamplerV2(torino)
    counts = sampler.run([circuit], shots=64).result()[0].data.c.get_counts()
    assert sum(counts.values()) == 64
    if engine is Engine.AER:
        assert set(counts) == {"10", "11"}


@pytest.mark.parametrize("executor", [False, True])
def test_estimators_run_sweeps(torino: IBMBackend, engine: Engine, executor: bool) -> None:
    """The one on the executor twirls, and so measures all qubits."""
    from qiskit_ibm_runtime import EstimatorV2
    from qiskit_ibm_runtime.executor_estimator import Estimator

    circuit = laid_out(rotated(), torino)
    observables = [
        SparsePauliOp(pauli).apply_layout(circuit.layout, WIDTH) for pauli in ("ZZ", "IZ")
    ]
    estimator: Any = Estimator(mode=torino) if executor else EstimatorV2(torino)
    pub = (circuit, [[each] for each in observables], [[0.0], [1.0]])
    values = estimator.run([pub]).result()[0].data
    assert values.evs.shape == values.stds.shape == (2, 2)
    if engine is Engine.AER:
        assert np.allclose(values.evs, [[1, 1], [1, np.cos(1.0)]], atol=0.15)


def test_parts_that_share_nothing_are_put_together_again() -> None:
    """As 20 pairs and 93 single qubits, of which a state would have 2 to the 133 amplitudes."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(WIDTH, WIDTH)
    for qubit in range(0, 40, 2):
        circuit.ry(1.0, qubit)
        circuit.cx(qubit, qubit + 1)
    for qubit in range(40, WIDTH):
        circuit.rx(angle, qubit)
    circuit.barrier()
    circuit.measure(range(WIDTH), reversed(range(WIDTH)))
    bits = sampled_bits(SamplerPub.coerce((circuit, [[0.0], [np.pi]]), 32), seed=1)["c"]
    assert bits.shape == (2, 32, WIDTH)
    by_qubit = bits[..., ::-1]
    assert (by_qubit[..., 0:40:2] == by_qubit[..., 1:40:2]).all()
    assert 0 < by_qubit[..., 0:40:2].mean() < 0.5
    assert not by_qubit[0, :, 40:].any()
    assert by_qubit[1, :, 40:].all()
    again = sampled_bits(SamplerPub.coerce((circuit, [[0.0], [np.pi]]), 32), seed=1)["c"]
    assert (bits == again).all()


def test_qubits_that_share_only_a_bit_stay_together() -> None:
    circuit = QuantumCircuit(WIDTH, 2)
    circuit.x(7)
    circuit.measure(7, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(99)
    circuit.measure(99, 1)
    assert sampled_bits(SamplerPub.coerce((circuit,), 8), seed=1)["c"].all()


def test_variables_are_refused_as_aer_would_end_the_process() -> None:
    circuit = QuantumCircuit(WIDTH, 1, name="counting")
    flag = circuit.add_var("flag", expr.lift(1, types.Uint(8)))
    with circuit.if_test(expr.equal(flag, 1)):
        circuit.x(99)
    circuit.measure(99, 0)
    with pytest.raises(InvalidExperimentError, match="'counting' has variables"):
        sampled_bits(SamplerPub.coerce((circuit,), 8), seed=1)


def test_a_part_runs_as_the_whole_does() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.ry(2.0, 2)
    circuit.measure([0, 1, 2], [2, 0, 1])
    wide = QuantumCircuit(WIDTH, 3)
    wide.compose(circuit, [40, 3, 130], [0, 1, 2], inplace=True)
    expected = StatevectorSampler(seed=1).run([circuit], shots=4000).result()[0].data.c
    bits = sampled_bits(SamplerPub.coerce((wide,), 4000), seed=1)["c"]
    found = BitArray.from_bool_array(bits, order="little").get_counts()
    for key in set(found) | set(expected.get_counts()):
        assert found[key] == pytest.approx(expected.get_counts()[key], abs=250)


def test_a_circuit_that_measures_nothing_gives_zeros() -> None:
    circuit = QuantumCircuit(3, 2)
    circuit.x(0)
    assert not sampled_bits(SamplerPub.coerce((circuit,), 8), seed=1)["c"].any()


def test_an_estimate_keeps_what_is_in_use_or_asked_of() -> None:
    circuit = QuantumCircuit(WIDTH)
    circuit.x(7)
    observables = [
        {"I" * 125 + "Z" + "I" * 7: 1.0},
        {"Z" + "I" * 132: 2.0, "I" * 132 + "X": 3.0},
    ]
    narrow = narrowed_estimate(EstimatorPub.coerce((circuit, observables), 0.1))
    assert narrow.circuit.num_qubits == 3
    assert narrow.observables.tolist() == [{"IZI": 1.0}, {"ZII": 2.0, "IIX": 3.0}]
