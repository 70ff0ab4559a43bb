"""The results of a job set of PUBs, read as counts and as the primitive's own results."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BasePrimitiveJob,
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveResult,
    PubResult,
    SamplerPubResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import JobStatus
from qiskit.result import Counts, Result
from qiskit_aer import AerSimulator
from typer.testing import CliRunner

from qiskit_job_manager import Limits
from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.app import app
from qiskit_job_manager.errors import ManagedResultDataNotAvailable
from qiskit_job_manager.results import source_of


class _Ended(BasePrimitiveJob):
    def __init__(self, outcome):
        super().__init__("ended")
        self._outcome = outcome

    def result(self):
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def status(self):
        return JobStatus.ERROR if isinstance(self._outcome, Exception) else JobStatus.DONE

    def done(self):
        return True

    def running(self):
        return False

    def cancelled(self):
        return False

    def in_final_state(self):
        return True

    def cancel(self):
        return False


class Prepared(BaseSamplerV2):
    """A sampler that nobody has seen before: it answers with what it was given.

    Jobs are sent at the same time, so the name of the first circuit tells which answer is meant.
    """

    def __init__(self, *outcome, **by_name):
        self._outcome = outcome
        self._by_name = by_name

    def run(self, pubs, *, shots=None):
        return _Ended(self._by_name.get(pubs[0].circuit.name, *self._outcome))


def _plain(name="plain", qubits=2):
    circuit = QuantumCircuit(qubits, name=name)
    circuit.h(0)
    circuit.measure_all()
    return circuit


@pytest.fixture
def both_forms(registers):
    """The same shots as ``backend.run`` gives them, and as a sampler does."""
    simulator = AerSimulator(max_parallel_threads=1, seed_simulator=3)
    wanted = simulator.run(registers, shots=200, memory=True).result()
    split = zip(*(shot.split(" ") for shot in wanted.get_memory()), strict=True)
    names = [(register.name, register.size) for register in registers.cregs]
    arrays = {
        name: BitArray.from_samples(shots, size)
        for (name, size), shots in zip(reversed(names), split, strict=True)
    }
    ordered = {name: arrays[name] for name, _ in names}
    return wanted, PrimitiveResult([SamplerPubResult(DataBin(**ordered), {"shots": 200})])


def test_a_samplers_shots_read_as_backend_run_gives_them(manager, registers, both_forms):
    wanted, sampled = both_forms
    results = manager.run([registers], Prepared(sampled), shots=200).results(timeout=60)
    counts = results.get_counts("registers")
    assert type(counts) is Counts
    assert counts == wanted.get_counts()
    assert counts.int_outcomes() == wanted.get_counts().int_outcomes()
    assert results.get_memory(0) == wanted.get_memory()
    data = results.data(registers)
    assert data["counts"] == wanted.data()["counts"]
    assert data["memory"] == wanted.data()["memory"]
    combined = results.combine_results()
    assert type(combined) is Result
    assert combined.get_counts(0) == wanted.get_counts()
    assert combined.get_memory(0) == wanted.get_memory()


def test_counts_are_at_hand_for_the_command_line(manager, registers, both_forms):
    wanted, sampled = both_forms
    job_set = manager.run([registers], Prepared(sampled), shots=200)
    job_set.results(timeout=60)
    assert source_of(job_set).counts(0) == wanted.data()["counts"]


def test_pub_results_are_those_of_the_primitive(manager, registers, sweep, same_pub):
    pubs = [registers, sweep, _plain()]
    wanted = StatevectorSampler(seed=5).run(pubs, shots=100).result()
    job_set = manager.run(pubs, Prepared(wanted), shots=100)
    results = job_set.results(timeout=60)
    assert same_pub(results.pub_result("sweep"), wanted[1])
    whole = results.primitive_result()
    assert type(whole) is PrimitiveResult
    assert whole.metadata == wanted.metadata
    assert all(map(same_pub, whole, wanted))
    assert all(map(same_pub, results.result(), wanted))
    assert all(map(same_pub, job_set.result(timeout=60), wanted))


def test_one_result_has_all_jobs_in_the_order_of_the_input(manager):
    circuits = [_plain(f"c{i}", qubits=i + 1) for i in range(7)]
    sampler = StatevectorSampler(seed=5)
    job_set = manager.run(circuits, sampler, shots=10, max_experiments_per_job=3)
    whole = job_set.results(timeout=60).primitive_result()
    assert [pub.data.meas.num_bits for pub in whole] == [1, 2, 3, 4, 5, 6, 7]
    assert job_set.n_jobs == 3


def test_a_sweep_keeps_the_parameters_shape(manager, sweep):
    results = manager.run([sweep], StatevectorSampler(seed=1), shots=50).results(timeout=60)
    bits = results.pub_result(0).data.meas
    counts, memory = results.get_counts(0), results.get_memory(0)
    assert counts.shape == memory.shape == (2, 3)
    assert counts.dtype == memory.dtype == object
    for place in np.ndindex(2, 3):
        assert type(counts[place]) is Counts
        assert counts[place] == bits.get_counts(place)
        assert memory[place] == bits.get_bitstrings(place)
    assert results.data(0)["counts"].shape == (2, 3)
    with pytest.raises(QiskitError, match=r"sweep.*primitive_result\(\)"):
        results.combine_results()
    assert "a sweep of shape (2, 3)" in results._repr_html_()


@pytest.mark.parametrize("output", [[], ["--json"], ["--format", "csv"], ["sweep"]])
def test_the_command_line_says_what_a_sweep_is(manager, sweep, tmp_path, output):
    manager.run([sweep], StatevectorSampler(), name="one", shots=5).results(timeout=60)
    store = ["--store", str(tmp_path / "store.db")]
    done = CliRunner().invoke(app, [*store, "results", "one", *output])
    assert done.exit_code == errors.SOME_WITHOUT_RESULT
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "csv" in output or "a sweep of shape (2, 3)" in done.output


def test_a_sweep_of_one_axis_of_one_point_is_still_an_array(manager, sweep):
    circuit, _ = sweep
    results = manager.run([(circuit, [[0.5]])], StatevectorSampler(), shots=9).results(timeout=60)
    assert results.get_counts(0).shape == (1,)
    assert sum(results.get_counts(0)[0].values()) == 9


def test_expectation_values_are_data(manager, observed, same_pub):
    results = manager.run([observed], StatevectorEstimator()).results(timeout=60)
    wanted = StatevectorEstimator().run([observed]).result()
    assert same_pub(results.pub_result(0), wanted[0])
    assert all(map(same_pub, results.result(), wanted))
    data = results.data("observed")
    assert np.array_equal(data["evs"], wanted[0].data.evs)
    assert np.array_equal(data["stds"], wanted[0].data.stds)


def test_what_an_estimator_does_not_give_is_said(manager, observed):
    results = manager.run([observed], StatevectorEstimator()).results(timeout=60)
    for read in (
        results.get_counts,
        results.get_memory,
        results.get_statevector,
        results.get_unitary,
    ):
        with pytest.raises(ManagedResultDataNotAvailable, match=r"evs, stds; pub_result\(0\)"):
            read("observed")
    with pytest.raises(QiskitError, match=r"primitive_result\(\)"):
        results.combine_results()
    assert "pub_result(0)" in results._repr_html_()


def test_results_of_backend_run_have_no_pubs(manager):
    job_set = manager.run([_plain()], AerSimulator(max_parallel_threads=1), shots=10)
    results = job_set.results(timeout=60)
    for read in (lambda: results.pub_result(0), results.primitive_result):
        with pytest.raises(ManagedResultDataNotAvailable, match=r"was run by backend\.run"):
            read()
    assert type(results.result()) is Result


def test_a_samplers_result_has_no_statevector(manager):
    results = manager.run([_plain()], StatevectorSampler(), shots=10).results(timeout=60)
    with pytest.raises(QiskitError, match=r"no statevector.*counts, memory"):
        results.get_statevector(0)


def test_kernelled_measurements_are_data_and_no_counts(manager):
    points = np.arange(6).reshape(3, 2) * 1j
    answer = PrimitiveResult([SamplerPubResult(DataBin(meas=points))])
    results = manager.run([_plain()], Prepared(answer), shots=3).results(timeout=60)
    assert np.array_equal(results.data(0)["meas"], points)
    with pytest.raises(QiskitError, match=r"no counts.*holds meas"):
        results.get_counts(0)


def test_what_is_missing_keeps_its_place(manager):
    sampled = StatevectorSampler(seed=1).run([_plain()], shots=10).result()
    sampler = Prepared(a=RuntimeError("the fridge is warm"), b=sampled)
    circuits = [_plain("a"), _plain("b")]
    job_set = manager.run(circuits, sampler, shots=10, max_experiments_per_job=1)
    results = job_set.results(timeout=60)
    with pytest.raises(ManagedResultDataNotAvailable, match="the fridge is warm"):
        results.primitive_result()
    gap, found = job_set.results(timeout=30, partial=True).primitive_result()
    assert type(gap) is PubResult
    assert "the fridge is warm" in gap.metadata["error"]
    assert found.data.meas == sampled[0].data.meas


def test_metadata_that_differs_is_kept_job_by_job(manager):
    sampled = StatevectorSampler(seed=1).run([_plain()], shots=10).result()
    answers = [PrimitiveResult(list(sampled), {"version": 2, "span": i}) for i in range(2)]
    circuits = [_plain("a"), _plain("b")]
    job_set = manager.run(
        circuits, Prepared(a=answers[0], b=answers[1]), shots=10, max_experiments_per_job=1
    )
    metadata = job_set.results(timeout=60).primitive_result().metadata
    assert metadata == {"version": 2, "jobs": [answer.metadata for answer in answers]}


def test_shares_of_the_shots_read_as_one(manager, registers, sweep):
    sampler = BackendSamplerV2(backend=AerSimulator(max_parallel_threads=1))
    limits = Limits(shots_per_experiment=10)
    job_set = manager.run([registers, sweep], sampler, shots=25, limits=limits)
    results = job_set.results(timeout=60)
    assert {job.shares for job in _stored_jobs(job_set)} == {3}
    pub = results.pub_result("registers")
    assert [bits.num_shots for bits in pub.data.values()] == [25, 25, 25]
    assert pub.metadata["shots"] == 25
    counts, memory = results.get_counts(0), results.get_memory(0)
    assert sum(counts.values()) == len(memory) == 25
    assert Counter(memory) == counts
    assert all(sum(point.values()) == 25 for point in results.get_counts(1).ravel())
    assert source_of(job_set).counts(0) == counts.hex_outcomes()


def test_shares_of_an_estimators_work_are_averaged(manager, observed):
    estimator = BackendEstimatorV2(backend=AerSimulator(max_parallel_threads=1))
    limits = Limits(shots_per_experiment=40)  # of the 100 that this precision stands for
    job_set = manager.run([observed], estimator, precision=0.1, split_shots=True, limits=limits)
    results = job_set.results(timeout=60)
    source, weights = source_of(job_set), np.array([34, 33, 33])
    parts = [source.reader(job).pub_result(0).data for job in _stored_jobs(job_set)]
    stds = np.array([part.stds for part in parts])
    assert len(parts) == 3
    assert stds.any()
    pub = results.pub_result(0)
    assert np.allclose(pub.data.evs, np.average([p.evs for p in parts], axis=0, weights=weights))
    assert np.allclose(pub.data.stds, np.sqrt(np.tensordot(weights**2, stds**2, 1)) / 100)
    assert pub.metadata["target_precision"] == pytest.approx(0.1)
    assert np.array_equal(results.data(0)["evs"], pub.data.evs)


def _stored_jobs(job_set):
    source = source_of(job_set)
    return source.store.jobs(source.record.key)
