"""V2 primitives as backends: the contract, what is known of each, and odd ones."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BaseEstimatorV2,
    BasePrimitiveJob,
    BaseSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import JobStatus
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer import primitives as aer
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager.backends import adapt, open_backend
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
    UnknownBackendError,
)
from qiskit_job_manager.model import ExperimentKind, RemoteState
from qiskit_job_manager.testing.backend_contract import (
    BackendContract,
    basis_state,
    payload_of,
    wait_for_end,
)


def ibm_local(kind="SamplerV2", mode=None, **options):
    """Return a primitive of IBM's client in its local mode; the class warns that it is old."""
    import qiskit_ibm_runtime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return getattr(qiskit_ibm_runtime, kind)(mode=mode or FakeManilaV2(), options=options)


class UnseenJob(BasePrimitiveJob):
    """Follows the interface of Qiskit's jobs and nothing else."""

    def __init__(self, answer):
        super().__init__("unseen-1")
        self.answer = answer

    def result(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def status(self):
        return JobStatus.DONE

    def done(self):
        return True

    def running(self):
        return False

    def cancelled(self):
        return False

    def in_final_state(self):
        return True

    def cancel(self):
        return None


class UnseenSampler(BaseSamplerV2):
    """A sampler of a provider that nobody has seen; ``answer`` bends what it returns."""

    def __init__(self, answer=lambda result: result):
        self.answer = answer
        self.runs = 0

    def run(self, pubs, *, shots=None):
        self.runs += 1
        return UnseenJob(self.answer(StatevectorSampler().run(pubs, shots=shots).result()))


class UnseenEstimator(BaseEstimatorV2):
    def __init__(self):
        self.precisions = []

    def run(self, pubs, *, precision=None):
        self.precisions += [pub.precision for pub in pubs]
        return UnseenJob(StatevectorEstimator().run(pubs, precision=precision).result())


# -- the contract ---------------------------------------------------------------------------------


class TestSamplers(BackendContract):
    @pytest.fixture(
        params=[
            StatevectorSampler,
            lambda: aer.SamplerV2(options={"backend_options": {"max_parallel_threads": 1}}),
            lambda: BackendSamplerV2(backend=AerSimulator(max_parallel_threads=1)),
            lambda: BackendSamplerV2(backend=BasicSimulator()),
            ibm_local,
            UnseenSampler,
        ],
        ids=["statevector", "aer", "over aer", "over basic", "ibm local", "unseen"],
    )
    def backend(self, request):
        return adapt(request.param())


class TestSamplersByName(BackendContract):
    @pytest.fixture(
        params=[
            "sampler:statevector?default_shots=7&seed=3",
            "sampler:aer?max_parallel_threads=1&seed=3",
            "sampler:over:basic",
        ]
    )
    def backend(self, request):
        return open_backend(request.param)


def observed(number, observables="ZZ", **more):
    """Return an estimator's PUB whose value is certain, and that value."""
    circuit = QuantumCircuit(2, name=f"is {number}")
    for qubit in range(2):
        if number >> qubit & 1:
            circuit.x(qubit)
    sign = -1 if number in (1, 2) else 1
    return (circuit, observables, None, *more.values()), sign


@pytest.mark.parametrize(
    "make",
    [
        StatevectorEstimator,
        aer.EstimatorV2,
        lambda: BackendEstimatorV2(backend=AerSimulator(max_parallel_threads=1)),
        lambda: BackendEstimatorV2(backend=BasicSimulator()),
        UnseenEstimator,
        lambda: "estimator:statevector?seed=3",
        lambda: "estimator:aer",
        lambda: "estimator:over:basic?default_precision=0.5",
    ],
    ids=lambda make: getattr(make, "__name__", None),
)
def test_an_estimator_gives_its_values_in_order(make):
    backend = adapt(make())
    assert backend.takes is ExperimentKind.ESTIMATOR_PUB
    pubs, signs = zip(*(observed(n, SparsePauliOp("ZZ")) for n in (2, 0, 3, 1)), strict=True)
    for index, pub in enumerate(pubs):
        backend.check(pub, index, {})
    remote_id = backend.submit(payload_of(pubs, backend.takes), {}, "tag-1")
    assert wait_for_end(backend, remote_id).state is RemoteState.DONE
    reader = open_result(backend.fetch(remote_id))
    values = [float(reader.pub_result(place).data.evs) for place in range(reader.n_experiments)]
    assert values == list(signs)


# -- what is known of each ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "name", "uri"),
    [
        (StatevectorSampler, "StatevectorSampler", "sampler:statevector"),
        (
            lambda: StatevectorSampler(default_shots=5, seed=2),
            "StatevectorSampler",
            "sampler:statevector?default_shots=5&seed=2",
        ),
        (lambda: StatevectorSampler(seed=np.random.default_rng(2)), "StatevectorSampler", None),
        (
            lambda: StatevectorEstimator(default_precision=0.25),
            "StatevectorEstimator",
            "estimator:statevector?default_precision=0.25",
        ),
        (
            lambda: aer.SamplerV2(seed=1, options={"backend_options": {"method": "stabilizer"}}),
            "SamplerV2(aer_simulator_stabilizer)",
            "sampler:aer?method=stabilizer&seed=1",
        ),
        (
            lambda: aer.SamplerV2(options={"run_options": {"method": "stabilizer"}}),
            "SamplerV2(aer_simulator)",
            None,
        ),
        (
            lambda: aer.EstimatorV2(options={"run_options": {"seed_simulator": 4}}),
            "EstimatorV2(aer_simulator)",
            "estimator:aer?seed=4",
        ),
        (
            lambda: aer.SamplerV2.from_backend(FakeManilaV2()),
            "SamplerV2(aer_simulator_from(fake_manila))",
            None,
        ),
        (
            lambda: BackendSamplerV2(backend=FakeManilaV2(), options={"default_shots": 3}),
            "BackendSamplerV2(fake_manila)",
            "sampler:fake:manila?default_shots=3",
        ),
        (
            lambda: BackendEstimatorV2(backend=BasicSimulator(), options={"seed_simulator": 3}),
            "BackendEstimatorV2(basic_simulator)",
            "estimator:over:basic?seed=3",
        ),
        (
            lambda: BackendSamplerV2(
                backend=AerSimulator(), options={"run_options": {"method": "stabilizer"}}
            ),
            "BackendSamplerV2(aer_simulator)",
            None,
        ),
        (ibm_local, "SamplerV2(fake_manila)", None),
        (lambda: ibm_local("EstimatorV2"), "EstimatorV2(fake_manila)", None),
    ],
)
def test_a_known_primitive_is_local_and_opens_again_by_its_name(make, name, uri):
    backend = adapt(make())
    assert backend.name == name
    assert backend.uri == uri
    assert backend.capabilities.volatile
    if uri is not None:
        again = open_backend(uri)
        assert again.uri == uri
        assert again.capabilities.volatile
        assert again.kept_options == backend.kept_options


