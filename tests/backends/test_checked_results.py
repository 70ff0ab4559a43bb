"""PUBs on a backend are sampled from what its ``run()`` gave, whatever form that has.

Public sources: Qiskit/qiskit#15694, Qiskit/qiskit#15718. The backends here return results as IQM's
fakes and QDD do.
"""

from __future__ import annotations

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2

from qiskit_job_manager import JobManager, ManagedEstimator, ManagedSampler
from qiskit_job_manager.errors import ManagedResultDataNotAvailable


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


def in_bits(outcome, bits=2):
    return f"{int(outcome, 16):0{bits}b}"


def without_memory(data):
    del data.memory


def memory_in_bits(data):
    data.memory = [in_bits(each) for each in data.memory]
    data.counts = {in_bits(outcome): count for outcome, count in data.counts.items()}


def counts_in_bits_alone(data):
    memory_in_bits(data)
    del data.memory


def spaces_in_bits(data):
    memory_in_bits(data)
    data.memory = [" ".join(each) for each in data.memory]


def memory_of_zeros(data):
    data.memory = ["0x0"] * len(data.memory)


def memory_alone(data):
    del data.counts


FORMS = {
    "as Qiskit's": lambda data: None,
    "without memory": without_memory,
    "memory in bits": memory_in_bits,
    "counts in bits, without memory": counts_in_bits_alone,
    "bits with spaces": spaces_in_bits,
    "memory that contradicts the counts": memory_of_zeros,
    "memory alone": memory_alone,
}


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def backend(request, providers):
    class Odd(providers["Provider"]):
        def answer(self, result):
            for each in result.results:
                request.param(each.data)
                each.header = None
            return super().answer(result)

    return Odd()


def basis_states():
    circuit = QuantumCircuit(2, name="states")
    for qubit in range(2):
        circuit.rx(Parameter(f"a{qubit}"), qubit)
    circuit.measure_all()
    return circuit, [
        [0.0, 0.0],
        [3.141592653589793, 0.0],
        [0.0, 3.141592653589793],
        [3.141592653589793] * 2,
    ]


RIGHT = [{"00": 7}, {"01": 7}, {"10": 7}, {"11": 7}]


def counts_of(pub_result):
    bits = pub_result.data.meas
    return [bits.get_counts(index) for index in range(bits.shape[0])]


def test_a_sampler_over_it(manager, backend):
    results = manager.run([basis_states()], backend, shots=7).results(300)
    assert counts_of(results.pub_result(0)) == RIGHT


def test_qiskits_own_sampler_over_it(manager, backend):
    sampler = BackendSamplerV2(backend=backend)
    results = manager.run([basis_states()], sampler, shots=7).results(300)
    assert counts_of(results.pub_result(0)) == RIGHT
    assert sampler.backend is backend


def test_the_managed_sampler_over_it(manager, backend):
    sampler = ManagedSampler(backend, manager=manager)
    assert counts_of(sampler.run([basis_states()], shots=7).result()[0]) == RIGHT


def signs():
    circuit, values = basis_states()
    circuit.remove_final_measurements()
    return circuit, [["ZI"], ["IZ"]], values


def test_the_managed_estimator_over_it(manager, backend):
    estimator = ManagedEstimator(backend, manager=manager)
    result = estimator.run([signs()], precision=0.1).result()[0]
    assert result.data.evs.tolist() == [[1, 1, -1, -1], [1, -1, 1, -1]]


def test_qiskits_own_estimator_over_it(manager, backend):
    estimator = BackendEstimatorV2(backend=backend)
    results = manager.run([signs()], estimator, precision=0.1).results(300)
    assert results.data(0)["evs"].tolist() == [[1, 1, -1, -1], [1, -1, 1, -1]]


def test_registers_are_told_apart(manager, backend):
    two = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1, "a"), ClassicalRegister(1, "b"))
    two.x(1)
    two.measure([0, 1], [0, 1])
    data = manager.run([(two,)], backend, shots=7).results(300).pub_result(0).data
    assert (data.a.get_counts(), data.b.get_counts()) == ({"0": 7}, {"1": 7})


# -- what cannot be sampled from is refused -------------------------------------------------------


def neither(data):
    del data.memory, data.counts


def too_few_bits(data):
    without_memory(data)
    data.counts = {"1": 7}


def no_bits(data):
    without_memory(data)
    data.counts = {"up": 7}


def not_all_shots(data):
    without_memory(data)
    data.counts = {"0x1": 5}


def probabilities(data):
    without_memory(data)
    data.counts = {"0x1": 0.25, "0x2": 0.75}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (neither, "neither memory nor counts"),
        (too_few_bits, "no string of 2 bits"),
        (no_bits, "'up'"),
        (not_all_shots, "5 of 7 shots"),
        (probabilities, "0.25 counts"),
    ],
)
def test_what_is_no_sample_is_a_failure_with_its_reason(manager, providers, spoil, words):
    class Spoilt(providers["Provider"]):
        def answer(self, result):
            for each in result.results:
                spoil(each.data)
            return super().answer(result)

    results = manager.run([basis_states()], Spoilt(), shots=7, volatile=True).results(300)
    with pytest.raises(ManagedResultDataNotAvailable, match=words):
        results.get_counts(0)


def test_a_result_of_other_circuits_is_a_failure(manager, providers):
    class Drops(providers["Provider"]):
        def answer(self, result):
            del result.results[0]
            return super().answer(result)

    results = manager.run([basis_states()], Drops(), shots=7, volatile=True).results(300)
    with pytest.raises(ManagedResultDataNotAvailable, match="3 results came for 4 circuits"):
        results.get_counts(0)


def test_options_that_its_run_does_not_take_are_left_out(manager, providers):
    class Strict(providers["Provider"]):
        def run(self, run_input, shots=100):
            return super().run(run_input, shots=shots)

    results = manager.run([basis_states()], Strict(), shots=7).results(300)
    assert counts_of(results.pub_result(0)) == RIGHT
