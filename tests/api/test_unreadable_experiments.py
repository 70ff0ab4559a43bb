"""What cannot be read when a job is about to be sent fails alone, with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qiskit.primitives import StatevectorSampler

from qiskit_job_manager import JobManager, ManagedResultDataNotAvailable
from qiskit_job_manager.manager import experiment_encoder

BAD = (1, 4, 5)


@pytest.fixture
def manager(tmp_path):
    with JobManager(store=tmp_path / "store.db") as manager:
        yield manager


@pytest.fixture
def damaged(monkeypatch):
    """Stores some experiments in a form that no Qiskit reads, as an older version might have."""
    encode = experiment_encoder.encode_experiment
    places = iter(range(1000))

    def encoded(experiment, kind):
        coded = encode(experiment, kind)
        if next(places) not in BAD:
            return coded
        return replace(coded, data=coded.data.replace(b"QISKIT", b"BROKEN", 1))

    monkeypatch.setattr(experiment_encoder, "encode_experiment", encoded)


def _check(results, right):
    for index, counts in enumerate(right):
        if index in BAD:
            with pytest.raises(ManagedResultDataNotAvailable, match="cannot be read"):
                results.get_counts(index)
        else:
            assert results.get_counts(index) == counts


@pytest.mark.usefixtures("damaged")
def test_circuits_that_cannot_be_read_fail_alone(manager, circuits, aer):
    # Qiskit/qiskit#7847, Qiskit/qiskit#11158
    right = [{f"{index:05b}": 20} for index in range(8)]
    job_set = manager.run(circuits(8), aer, shots=20)
    results = job_set.results(timeout=60)
    assert not results.success
    _check(results, right)
    assert len(job_set.jobs()) == 5
    job_set.retry()
    _check(job_set.results(timeout=60), right)


@pytest.mark.usefixtures("damaged")
def test_pubs_that_cannot_be_read_fail_alone(manager, circuits):
    pubs = [(circuit, None, 20) for circuit in circuits(8)]
    results = manager.run(pubs, StatevectorSampler(seed=1)).results(timeout=60)
    assert not results.success
    _check(results, [{f"{index:05b}": 20} for index in range(8)])


def test_one_that_cannot_be_read_is_told_by_its_index(manager, circuits, aer, monkeypatch):
    encode = experiment_encoder.encode_experiment

    def encoded(experiment, kind):
        coded = encode(experiment, kind)
        return replace(coded, data=coded.data.replace(b"QISKIT", b"BROKEN", 1))

    monkeypatch.setattr(experiment_encoder, "encode_experiment", encoded)
    results = manager.run(circuits(1), aer, shots=20).results(timeout=60)
    with pytest.raises(ManagedResultDataNotAvailable, match="circuit 0 cannot be read"):
        results.get_counts(0)