class OfAProvider(StatevectorSampler):
    """Inherits the looks of a local one, and sends elsewhere."""

    def run(self, pubs, *, shots=None):
        return super().run(pubs, shots=shots)


class Elsewhere(AerSimulator):
    """A backend of a provider that inherits the looks of a local one."""

    def run(self, *args, **options):
        return super().run(*args, **options)


@pytest.mark.parametrize(
    "make", [UnseenSampler, OfAProvider, lambda: BackendSamplerV2(backend=Elsewhere())]
)
def test_a_primitive_that_is_not_known_to_be_local_is_not_sent_again_unasked(make):
    assert not adapt(make()).capabilities.volatile
    assert adapt(make()).uri is None
    assert adapt(make(), volatile=True).capabilities.volatile


# -- seeds ----------------------------------------------------------------------------------------

SEEDED = {
    "statevector": lambda seed: StatevectorSampler(seed=seed),
    "aer": lambda seed: aer.SamplerV2(seed=seed),
    "over aer": lambda seed: BackendSamplerV2(
        backend=AerSimulator(), options={"seed_simulator": seed}
    ),
    "ibm local": lambda seed: ibm_local(simulator={"seed_simulator": seed}),
}


def coin():
    circuit = QuantumCircuit(1, 1, name="coin")
    circuit.sx(0)
    circuit.measure(0, 0)
    return circuit


