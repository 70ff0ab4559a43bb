"""QRMI: jobs are tasks that any process asks about, and nothing is paid for twice."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import open_backend, qrmi
from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import (
    CredentialsError,
    InvalidArgumentError,
    InvalidExperimentError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
    UnknownBackendError,
)
from qiskit_job_manager.model import ExperimentKind, RemoteState
from qiskit_job_manager.testing.backend_contract import wait_for_end
from qiskit_job_manager.testing.ibm_service import Fate, Kind, Trouble, Way


@pytest.fixture
def send(circuits):
    """Send one job of circuits."""

    def send(adapter, experiments=circuits, kind=ExperimentKind.SAMPLER_PUB, **options):
        payload = pack_experiments([encode_experiment(each, kind) for each in experiments], kind)
        return adapter.submit(payload, options, "qjm-1")

    return send


# -- running ----------------------------------------------------------------------------------


def test_circuits_give_counts_and_memory(qpu, manager, circuits, short_polls):
    job_set = manager.run(circuits, f"qrmi:{qpu}", shots=100, max_experiments_per_job=1)
    results = job_set.results(timeout=120)
    counts = [results.get_counts(index) for index in range(4)]
    assert counts == [{"00": 100}, {"01": 100}, {"10": 100}, {"11": 100}]


def test_pubs_give_the_results_of_the_primitive(qpu, manager, circuits, short_polls):
    results = manager.run([(circuits[2], None, 33)], f"qrmi:{qpu}").results(timeout=120)
    assert results.pub_result(0).data.c.get_counts() == {"10": 33}


def test_an_estimator_estimates(qpu, manager, short_polls):
    circuit = QuantumCircuit(5)
    circuit.x(0)
    pubs = [(circuit, [SparsePauliOp("IIIIZ"), SparsePauliOp("IIIZI")])]
    job_set = manager.run(pubs, f"qrmi:{qpu}?primitive=estimator", precision=0.1)
    evs = job_set.results(timeout=120).pub_result(0).data.evs
    assert [round(float(each)) for each in evs] == [-1, 1]


def test_a_transpiled_circuit_keeps_all_qubits_of_the_device(qpu, manager, short_polls):
    from qiskit import transpile

    adapter = open_backend(f"qrmi:{qpu}?primitive=estimator")
    plain = QuantumCircuit(2)
    plain.x(0)
    circuit = transpile(plain, adapter.qiskit_backend, initial_layout=[3, 1], seed_transpiler=7)
    pubs = [(circuit, SparsePauliOp(each).apply_layout(circuit.layout)) for each in ("IZ", "ZI")]
    results = manager.run(pubs, adapter, precision=0.1).results(timeout=120)
    evs = [float(results.pub_result(index).data.evs) for index in range(2)]
    assert [round(each) for each in evs] == [-1, 1]


def test_values_belong_to_their_parameters_however_many_there_are(qpu, manager, short_polls):
    """Names such as a[10] sort before a[2] as soon as OpenQASM 3 has no brackets for them."""
    angles = ParameterVector("a", 12)
    circuit = QuantumCircuit(5, 5)
    for angle in angles:
        circuit.rz(angle, 4)
    circuit.sx(0)
    circuit.rz(angles[2], 0)
    circuit.sx(0)
    circuit.measure(range(5), range(5))
    values = [0.0] * 12
    values[4] = 3.141592653589793  # the name of a[2] would be the fifth: the outcome is then 00000
    results = manager.run([(circuit, values)], f"qrmi:{qpu}", shots=50).results(timeout=120)
    assert results.pub_result(0).data.c.get_counts() == {"00001": 50}


def test_run_options_become_options_of_the_program(stand_in, send):
    send(open_backend("qrmi"), shots=10, dynamical_decoupling={"enable": True})
    program, said = stand_in.started["task-0"]
    assert program == "sampler"
    assert said["options"] == {"dynamical_decoupling": {"enable": True}}
    assert [pub[2] for pub in said["pubs"]] == [10, 10, 10, 10]


# -- other processes --------------------------------------------------------------------------

ELSEWHERE = """
    import os, sys
    from qiskit import QuantumCircuit
    from qiskit_job_manager import JobManager

    circuit = QuantumCircuit(5, 1, name="one")
    circuit.x(0)
    circuit.measure(0, 0)
    manager = JobManager(sys.argv[1])
    job_set = manager.run([circuit] * 2, "qrmi", name="from there", shots=7,
                          max_experiments_per_job=1)
    while not all(job.job_id() for job in job_set.managed_jobs()):
        job_set.wait(0.01)
    os._exit(9)  # as a process that is killed: nothing is cancelled, nothing is closed
