"""PUBs that cannot run are refused before anything is stored, by index, name and reason."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Pauli, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager.backends import adapt, open_backend
from qiskit_job_manager.errors import InvalidArgumentError, InvalidExperimentError


def measured(*parameters, name="probe"):
    circuit = QuantumCircuit(2, 2, name=name)
    for each in parameters:
        circuit.rx(Parameter(each), 0)
    circuit.measure([0, 1], [0, 1])
    return circuit


def unmeasured(*parameters, name="probe"):
    circuit = QuantumCircuit(2, name=name)
    for each in parameters:
        circuit.rx(Parameter(each), 0)
    return circuit


@pytest.fixture
def sampler():
    return open_backend("sampler:statevector")


@pytest.fixture
def estimator():
    return open_backend("estimator:statevector")


@pytest.mark.parametrize(
    "pub",
    [
        measured(),
        (measured(),),
        [measured("a"), [0.1]],
        (measured("a"), np.zeros((3, 4, 1))),
        (measured("a", "b"), {"a": 0.1, "b": 0.2}),
        (measured("a", "b"), {("a", "b"): [[0.1, 0.2]] * 5}, 100),
        (measured(), None, 17),
        SamplerPub.coerce((measured("a"), [0.3], 9)),
    ],
)
def test_every_form_of_a_samplers_pub_is_taken(sampler, pub):
    sampler.check(pub, 0, {})


@pytest.mark.parametrize(
    "pub",
    [
        (unmeasured(), "ZZ"),
        [unmeasured(), ["ZZ", {"XX": 1.0, "YY": 2.0}]],
        (unmeasured("a"), SparsePauliOp(["ZZ", "XI"], [1, 0.5]), [0.1]),
        (unmeasured("a"), [[Pauli("ZZ")], ["XX"]], np.zeros((1, 3, 1)), 0.1),
        EstimatorPub.coerce((unmeasured(), "IZ")),
    ],
)
def test_every_form_of_an_estimators_pub_is_taken(estimator, pub):
    estimator.check(pub, 0, {})


@pytest.mark.parametrize(
    ("pub", "words"),
    [
        (None, r"is None; it must be a circuit, \(circuit, values\)"),
        ("a circuit", "is of type str"),
        (QuantumCircuit, "is of type type"),
        ([0.1, 0.2], r"of type list.*in a list: run\(\[\(circuit, values\)\]"),
        (unmeasured(), r"'probe'\) has no measurement.*measure_all"),
        (measured("a", "b"), r"'probe'\) has parameters without values: 'a', 'b'"),
        ((measured("a"), None, 100), "parameters without values: 'a'"),
        (SamplerPub(measured("a"), validate=False), "parameters without values: 'a'"),
        ((measured("a", "b"), [0.1, 0.2, 0.3]), r"inconsistent.*It must be a circuit"),
        ((measured(), [0.1]), "inconsistent with last dimension"),
        ((measured("a"), {"b": 1.0}), "has values for 'b', and its parameters are 'a'"),
        ((measured(), None, 0), "shots must be positive"),
        ((measured(), None, -3), "shots must be positive"),
        ((measured(), None, 1.5), "shots must be an integer"),
        ((measured(), None, 10, 10), "length"),
        ((measured(), "ZZ"), "observables, which are for an estimator.*BackendEstimatorV2"),
        ((measured(), SparsePauliOp("ZZ")), "observables, which are for an estimator"),
        ((measured(), [["ZZ", "XX"]]), "observables, which are for an estimator"),
        ((measured(), {"ZZ": 0.5}), "observables, which are for an estimator"),
        (EstimatorPub.coerce((measured(), "ZZ")), "observables, which are for an estimator"),
    ],
)
def test_what_a_sampler_cannot_run_is_refused_with_what_would_be_right(sampler, pub, words):
    with pytest.raises(InvalidExperimentError, match=f"(?s)(?=experiment 3).*{words}"):
        sampler.check(pub, 3, {})


@pytest.mark.parametrize(
    ("pub", "words"),
    [
        (unmeasured(), r"'probe'.*\(circuit, observables\)"),
        ((unmeasured(), "ZZZ"), r"number of qubits of the circuit \(2\)"),
        ((unmeasured(), ["ZZ", "Z"]), "number of qubits must be the same"),
        ((unmeasured("a"), "ZZ"), "parameters without values: 'a'"),
        ((unmeasured("a"), ["ZZ", "XX"], [[0.1], [0.2], [0.3]]), "not broadcastable"),
        ((unmeasured(), "ZZ", None, -0.1), "precision must be non-negative"),
        ((unmeasured(), "Zfoo"), "'probe'"),
        ((measured(), "ZZ"), "has a measurement"),
        (SamplerPub.coerce(unmeasured()), "'probe'"),
    ],
)
def test_what_an_estimator_cannot_run_is_refused_with_what_would_be_right(estimator, pub, words):
    with pytest.raises(InvalidExperimentError, match=f"(?s)(?=experiment 5).*{words}"):
        estimator.check(pub, 5, {})


def test_a_circuit_that_is_not_for_the_device_is_named_with_instruction_and_qubits():
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    far = QuantumCircuit(5, 5, name="far")
    far.cx(0, 4)
    far.measure(range(5), range(5))
    backend = adapt(BackendSamplerV2(backend=FakeManilaV2()))
    with pytest.raises(InvalidExperimentError, match=r"0 \('bell'\) has 'h' on qubits \[0\].*tran"):
        backend.check(circuit, 0, {})
    with pytest.raises(InvalidExperimentError, match=r"1 \('far'\) has 'cx' on qubits \[0, 4\]"):
        backend.check((far, None, 10), 1, {})
    wide = QuantumCircuit(6, 6, name="wide")
    wide.measure(range(6), range(6))
    with pytest.raises(InvalidExperimentError, match="6 qubits, and fake_manila has 5"):
        backend.check(wide, 2, {})


def test_a_parameter_need_not_be_bound_to_be_for_the_device():
    circuit = QuantumCircuit(1, 1)
    circuit.rz(Parameter("a"), 0)
    circuit.measure(0, 0)
    adapt(BackendSamplerV2(backend=FakeManilaV2())).check((circuit, [0.1]), 0, {})


def test_counts_are_never_exact():
    backend = adapt(BackendEstimatorV2(backend=AerSimulator()))
    backend.check((unmeasured(), "ZZ"), 0, {})
    with pytest.raises(InvalidExperimentError, match=r"'probe'\) asks for a precision of 0"):
        backend.check((unmeasured(), "ZZ", None, 0.0), 0, {})
    with pytest.raises(InvalidExperimentError, match=r"'probe'\) asks for a precision of 0"):
        backend.check((unmeasured(), "ZZ"), 0, {"precision": 0})


@pytest.mark.parametrize(
    ("uri", "options", "words"),
    [
        ("sampler:statevector", {"memory": True}, r"'memory' is no run option.*shots"),
        ("sampler:statevector", {"precision": 0.1}, "'precision' is no run option"),
        ("estimator:statevector", {"shots_": 5}, "'shots_' is no run option.*precision"),
        ("estimator:statevector", {"precision": "high"}, "precision is 'high'"),
        ("estimator:statevector", {"precision": -1}, "precision is -1"),
        ("estimator:statevector", {"precision": True}, "precision is True"),
    ],
)
def test_options_that_a_primitive_does_not_have_are_refused(uri, options, words):
    backend = open_backend(uri)
    pub = measured() if uri.startswith("sampler") else (unmeasured(), "ZZ")
    with pytest.raises(InvalidArgumentError, match=words):
        backend.check(pub, 0, options)