def shots_of(backend, options):
    remote_id = backend.submit(payload_of([coin()], backend.takes), options, "tag-1")
    wait_for_end(backend, remote_id)
    return open_result(backend.fetch(remote_id)).pub_result(0).data.c.get_bitstrings()


@pytest.mark.parametrize("kind", SEEDED)
def test_a_job_runs_with_its_own_seed_in_place_of_the_primitives(kind):
    backend = adapt(SEEDED[kind](42))
    assert backend.kept_options == {"seed": 42}
    backend.check(coin(), 0, {"seed": 43, "shots": 50})
    plain = SEEDED[kind](43).run([coin()], shots=50).result()[0].data.c.get_bitstrings()
    assert shots_of(backend, {"seed": 43, "shots": 50}) == plain
    assert shots_of(backend, {"seed": 42, "shots": 50}) != plain
    assert backend.kept_options == {"seed": 42}


def test_an_estimator_runs_with_the_seed_of_its_job():
    pub = (QuantumCircuit(1), "X", None, 0.5)
    for make in (
        lambda seed: StatevectorEstimator(seed=seed),
        lambda seed: aer.EstimatorV2(options={"run_options": {"seed_simulator": seed}}),
        lambda seed: BackendEstimatorV2(
            backend=AerSimulator(), options={"seed_simulator": seed, "default_precision": 0.5}
        ),
    ):
        backend = adapt(make(42))
        remote_id = backend.submit(payload_of([pub], backend.takes), {"seed": 7}, "tag-1")
        wait_for_end(backend, remote_id)
        value = float(open_result(backend.fetch(remote_id)).pub_result(0).data.evs)
        assert value == float(make(7).run([pub]).result()[0].data.evs)


# -- shares of the work ---------------------------------------------------------------------------


def test_a_share_of_an_estimate_is_as_much_coarser_as_it_is_smaller():
    estimator = UnseenEstimator()
    backend = adapt(estimator)
    payload = payload_of(
        [(QuantumCircuit(1), "Z", None, 0.01), (QuantumCircuit(1), "Z")], backend.takes
    )
    backend.submit(payload, {"precision": 0.01, "shots": 2500}, "tag-1")
    backend.submit(payload, {"precision": 0.01, "shots": 10_000}, "tag-2")
    backend.submit(payload, {}, "tag-3")
    assert estimator.precisions == [0.02, 0.02, 0.01, 0.01, 0.01, None]


# -- jobs -----------------------------------------------------------------------------------------


def test_a_job_that_has_not_begun_is_queued_and_no_failure(monkeypatch):
    """Qiskit's PrimitiveJob says of one whose thread has not begun that it ended in error."""
    may_begin = threading.Event()
    sampler = StatevectorSampler()
    run_pub = sampler._run
    monkeypatch.setattr(sampler, "_run", lambda pubs: may_begin.wait(60) and run_pub(pubs))
    backend = adapt(sampler)
    remote_id = backend.submit(payload_of([basis_state(1, 2)], backend.takes), {}, "tag-1")
    job = backend._job(remote_id)
    began = backend.statuses([remote_id])[remote_id].state
    assert began in (RemoteState.QUEUED, RemoteState.RUNNING)
    job._status = JobStatus.ERROR  # what it would say if it was asked too early
    may_begin.set()
    assert wait_for_end(backend, remote_id).state is RemoteState.DONE
    assert open_result(backend.fetch(remote_id)).n_experiments == 1


def test_a_job_that_fails_on_its_thread_says_why():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    circuit.x(0)
    backend = adapt(StatevectorSampler())
    remote_id = backend.submit(payload_of([circuit], backend.takes), {"shots": 5}, "tag-1")
    wait_for_end(backend, remote_id)
    with pytest.raises(RemoteJobFailedError, match="mid-circuit"):
        backend.fetch(remote_id)
    assert "mid-circuit" in backend.error_message(remote_id)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda _: None, ResultGoneError, "not there any more"),
        (lambda _: 7, RemoteJobFailedError, "of type int"),
        (lambda _: RuntimeError("the machine is warm"), JobManagerError, "the machine is warm"),
    ],
)
def test_an_answer_that_is_no_result_is_a_clear_failure(answer, error, words):
    backend = adapt(UnseenSampler(answer))
    remote_id = backend.submit(payload_of([basis_state(1, 2)], backend.takes), {}, "tag-1")
    with pytest.raises(error, match=words):
        backend.fetch(remote_id)


