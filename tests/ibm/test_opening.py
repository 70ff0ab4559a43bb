"""Names of IBM's backends, what another process makes of them, and accounts."""

from __future__ import annotations

import hashlib
import sys

import pytest

from qiskit_job_manager.backends import ibm as adapters
from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.backends.ibm.uri import Execution, Primitive, parse
from qiskit_job_manager.errors import InvalidArgumentError, UnknownBackendError
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.testing.ibm_service import account_environment


@pytest.fixture
def saved_service(saved_account):
    """A service of the account that is saved."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    return QiskitRuntimeService(name="work")


@pytest.mark.parametrize(
    "argument",
    [
        "ibm_fez",
        "ibm_fez?execution=batch",
        "ibm_fez?account=work&instance=main&primitive=executor-estimator",
        "ibm_fez?fractional_gates=true&listing_lag_s=2.5&private=true",
        "ibm_fez?execution=session&session=abc",
        "ibm_fez?options=%7B%22twirling%22%3A%7B%22enable_gates%22%3Atrue%7D%7D",
    ],
)
def test_a_name_is_read_and_written_back(argument):
    uri = parse(argument)
    assert parse(uri.text.removeprefix("ibm:")) == uri
    assert (
        set(uri.text.removeprefix("ibm:ibm_fez?").split("&"))
        == set(argument.removeprefix("ibm_fez?").split("&"))
        or argument == "ibm_fez"
    )


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("", "names no backend"),
        ("ibm_fez?nonsense=1", "nonsense=1"),
        ("ibm_fez?primitive=sampling", "one of 'sampler', 'estimator'"),
        ("ibm_fez?execution=fast", "one of 'job', 'batch'"),
        ("ibm_fez?listing_lag_s=-1", "listing_lag_s"),
        ("ibm_fez?private=maybe", "private"),
        ("ibm_fez?options=3", "no JSON object"),
        ("ibm_fez?options={bad", "cannot be opened"),
        ("ibm_fez?options={%22nonsense%22:1}", "nonsense"),
        ("ibm_fez?token=secret-key", "token"),
    ],
)
def test_what_a_name_cannot_say_is_told(argument, wrong):
    with pytest.raises(InvalidArgumentError, match=wrong):
        open_backend(f"ibm:{argument}")


def test_opening_by_name_asks_nobody(ibm, account):
    adapter = open_backend("ibm:ibm_nowhere?primitive=estimator&private=true")
    assert adapter.name == "ibm_nowhere"
    assert adapter.takes is ExperimentKind.ESTIMATOR_PUB
    assert adapter.capabilities.reads_once
    assert adapter.limits().submissions_per_minute == 5
    assert not ibm.books().requests


def test_that_the_client_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(UnknownBackendError, match=r"qiskit-job-manager\[ibm\]"):
        open_backend("ibm:ibm_fez")


def test_an_object_of_a_saved_account_has_a_name(ibm, saved_service):
    adapter = adapters.adapted(saved_service.backend("ibm_manila"))
    uri = parse(adapter.uri.removeprefix("ibm:"))
    assert (uri.backend, uri.account) == ("ibm_manila", "work")
    again = open_backend(adapter.uri)
    assert again.qiskit_backend.name == "ibm_manila"
    assert again.account == adapter.account
    assert again.uri == adapter.uri


def test_an_object_of_an_account_that_is_not_saved_has_none(backend):
    assert adapters.adapted(backend).uri is None


def test_the_options_of_a_primitive_travel_in_its_name(saved_service):
    from qiskit_ibm_runtime.executor_estimator import Estimator

    backend = saved_service.backend("ibm_manila", use_fractional_gates=False)
    options = {
        "default_precision": 0.1,
        "resilience_level": 0,
        "environment": {"private": True, "job_tags": ["mine"]},
    }
    adapter = adapters.adapted(Estimator(backend, options=options))
    uri = parse(adapter.uri.removeprefix("ibm:"))
    assert uri.primitive is Primitive.EXECUTOR_ESTIMATOR
    assert uri.primitive_options == options
    assert open_backend(adapter.uri).capabilities.reads_once


def test_a_batch_of_a_saved_account_goes_on_by_its_id(ibm, saved_service, payload):
    from qiskit_ibm_runtime import Batch

    batch = Batch(saved_service.backend("ibm_manila"))
    adapter = adapters.adapted(batch)
    uri = parse(adapter.uri.removeprefix("ibm:"))
    assert (uri.execution, uri.session) == (Execution.BATCH, batch.session_id)
    open_backend(adapter.uri).submit(payload, {"shots": 20}, "qjm-1", ("qjm-set-1",))
    assert ibm.books().submissions[0].session_id == batch.session_id


def test_options_that_are_no_plain_json_leave_the_object_without_a_name(saved_service):
    from qiskit.transpiler import CouplingMap
    from qiskit_ibm_runtime import SamplerV2

    backend = saved_service.backend("ibm_manila")
    with pytest.deprecated_call():
        sampler = SamplerV2(backend)
    sampler.options.simulator.coupling_map = CouplingMap.from_line(5)
    assert adapters.adapted(sampler).uri is None


def test_options_that_are_changed_later_change_nothing_here(ibm, backend, payload):
    from qiskit_ibm_runtime.executor_sampler import Sampler

    sampler = Sampler(backend)
    adapter = adapters.adapted(sampler)
    sampler.options.environment.private = True
    adapter.submit(payload, {"shots": 20}, "qjm-1", ("qjm-set-1",))
    assert not ibm.books().submissions[0].private


def test_an_account_is_told_apart_without_telling_whose_it_is(ibm, account, backend, monkeypatch):
    token = account_environment(ibm.address)["QISKIT_IBM_TOKEN"]
    by_name = open_backend("ibm:ibm_manila").account
    assert adapters.adapted(backend).account == by_name
    for told in (token, hashlib.sha256(token.encode()).hexdigest()[:12]):
        assert told not in by_name
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "another")
    assert open_backend("ibm:ibm_manila").account != by_name


def test_the_open_plan_is_known_to_take_three_jobs(new_service):
    limits = adapters.adapted(new_service.backend("ibm_manila")).limits()
    assert limits.pending_jobs == 3
    assert limits.executions_per_job == 10_000_000


@pytest.mark.parametrize(
    "make", ["class", "None", "fake", "local sampler", "local batch", "something"]
)
def test_other_objects_are_left_to_others(make):
    from qiskit_ibm_runtime import Batch, IBMBackend
    from qiskit_ibm_runtime.executor_sampler import Sampler
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    made = {
        "class": lambda: IBMBackend,
        "None": lambda: None,
        "fake": FakeManilaV2,
        "local sampler": lambda: Sampler(FakeManilaV2()),
        "local batch": lambda: Batch(FakeManilaV2()),
        "something": object,
    }[make]()
    assert not adapters.is_ibm(made)
