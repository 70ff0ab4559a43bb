"""Which of the client's primitives runs, and that the client has nothing to warn about."""

from __future__ import annotations

import tomllib
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.errors import InvalidExperimentError, UnknownBackendError
from qiskit_job_manager.model import Limits

SOON = "ibm:ibm_manila?listing_lag_s=0.05"
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
AT_ONCE = Limits(submissions_per_minute=10_000, pending_jobs=100)


def programs(ibm):
    return {each.program for each in ibm.books().submissions}


@pytest.fixture
def warned():
    """The warnings of the client while a test runs, in all threads."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: [
            each
            for each in caught
            if issubclass(each.category, (DeprecationWarning, FutureWarning))
        ]


def test_a_name_runs_on_the_newer_sampler(ibm, account, manager, circuits):
    job_set = manager.run(circuits(3), SOON, shots=20, limits=AT_ONCE)
    assert job_set.results(timeout=60).get_counts("c1")
    assert programs(ibm) == {"executor"}


def test_a_backend_object_runs_on_the_newer_sampler(ibm, adapter, manager, circuits):
    assert manager.run(circuits(3), adapter, shots=20, limits=AT_ONCE).results(timeout=60).success
    assert programs(ibm) == {"executor"}


def test_the_older_sampler_runs_by_its_name(ibm, account, manager, circuits):
    job_set = manager.run(circuits(2), f"{SOON}&primitive=sampler", shots=20, limits=AT_ONCE)
    assert job_set.results(timeout=60).success
    assert programs(ibm) == {"sampler"}


@pytest.mark.parametrize(("name", "gone"), [("sampler", "SamplerV2"), ("estimator", "EstimatorV2")])
def test_a_client_without_the_older_primitives_is_told_apart(ibm, account, monkeypatch, name, gone):
    """They may be removed from the client; then their names say so, and what to take instead."""
    import qiskit_ibm_runtime

    monkeypatch.delattr(qiskit_ibm_runtime, gone)
    with pytest.raises(UnknownBackendError, match=rf"has no {gone}.*primitive=executor-{name}"):
        open_backend(f"ibm:ibm_manila?primitive={name}")


def test_the_client_does_not_warn_of_what_samples_by_default(
    ibm, account, manager, circuits, warned
):
    job_set = manager.run(circuits(3), SOON, shots=20, limits=AT_ONCE, max_execution_time=60)
    assert job_set.results(timeout=60).success
    assert job_set.wait_for_search(60)
    assert [str(each.message) for each in warned()] == []


def test_the_client_does_not_warn_of_what_estimates_by_default(ibm, account, manager, warned):
    flipped = QuantumCircuit(5, name="flipped")
    flipped.x(0)
    uri = f"{SOON}&primitive=executor-estimator"
    job_set = manager.run([(flipped, ["IIIIZ", "IIIIX"])], uri, limits=AT_ONCE)
    assert job_set.results(timeout=60).pub_result("flipped").data.evs.shape == (2,)
    assert [str(each.message) for each in warned()] == []
    assert programs(ibm) == {"executor"}


def test_the_client_that_was_tested_is_within_the_bounds():
    """A newer one may remove what is used here, so it is tried before the bound is raised."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    [said] = project["optional-dependencies"]["ibm"]
    bounds = SpecifierSet(said.removeprefix("qiskit-ibm-runtime"))
    assert any(each.operator == "<" for each in bounds)
    assert version("qiskit-ibm-runtime") in bounds


# -- what the newer sampler takes ------------------------------------------------------------------


def test_a_sweep_has_its_shape(ibm, adapter, manager):
    turned = QuantumCircuit(5, 1, name="turned")
    turned.rz(Parameter("a"), 0)
    turned.measure(0, 0)
    job_set = manager.run([(turned, [[0.1], [0.2], [0.3]], 30)], adapter)
    result = job_set.results(timeout=60).pub_result("turned")
    assert result.data["c"].shape == (3,)
    assert result.data["c"].num_shots == 30


@pytest.mark.parametrize(
    "metadata",
    [{"a": 1, "b": [0.5, "x"]}, {"pair": (1, 2)}, {"nothing": None}, {"z": 1j}, {3: "three"}],
)
def test_a_circuits_metadata_never_keeps_it_from_running(ibm, adapter, manager, circuits, metadata):
    """The client sends it with the job, and takes only some values; here it is in the store."""
    [circuit] = circuits(1)
    circuit.metadata = metadata
    job_set = manager.run([circuit], adapter, shots=20)
    assert job_set.results(timeout=60).success, job_set.error_messages()
    assert job_set.circuit(0).metadata == metadata


def test_a_box_is_refused_before_anything_is_sent(ibm, adapter, manager):
    boxed = QuantumCircuit(5, 1, name="boxed")
    with boxed.box():
        boxed.x(0)
    boxed.measure(0, 0)
    with pytest.raises(InvalidExperimentError, match=r"'boxed'.*box"):
        manager.run([boxed], adapter, shots=20)
    assert not ibm.books().submissions


def test_dynamical_decoupling_reaches_the_service(ibm, adapter, manager, circuits):
    job_set = manager.run(circuits(2), adapter, shots=20, dynamical_decoupling={"enable": True})
    assert job_set.results(timeout=60).success, job_set.error_messages()
