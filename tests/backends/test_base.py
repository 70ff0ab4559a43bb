"""`BaseBackend`: what an adapter gets without defining it, and what counts as an adapter."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qiskit_job_manager import BaseBackend, Capabilities, Limits
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.backends.base import PORT_MEMBERS
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    InvalidExperimentError,
    TransientBackendError,
)
from qiskit_job_manager.model import ExperimentKind, RawResult, RemoteState, RemoteStatus


class Smallest(BaseBackend):
    """Defines what has no default, and nothing else."""

    name = "smallest"

    def __init__(self):
        self.answers = {}

    def submit(self, payload, options, tag, labels=()):
        return "1"

    def status(self, remote_id):
        answer = self.answers[remote_id]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fetch(self, remote_id):
        return RawResult("none", b"")


def test_the_smallest_adapter_says_of_itself_that_it_can_do_nothing_more():
    backend = Smallest()
    assert adapt(backend) is backend
    assert backend.uri is None
    assert backend.account == "smallest"
    assert backend.takes is ExperimentKind.CIRCUIT
    assert backend.capabilities == Capabilities(cancels=False)
    assert backend.limits() == Limits()
    assert backend.estimate_usage_s(10, 100) is None
    assert backend.kept_options == {}
    assert backend.qiskit_backend is None
    backend.cancel("1")  # which does nothing


@pytest.mark.parametrize(
    "call",
    [
        lambda backend: backend.find("tag-1"),
        lambda backend: backend.find_duplicates("label-1"),
        lambda backend: backend.fetch_usage("label-1", ["1"]),
    ],
)
def test_what_it_cannot_do_is_said_with_its_name(call):
    with pytest.raises(NotImplementedError, match=r"smallest .*1"):
        call(Smallest())


def test_every_member_of_the_port_is_there():
    assert set(PORT_MEMBERS) <= set(dir(Smallest()))
    assert {"name", "submit", "fetch"} <= PORT_MEMBERS


@pytest.mark.parametrize("missing", ["name", "submit", "fetch"])
def test_what_has_no_default_must_be_defined(missing):
    members = {key: value for key, value in vars(Smallest).items() if key != missing}
    incomplete = type("Incomplete", (BaseBackend,), members)
    assert inspect.isabstract(incomplete)
    with pytest.raises(TypeError, match=missing):
        incomplete()


def test_one_of_status_and_statuses_must_be_defined():
    members = {key: value for key, value in vars(Smallest).items() if key != "status"}
    with pytest.raises(NotImplementedError, match="Silent has neither"):
        type("Silent", (BaseBackend,), members)().statuses(["1"])


def test_jobs_that_cannot_be_asked_about_now_are_left_out():
    backend = Smallest()
    done = RemoteStatus(RemoteState.DONE)
    backend.answers = {"1": TransientBackendError("busy"), "2": done}
    assert backend.statuses(["1", "2"]) == {"2": done}
    with pytest.raises(TransientBackendError, match="busy"):
        backend.statuses(["1"])


def test_the_reason_of_a_failure_is_the_message_of_the_status():
    backend = Smallest()
    backend.answers = {"1": RemoteStatus(RemoteState.ERROR, message="too cold")}
    assert backend.error_message("1") == "too cold"


def test_a_circuit_must_be_one_and_have_values_for_its_parameters():
    backend, free = Smallest(), QuantumCircuit(1, name="free")
    backend.check(QuantumCircuit(1), 0, {})
    free.rx(Parameter("a"), 0)
    with pytest.raises(InvalidExperimentError, match=r"experiment 3 \('free'\).*'a'"):
        backend.check(free, 3, {})
    with pytest.raises(InvalidExperimentError, match="experiment 4 is of type int"):
        backend.check(7, 4, {})


def test_an_object_with_all_of_the_port_is_an_adapter_and_one_with_less_is_none():
    whole = SimpleNamespace(**dict.fromkeys(PORT_MEMBERS))
    assert adapt(whole) is whole
    for name in PORT_MEMBERS:
        part = SimpleNamespace(**dict.fromkeys(PORT_MEMBERS - {name}))
        with pytest.raises(InvalidArgumentError):
            adapt(part)
    with pytest.raises(InvalidArgumentError, match="the class Smallest"):
        adapt(Smallest)
