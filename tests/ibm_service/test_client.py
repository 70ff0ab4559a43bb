"""The unmodified client runs every kind of job on the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.primitives import PrimitiveResult
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager.testing.ibm_service import Engine, IBMService, Kind, Trouble, Way, pointed

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit_ibm_runtime import QiskitRuntimeService

# The client speaks of the primitives that it is about to replace.
pytestmark = pytest.mark.filterwarnings("ignore:.*(SamplerV2|EstimatorV2):DeprecationWarning")


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def test_a_sampler_job_is_found_by_its_tag_and_read(
    ibm: IBMService, service: QiskitRuntimeService
) -> None:
    from qiskit_ibm_runtime import SamplerV2

    backend = service.backend("ibm_manila")
    assert backend.target.num_qubits == 5
    sampler = SamplerV2(backend)
    sampler.options.environment.job_tags = ["mine"]
    job = sampler.run([transpile(bell(), backend)], shots=100)
    result = job.result()
    assert isinstance(result, PrimitiveResult)
    assert result[0].data.meas.num_shots == 100
    assert [found.job_id() for found in service.jobs(job_tags=["mine"], limit=5)] == [job.job_id()]
    assert job.metrics()["usage"]["qpu_charge_time_seconds"] == 1.0
    books = ibm.books()
    assert books.submissions_by_tag() == {"mine": 1}
    assert books.requests_by_job[job.job_id()] >= 2
    assert books.handed_out == [job.job_id()]


def test_what_was_accepted_and_then_reset_is_found_by_its_tag(
    ibm: IBMService, service: QiskitRuntimeService
) -> None:
    from qiskit_ibm_runtime import IBMRuntimeError, SamplerV2

    backend = service.backend("ibm_manila")
    sampler = SamplerV2(backend, options={"environment": {"job_tags": ["lost"]}})
    ibm.script(Kind.SUBMIT, Trouble(way=Way.RESET, after=True))
    with pytest.raises(IBMRuntimeError, match="Connection"):
        sampler.run([transpile(bell(), backend)])
    assert ibm.books().submissions_by_tag() == {"lost": 1}
    assert len(service.jobs(job_tags=["lost"], limit=5)) == 1


@pytest.mark.parametrize("engine", list(Engine))
def test_every_primitive_gives_a_result_of_its_kind(tmp_path: Path, engine: Engine) -> None:
    from qiskit_ibm_runtime import Batch, EstimatorV2, QiskitRuntimeService, SamplerV2
    from qiskit_ibm_runtime.executor_sampler import Sampler

    with IBMService(engine=engine) as ibm, pointed(ibm.address, tmp_path) as arguments:
        backend = QiskitRuntimeService(**arguments).backend("ibm_manila")
        circuit = transpile(bell(), backend, seed_transpiler=1)
        unmeasured = circuit.remove_final_measurements(inplace=False)
        observable = SparsePauliOp("ZZ").apply_layout(circuit.layout, 5)
        with Batch(backend=backend) as batch:
            sampled = SamplerV2(mode=batch).run([circuit], shots=50).result()
        executed = Sampler(mode=backend).run([circuit], shots=50).result()
        estimated = EstimatorV2(backend).run([(unmeasured, observable)]).result()
        programs = [each.program for each in ibm.books().submissions]
    assert programs == ["sampler", "executor", "estimator"]
    for result in (sampled, executed):
        assert result[0].data.meas.num_shots == 50
        if engine is Engine.AER:
            assert set(result[0].data.meas.get_counts()) <= {"00", "11"}
    assert -1 <= float(estimated[0].data.evs) <= 1.1
