"""A mistyped value of an argument with a few values comes with the one that was meant."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager import InvalidArgumentError, JobManager


@pytest.fixture
def job_set(manager, aer, circuits):
    return manager.run(circuits(1), aer, name="one", shots=1)


CALLS = {
    "if_exists is 'resum'; it is one of 'error', 'resume', 'extend'. Did you mean 'resume'?": (
        lambda manager, _: manager.run(
            QuantumCircuit(1, 1), "basic", name="x", if_exists="resum", drive=False
        )
    ),
    "provenance is 'ful'; it is one of 'full', 'anonymous', 'off'. Did you mean 'full'?": (
        lambda manager, _: JobManager(manager.store_url, provenance="ful")
    ),
    "by is 'outcomes'; it is one of 'experiment', 'outcome'. Did you mean 'outcome'?": (
        lambda _, job_set: job_set.results(timeout=60).to_dataframe(by="outcomes")
    ),
    "output is 'txt'; it is one of 'text', 'mpl'. Did you mean 'text'?": (
        lambda _, job_set: job_set.draw("txt")
    ),
    "a state to retry is 'faild'; it is one of 'cancelled', 'failed', 'lost'. "
    "Did you mean 'failed'?": lambda _, job_set: job_set.retry("faild"),
    "format is 'jsn'; it is one of 'archive', 'json', 'parquet', 'csv', 'qpy', 'ro-crate'. "
    "Did you mean 'json'?": lambda _, job_set: job_set.export(".", format="jsn"),
}


@pytest.mark.parametrize("message", CALLS)
def test_the_nearest_value_is_named(manager, job_set, message):
    with pytest.raises(InvalidArgumentError) as caught:
        CALLS[message](manager, job_set)
    assert caught.value.message == message


@pytest.mark.parametrize("value", [["experiment"], {}, 5, None, "x" * 10_000])
def test_a_value_of_any_kind_is_refused_in_a_short_message(job_set, value):
    with pytest.raises(InvalidArgumentError, match="by is ") as caught:
        job_set.results(timeout=60).to_dataframe(by=value)
    assert len(caught.value.message) < 400
    assert "Did you mean" not in caught.value.message