def test_two_jobs_never_run_at_once_where_they_would_mix():
    """Qiskit's BasicSimulator keeps the state of the circuit that it runs in itself."""
    simulator, may_end = BasicSimulator(), threading.Event()
    run = simulator.run
    simulator.run = lambda *args, **options: may_end.wait(60) and run(*args, **options)
    one, other = (adapt(BackendSamplerV2(backend=simulator)) for _ in range(2))
    payload = payload_of([basis_state(1, 2)], one.takes)
    first = one.submit(payload, {}, "tag-1")
    with pytest.raises(SubmissionDeferredError, match="another job"):
        other.submit(payload, {}, "tag-2")
    may_end.set()
    wait_for_end(one, first)
    assert one.limits().pending_jobs == 1


# -- names that cannot be opened ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "error", "words"),
    [
        ("sampler", UnknownBackendError, "statevector, aer"),
        ("sampler:nothing", UnknownBackendError, "statevector, aer"),
        ("estimator:fake:nowhere", UnknownBackendError, "nowhere"),
        ("sampler:statevector?method=x", InvalidArgumentError, "no option 'method'"),
        ("sampler:statevector?default_shots=0", InvalidArgumentError, "default_shots is 0"),
        ("sampler:statevector?seed=high", InvalidArgumentError, "seed is 'high'"),
        ("estimator:statevector?default_precision=-1", InvalidArgumentError, "default_precision"),
        ("estimator:aer?no_such_option=1", InvalidArgumentError, "no_such_option"),
        ("sampler:over:sampler:aer", InvalidArgumentError, "no backend that"),
        ("sampler:aer?seed", InvalidArgumentError, "cannot be opened"),
    ],
)
def test_a_name_that_cannot_be_opened_says_what_is_known(uri, error, words):
    with pytest.raises(error, match=words):
        open_backend(uri)


class _DeafSampler(StatevectorSampler):
    """Looks at the argument of ``run()`` alone, and not at the shots of the PUBs."""

    def run(self, pubs, *, shots=None):
        own = shots or 1024
        return super().run([(pub.circuit, pub.parameter_values, own) for pub in pubs])


class _DeafEstimator(StatevectorEstimator):
    def run(self, pubs, *, precision=None):
        self.seen = precision
        return super().run(pubs, precision=precision)


def test_a_sampler_that_does_not_see_the_shots_of_pubs_is_told_those_they_share(manager):
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    results = manager.run([circuit] * 3, _DeafSampler(), shots=33).results(timeout=60)
    assert [results.get_counts(index) for index in range(3)] == [{"1": 33}] * 3


def test_shots_that_differ_are_not_replaced_by_one_figure(manager):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    pubs = [(circuit, None, 10), (circuit, None, 20)]
    results = manager.run(pubs, StatevectorSampler()).results(timeout=60)
    assert [results.pub_result(index).data.meas.num_shots for index in range(2)] == [10, 20]


def test_an_estimator_is_told_the_precision_that_its_pubs_share(manager):
    estimator, circuit = _DeafEstimator(), QuantumCircuit(1)
    manager.run([(circuit, "Z")] * 2, estimator, precision=0.25).results(timeout=60)
    assert estimator.seen == 0.25


def test_outcomes_of_other_bits_than_the_circuit_has_are_no_result_of_it(manager):
    """As those of a sampler that takes all circuits for circuits of two bits."""

    class TwoBits(StatevectorSampler):
        def run(self, pubs, *, shots=None):
            two = QuantumCircuit(2, 2)
            two.measure([0, 1], [0, 1])
            return super().run([two] * len(pubs), shots=shots)

    wide, fitting = QuantumCircuit(3, 3), QuantumCircuit(2, 2)
    for circuit in (wide, fitting):
        circuit.measure(circuit.qubits, circuit.clbits)
    job_set = manager.run([wide, fitting], TwoBits(), shots=5, max_experiments_per_job=1)
    results = job_set.results(timeout=60)
    assert "outcomes of 2 bits for a register of 3" in job_set.error_messages()
    assert results.get_counts(1) == {"00": 5}
