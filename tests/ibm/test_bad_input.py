"""What cannot run is told before anything is stored or sent, in IBM's words and ours."""

from __future__ import annotations

import contextlib

import pytest

from qiskit_job_manager.backends import ibm as adapters
from qiskit_job_manager.backends.ibm.pub_check import IBMPubCheck
from qiskit_job_manager.errors import (
    CredentialsError,
    InvalidArgumentError,
    InvalidExperimentError,
    TransientBackendError,
    UnknownBackendError,
)
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.testing.ibm_service import Behaviour, Kind, Trouble


@pytest.fixture
def refused(manager, ibm):
    """Expect that something is refused, and that nothing came of it."""

    def refused(experiments, backend, kind, match, **options):
        with pytest.raises(kind, match=match) as caught:
            manager.run(experiments, backend, shots=20, **options)
        assert manager.job_sets() == []
        assert not ibm.books().submissions
        return caught.value

    return refused


def test_no_account(ibm, place, circuits, refused, monkeypatch):
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    refused(
        circuits(1), "ibm:ibm_manila", CredentialsError, r"Unable to find account.*save_account"
    )


def test_an_account_of_a_name_that_there_is_none_of(place, circuits, refused):
    name = "ibm:ibm_manila?account=private"
    refused(circuits(1), name, CredentialsError, "Account with the name private does not exist")


def test_a_wrong_instance(account, circuits, refused):
    name = "ibm:ibm_manila?instance=somebody-elses"
    refused(circuits(1), name, CredentialsError, r"somebody-elses.* is not a valid instance name")


def test_an_instance_that_the_token_has_no_access_to(ibm, account, circuits, refused):
    crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/0:1::"
    name = f"ibm:ibm_manila?instance={crn}"
    refused(circuits(1), name, CredentialsError, "does not have access to the instance")


def test_a_backend_that_does_not_exist(account, circuits, refused):
    refused(circuits(1), "ibm:ibm_nowhere", UnknownBackendError, r"ibm_nowhere.*service\.backends")


def test_a_retired_backend(ibm, account, circuits, refused):
    ibm.behaviour = Behaviour(retired=("ibm_manila",))
    refused(circuits(1), "ibm:ibm_manila", UnknownBackendError, "It may be retired")


def test_a_service_that_cannot_be_asked_is_no_unknown_backend(ibm, account, circuits, refused):
    ibm.script(Kind.CONFIGURATION, *[Trouble(status=429, code=1202)] * 4)
    refused(circuits(1), "ibm:ibm_manila", TransientBackendError, "the emulator was told to fail")


def test_circuits_that_are_not_isa(backend, circuits, refused):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(5, 1, name="raw")
    circuit.h(3)
    circuit.measure(3, 0)
    adapter = adapters.adapted(backend)
    match = r"experiment 1 \('raw'\) has 'h' on qubits \[3\].* transpile"
    refused([*circuits(1), circuit], adapter, InvalidExperimentError, match)


def test_a_gate_between_qubits_that_are_not_coupled(backend, refused):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(5, 1, name="far")
    circuit.cx(0, 4)
    circuit.measure(0, 0)
    refused(
        [circuit], adapters.adapted(backend), InvalidExperimentError, r"'cx' on qubits \[0, 4\]"
    )


@pytest.mark.parametrize(
    ("name", "size", "match"), [("if", 1, "'if'"), ("a b", 1, "'a b'"), ("c", 0, "without bits")]
)
def test_registers_that_the_service_refuses(backend, refused, name, size, match):
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    circuit = QuantumCircuit(QuantumRegister(5), ClassicalRegister(1, "fine"))
    circuit.add_register(ClassicalRegister(size, name))
    circuit.measure(0, 0)
    refused([circuit], adapters.adapted(backend), InvalidExperimentError, match)


def test_observables_that_the_service_refuses(backend, refused):
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime.executor_estimator import Estimator

    adapter = adapters.adapted(Estimator(backend))
    pub = (QuantumCircuit(5), ["IIII0"])
    with pytest.raises(InvalidExperimentError, match="observable with '0'"):
        adapter.check(pub, 0, {})


def test_observables_for_a_sampler(backend, refused):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(5, 1)
    circuit.measure(0, 0)
    adapter = adapters.adapted(backend)
    refused([(circuit, ["IIIIZ"])], adapter, InvalidExperimentError, "for an estimator")


def test_options_that_the_primitive_does_not_have(backend, circuits, refused):
    adapter = adapters.adapted(backend)
    refused(circuits(1), adapter, InvalidArgumentError, "nonsense", nonsense=1)
    refused(circuits(1), adapter, InvalidArgumentError, "twirling", twirling={"bogus": True})


def test_privacy_as_a_run_option(backend, circuits, refused):
    private = {"environment": {"private": True}}
    refused(circuits(1), adapters.adapted(backend), InvalidArgumentError, "private=true", **private)


def test_an_execution_mode_that_there_is_none_of(backend, circuits, refused):
    adapter = adapters.adapted(backend)
    refused(circuits(1), adapter, InvalidArgumentError, "'job', 'batch'", execution="session")


def test_another_execution_mode_than_that_of_the_users_batch(backend, circuits, refused):
    from qiskit_ibm_runtime import Batch

    adapter = adapters.adapted(Batch(backend))
    refused(circuits(1), adapter, InvalidArgumentError, "handed over a batch", execution="job")


def test_a_circuit_with_more_instructions_than_a_qubit_takes(monkeypatch):
    from qiskit import QuantumCircuit

    from qiskit_job_manager.backends.ibm import limits

    circuit = QuantumCircuit(2, name="long")
    for _ in range(30):
        circuit.sx(1)
    assert limits.too_many_instructions(circuit) is None
    monkeypatch.setattr(limits, "INSTRUCTIONS_PER_QUBIT", 50)
    assert "60 control instructions on qubit 1" in limits.too_many_instructions(circuit)


def test_an_angle_that_the_hardware_does_not_have():
    """The client's newer primitives do not look at angles, and the service would fail the job."""
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime.fake_provider import FakeFractionalBackend

    backend = FakeFractionalBackend()
    [pair, *_] = backend.coupling_map.get_edges()
    check = IBMPubCheck(ExperimentKind.SAMPLER_PUB, lambda: backend)
    for angle, is_refused in ((1.0, False), (2.0, True)):
        circuit = QuantumCircuit(backend.num_qubits, 1, name="turned")
        circuit.rzz(angle, *pair)
        circuit.measure(0, 0)
        refusal = pytest.raises(InvalidExperimentError, match=r"'turned'.*rzz")
        with refusal if is_refused else contextlib.nullcontext():
            check(circuit, 0, {})


def test_a_qubit_that_is_out_of_order(backend, circuits):
    """Nor at qubits that are out of order."""
    properties = backend.properties()
    properties.faulty_qubits = lambda: [1]
    check = IBMPubCheck(ExperimentKind.SAMPLER_PUB, lambda: backend)
    fine, wrong = circuits(2)
    fine.data = [each for each in fine.data if fine.find_bit(each.qubits[0]).index == 0]
    check(fine, 0, {})
    with pytest.raises(InvalidExperimentError, match=r"uses x on qubits \(1,\).*out of order"):
        check(wrong, 1, {})
