"""What counts as a result of the PUBs that were sent: all else is kept, and called a failure."""

from __future__ import annotations

import json

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit_ibm_runtime import RuntimeEncoder

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.codec.ibm_json import encode_runtime_text
from qiskit_job_manager.codec.primitive_results import encode_primitive_result
from qiskit_job_manager.codec.pubs import unpack_sampler_pubs
from qiskit_job_manager.errors import ManagedResultDataNotAvailable
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing import ScriptedBackend


def sampled(names, shots, registers=("meas",)):
    """A result with one PUB for each circuit's name, which is in none of them."""
    data = {name: BitArray.from_counts({"01": shots}, num_bits=2) for name in registers}
    return PrimitiveResult([SamplerPubResult(DataBin(**data)) for _ in names])


def as_text(result):
    return encode_runtime_text(json.dumps(result, cls=RuntimeEncoder))


@pytest.fixture
def run(manager):
    """Runs three circuits where a function answers with what was made of their names and shots."""

    def start(answer, shots=20):
        def compute(payload, options, _):
            names = [pub.circuit.name for pub in unpack_sampler_pubs(payload)]
            return answer(names, options["shots"])

        backend = ScriptedBackend(
            SystemClock(),
            Capabilities(volatile=True),
            takes=ExperimentKind.SAMPLER_PUB,
            run=compute,
            count=lambda payload: len(unpack_sampler_pubs(payload)),
        )
        circuits = [QuantumCircuit(2, name=f"c{i}") for i in range(3)]
        for circuit in circuits:
            circuit.measure_all()
        job_set = manager.run(circuits, backend, shots=shots)
        job_set.wait(timeout=60)
        return job_set

    return start


@pytest.mark.parametrize("encode", [encode_primitive_result, as_text])
def test_as_many_pubs_and_shots_as_were_sent_are_a_result(run, encode):
    job_set = run(lambda names, shots: encode(sampled(names, shots)))
    results = job_set.results(timeout=60)
    assert results.success
    assert results.get_counts("c2") == {"01": 20}
    assert len(job_set.result()) == 3


def ragged(names, shots):
    data = DataBin(a=BitArray.from_counts({"0": shots}), b=BitArray.from_counts({"0": 3}))
    return PrimitiveResult([SamplerPubResult(data) for _ in names])


def cut(names, shots):
    text = json.dumps(sampled(names, shots), cls=RuntimeEncoder)
    return encode_runtime_text(text[: len(text) // 2])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda names, shots: encode_primitive_result(sampled(names[1:], shots)),
            "2 results for 3",
        ),
        (lambda names, shots: as_text(sampled([*names, "d"], shots)), "4 results for 3"),
        (lambda names, shots: as_text(sampled(names, shots + 1)), "21 shots instead of 20"),
        (lambda names, shots: encode_primitive_result(sampled(names, 7)), "7 shots instead of 20"),
        (lambda names, shots: encode_primitive_result(ragged(names, shots)), "different numbers"),
        (lambda names, shots: encode_runtime_text("<html>502 Bad Gateway</html>"), "is no JSON"),
        (cut, "is no JSON"),
        (lambda names, shots: encode_runtime_text("[" * 10**6), "is no JSON"),
        (lambda names, shots: encode_runtime_text('{"error": "internal"}'), "no PrimitiveResult"),
        (lambda names, shots: encode_runtime_text('{"schema_version": "v2.0", "data": 1}'), "list"),
    ],
)
def test_what_is_no_result_of_the_job_is_kept_and_called_a_failure(run, answer, words):
    job_set = run(answer)
    assert not job_set.progress().success
    assert words in job_set.error_messages()
    with pytest.raises(ManagedResultDataNotAvailable, match=words):
        job_set.results(timeout=30).get_counts(0)
    source = source_of(job_set)
    [job] = source.store.jobs(source.record.key)
    names = ["c0", "c1", "c2"]
    assert source.store.result(job.key).data == answer(names, 20).data


def test_what_a_refused_result_holds_can_be_read_if_asked_for(run):
    job_set = run(lambda names, shots: encode_primitive_result(sampled(names, 7)))
    results = job_set.results(timeout=60, partial=True)
    assert results.get_counts("c1") == {"01": 7}
    assert results.pub_result(1).data.meas.num_shots == 7


def test_registers_of_different_shots_are_read_one_by_one(run):
    results = run(lambda *given: encode_primitive_result(ragged(*given))).results(0, partial=True)
    assert results.pub_result(0).data.b.num_shots == 3
    for read in (results.get_counts, results.get_memory, results.data):
        with pytest.raises(ManagedResultDataNotAvailable, match="different numbers of shots"):
            read(0)