"""


def test_another_process_takes_the_jobs_up_by_their_ids(qpu, ibm, store_path, short_polls):
    script = textwrap.dedent(ELSEWHERE)
    done = subprocess.run([sys.executable, "-c", script, store_path], check=False, timeout=120)
    assert done.returncode == 9
    with JobManager(store_path) as manager:
        results = manager.retrieve_job_set("from there").results(timeout=120)
        assert [results.get_counts(index) for index in range(2)] == [{"1": 7}, {"1": 7}]
    assert len(ibm.books().submissions) == 2


def test_closing_the_manager_cancels_nothing(stand_in, circuits, store_path, short_polls):
    stand_in.status = stand_in.TaskStatus.Queued
    with JobManager(store_path) as manager:
        job_set = manager.run(circuits, "qrmi", name="paid", shots=5)
        while not all(job.job_id() for job in job_set.managed_jobs()):
            job_set.wait(0.01)
    del job_set, manager
    gc.collect()
    assert stand_in.calls["task_stop"] == 0
    assert str(stand_in.state("task-0")) == "TaskStatus.Queued"


# -- asking -----------------------------------------------------------------------------------


def test_a_task_that_failed_says_why(stand_in, send):
    stand_in.status, stand_in.reason = stand_in.TaskStatus.Failed, "the cryostat is warm"
    adapter = open_backend("qrmi")
    remote_id = send(adapter, shots=5)
    assert adapter.status(remote_id).state is RemoteState.ERROR
    assert adapter.error_message(remote_id) == "the cryostat is warm"
    with pytest.raises(RemoteJobFailedError, match="the cryostat is warm"):
        adapter.fetch(remote_id)


def test_a_failed_job_of_the_service_has_its_words(qpu, ibm, send):
    ibm.tell(Fate.FAILS)
    adapter = open_backend("qrmi")
    remote_id = send(adapter, shots=5)
    assert wait_for_end(adapter, remote_id).state is RemoteState.ERROR
    with pytest.raises(RemoteJobFailedError, match="Failed"):
        adapter.fetch(remote_id)


def test_a_task_that_was_stopped_here_is_cancelled_although_it_is_deleted(stand_in, send):
    stand_in.status = stand_in.TaskStatus.Running
    adapter = open_backend("qrmi")
    remote_id = send(adapter, shots=5)
    adapter.cancel(remote_id)
    assert adapter.status(remote_id).state is RemoteState.CANCELLED
    assert open_backend("qrmi").status(remote_id).state is RemoteState.GONE


def test_a_task_that_has_ended_is_not_stopped_as_that_would_delete_its_result(stand_in, send):
    adapter = open_backend("qrmi")
    remote_id = send(adapter, shots=5)
    adapter.cancel(remote_id)
    assert stand_in.calls["task_stop"] == 0
    assert open_result(adapter.fetch(remote_id)).n_experiments == 4


def test_a_task_that_was_deleted_is_gone(stand_in, send):
    adapter = open_backend("qrmi")
    remote_id = send(adapter, shots=5)
    stand_in.stop(remote_id)
    with pytest.raises(ResultGoneError):
        adapter.fetch(remote_id)


# -- what errors mean -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "meaning"),
    [
        (Trouble(way=Way.STATUS, status=400), SubmissionRefusedError),
        (Trouble(way=Way.STATUS, status=401), CredentialsError),
        (Trouble(way=Way.STATUS, status=403), SubmissionRefusedError),
        (Trouble(way=Way.STATUS, status=404), SubmissionRefusedError),
        (Trouble(way=Way.STATUS, status=413), SubmissionTooLargeError),
        (Trouble(way=Way.STATUS, status=429), SubmissionDeferredError),
        (Trouble(way=Way.STATUS, status=503), SubmissionInDoubtError),
        (Trouble(way=Way.RESET), SubmissionInDoubtError),
        (Trouble(way=Way.RESET, after=True), SubmissionInDoubtError),
        (Trouble(way=Way.HTML, after=True), SubmissionInDoubtError),
        (Trouble(way=Way.CUT, after=True), SubmissionInDoubtError),
    ],
)
def test_what_the_service_answers_to_a_submission_is_understood(qpu, ibm, send, trouble, meaning):
    ibm.script(Kind.SUBMIT, trouble)
    with pytest.raises(meaning):
        send(open_backend("qrmi"), shots=5)


def test_the_limit_on_pending_jobs_is_a_no_for_now(qpu, ibm, send):
    words = "too many jobs pending"
    ibm.script(Kind.SUBMIT, Trouble(way=Way.STATUS, status=400, code=3458, message=words))
    with pytest.raises(SubmissionDeferredError, match="too many jobs pending"):
        send(open_backend("qrmi"), shots=5)


def test_a_refusal_comes_in_the_words_of_qrmi(stand_in, circuits, manager, short_polls):
    stand_in.refusal = stand_in.InvalidInputError("invalid input: the angle is not finite")
    job_set = manager.run(circuits, "qrmi", shots=5)
    job_set.wait(60)
    assert "the angle is not finite" in job_set.error_messages()


# -- opening and checking ---------------------------------------------------------------------


def test_without_a_workload_manager_the_message_names_the_variable(stand_in, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_QPU_RESOURCES")
    with pytest.raises(UnknownBackendError, match=r"QRMI_JOB_QPU_RESOURCES.*type="):
        open_backend("qrmi")


def test_a_type_makes_the_workload_manager_unnecessary(stand_in, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_QPU_RESOURCES")
    adapter = open_backend("qrmi:ibm_manila?type=ibm-quantum-system")
    assert (adapter.name, adapter.uri) == (
        "ibm_manila",
        "qrmi:ibm_manila?type=ibm-quantum-system",
    )


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("qrmi", UnknownBackendError, "the QPUs of this job are ibm_a, pulses"),
        ("qrmi:ibm_b", UnknownBackendError, "the QPUs of this job are ibm_a, pulses"),
        ("qrmi:pulses", InvalidArgumentError, "'pasqal-cloud', and Qiskit's primitives run on"),
        ("qrmi:ibm_a?primitive=cook", InvalidArgumentError, "'sampler', 'estimator'"),
        ("qrmi:ibm_a?tpye=x", InvalidArgumentError, "no option 'tpye'"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_what_can(stand_in, slurm, name, error, words):
    slurm(ibm_a="ibm-quantum-system", pulses="pasqal-cloud")
    with pytest.raises(error, match=words):
        open_backend(name)


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "qrmi", None)
    with pytest.raises(UnknownBackendError, match=r"qiskit-job-manager\[qrmi\]"):
        open_backend("qrmi:ibm_fez")


def test_a_circuit_that_openqasm_cannot_carry_is_refused_by_index(stand_in):
    from qiskit.circuit import ClassicalRegister, Clbit, QuantumRegister

    loose = QuantumCircuit(QuantumRegister(5), [Clbit()], name="loose")
    loose.measure(0, 0)
    reserved = QuantumCircuit(QuantumRegister(5), ClassicalRegister(1, "output"), name="reserved")
    reserved.measure(0, 0)
    adapter = open_backend("qrmi")
    with pytest.raises(InvalidExperimentError, match=r"experiment 3 \('loose'\).*no name"):
        adapter.check(loose, 3, {})
    with pytest.raises(InvalidExperimentError, match=r"experiment 4 \('reserved'\).*'output'"):
        adapter.check(reserved, 4, {})


def test_a_job_beyond_the_size_of_a_request_may_be_halved(stand_in, send, monkeypatch):
    from qiskit_job_manager.backends.ibm import limits

    monkeypatch.setattr(limits, "CLIENT_BYTES", 500)
    with pytest.raises(SubmissionTooLargeError, match="500"):
        send(open_backend("qrmi"), shots=5)
    assert not stand_in.started


# -- QRMI's own objects -----------------------------------------------------------------------


@pytest.fixture
def resource(qpu):
    package = pytest.importorskip("qrmi")
    return package.QuantumResource(qpu, package.ResourceType.IBMQuantumComputeService)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("SamplerV2", "'qrmi:ibm_manila'"),
        ("EstimatorV2", "'qrmi:ibm_manila?primitive=estimator'"),
        ("get_backend", "'qrmi:ibm_manila'"),
    ],
)
def test_the_objects_of_qrmi_are_refused_with_the_name_to_use(
    resource, manager, circuits, ibm, name, instead
):
    from qrmi.primitives import ibm as theirs

    with pytest.raises(InvalidArgumentError, match="cannot be used here") as caught:
        manager.run(circuits, getattr(theirs, name)(resource))
    assert instead in str(caught.value)
    assert not ibm.books().submissions


def test_a_resource_is_refused_with_the_name_to_use(resource, manager, circuits):
    with pytest.raises(InvalidArgumentError, match="'qrmi:ibm_manila'"):
        manager.run(circuits, resource)


def test_a_sampler_is_refused_behind_the_drop_in_too(resource):
    from qrmi.primitives.ibm import SamplerV2

    from qiskit_job_manager import ManagedSampler

    with pytest.raises(InvalidArgumentError, match="cancel what is queued"):
        ManagedSampler(SamplerV2(resource))


def test_objects_of_others_are_not_refused():
    qrmi.refuse_own_objects(object())
