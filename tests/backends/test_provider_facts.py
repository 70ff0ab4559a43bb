"""What is known of providers' clients: stand-ins with their names behave as their source says."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import adapt
from qiskit_job_manager.backends.provider_facts import facts_of
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import (
    InvalidExperimentError,
    JobManagerError,
    SubmissionInDoubtError,
    TransientBackendError,
)
from qiskit_job_manager.model import ExperimentKind, RemoteState
from qiskit_job_manager.testing.backend_contract import basis_state, payload_of


@pytest.fixture
def named(providers):
    """Make a backend whose class has the name of a client's, and runs circuits as `Provider`."""

    def named(path, **members):
        module, _, name = path.rpartition(".")
        given = {"__module__": module, "seen": [], **members}
        cls = type(name, (providers["Provider"],), given)
        run = cls.run

        def kept(self, run_input, **options):
            own = ("tags", "job_name", "extra_metadata", "tag")
            self.seen.append(options)
            return run(self, run_input, **{n: v for n, v in options.items() if n not in own})

        cls.run = kept
        return cls()

    return named


@pytest.fixture
def send():
    def send(adapter, tag="qjm-7", **options):
        return adapter.submit(payload_of([basis_state(2, 2)]), {"shots": 5, **options}, tag)

    return send


# -- Braket -----------------------------------------------------------------------------------

BRAKET = "qiskit_braket_provider.providers.braket_backend.BraketAwsBackend"


class Tasks:
    """As much of boto3's client as is used; it returns two tasks a page."""

    def __init__(self, *tasks):
        self.tasks = tasks
        self.filters = []

    def search_quantum_tasks(self, *, filters, **paging):
        self.filters.append(filters)
        first = int(paging.get("nextToken", "0"))
        page = {"quantumTasks": list(self.tasks[first : first + 2])}
        return {**page, "nextToken": str(first + 2)} if first + 2 < len(self.tasks) else page


def task(arn, hour, **tags):
    when = datetime(2026, 11, 27, hour, tzinfo=UTC)
    return {"quantumTaskArn": arn, "createdAt": when, "tags": tags}


@pytest.fixture
def braket(named):
    def braket(*tasks, **members):
        client = Tasks(*tasks)
        session = SimpleNamespace(braket_client=client)
        device = SimpleNamespace(arn="arn:device", aws_session=session)
        return named(BRAKET, _device=device, **members), client

    return braket


def test_a_task_of_braket_gets_the_tag_beside_those_of_the_user(braket, send):
    backend, _ = braket()
    send(adapt(backend), tags={"project": "x"})
    assert backend.seen[-1]["tags"] == {"project": "x", "qiskit-job-manager": "qjm-7"}


def test_tasks_of_braket_are_found_by_the_tag_on_all_pages_oldest_first(braket):
    own = {"qiskit-job-manager": "qjm-7"}
    backend, client = braket(
        task("late", 9, **own),
        task("other", 8),
        task("early", 7, **own),
        {**task("b", 6), "tags": None},
    )
    adapter = adapt(backend)
    assert adapter.capabilities.findable
    assert list(adapter.find("qjm-7")) == ["early", "late"]
    assert list(adapter.find("qjm-8")) == []
    assert client.filters[0] == [
        {"name": "deviceArn", "operator": "EQUAL", "values": ["arn:device"]}
    ]


def test_a_list_that_cannot_be_read_leaves_the_job_in_doubt(braket):
    backend, client = braket()
    client.tasks = None
    with pytest.raises(TransientBackendError, match="the list of jobs"):
        adapt(backend).find("qjm-7")


@pytest.mark.parametrize(("most", "limit"), [(None, 1), (100, 100)])
def test_one_call_makes_one_task_of_braket(braket, most, limit):
    """A list becomes a task each, and an error in the midst leaves those before it to be paid."""
    backend, _ = braket(_max_program_set_executables=most)
    assert adapt(backend).limits().experiments_per_job == limit


def test_pubs_too_make_one_task_of_braket_a_call(braket):
    from qiskit.primitives import BackendSamplerV2

    backend, _ = braket()
    sampler = BackendSamplerV2(backend=backend)
    assert adapt(sampler).limits().experiments_per_job == 1
    adapter = adapt(backend, takes=ExperimentKind.SAMPLER_PUB)
    payload = payload_of([basis_state(number, 2) for number in range(3)], adapter.takes)
    remote_id = adapter.submit(payload, {"shots": 5}, "qjm-7")
    assert open_result(adapter.fetch(remote_id)).n_experiments == 3
    assert backend.runs == 3


def test_a_bit_that_braket_would_leave_out_is_refused_before_anything_is_sent(braket):
    from qiskit.circuit import QuantumCircuit

    circuit = QuantumCircuit(2, 3, name="part")
    circuit.measure(0, 1)
    backend, _ = braket()
    with pytest.raises(InvalidExperimentError, match=r"experiment 4 \('part'\).*measured into"):
        adapt(backend).check(circuit, 4, {})
    adapt(backend).check(basis_state(2, 2), 5, {})


# -- Azure ------------------------------------------------------------------------------------


def test_jobs_of_azure_are_found_by_the_beginning_of_their_names(named, send):
    def details(job_id, name, hour):
        when = datetime(2026, 11, 27, hour, tzinfo=UTC)
        return SimpleNamespace(details=SimpleNamespace(id=job_id, name=name, creation_time=when))

    jobs = [details("c", "qjm-7 mine", 9), details("d", "qjm-77", 8), details("b", "qjm-7", 7)]
    asked = []

    def list_jobs(*, name_match):
        asked.append(name_match)
        return jobs

    workspace = SimpleNamespace(list_jobs=list_jobs)
    provider = SimpleNamespace(get_workspace=lambda: workspace)
    backend = named("azure.quantum.qiskit.backends.backend.AzureBackendBase", provider=provider)
    adapter = adapt(backend)
    send(adapter, job_name="mine")
    assert backend.seen[-1]["job_name"] == "qjm-7 mine"
    assert list(adapter.find("qjm-7")) == ["b", "c"]
    assert asked == ["qjm-7"]


# -- IonQ -------------------------------------------------------------------------------------


class BusyError(Exception):
    status_code = 503


class IonQClient:
    def __init__(self):
        self.posts = []

    def _post(self):
        self.posts.append(1)
        raise BusyError("the service is busy")

    def _again(self):
        for _ in range(5):
            try:
                return self._post()
            except BusyError as error:
                last = error
        raise last

    submit_job = functools.wraps(_post)(_again)


def test_ionq_is_sent_a_job_once_although_its_client_would_send_it_five_times(named, send):
    client = IonQClient()

    def run(self, run_input, **options):
        self.last = options
        return self._client.submit_job()

    backend = named("qiskit_ionq.ionq_backend.IonQBackend", client=client, _client=client, run=run)
    with pytest.raises(SubmissionInDoubtError, match="busy"):
        send(adapt(backend))
    assert len(client.posts) == 1
    with pytest.raises(BusyError):
        backend.run([])
    assert len(client.posts) == 6  # the user's own object is as it was


def test_pubs_on_ionq_are_sent_once_too(named):
    client = IonQClient()

    def run(self, run_input, **options):
        return self._client.submit_job()

    backend = named("qiskit_ionq.ionq_backend.IonQBackend", client=client, _client=client, run=run)
    adapter = adapt(backend, takes=ExperimentKind.SAMPLER_PUB)
    payload = payload_of([basis_state(2, 2)], adapter.takes)
    remote_id = adapter.submit(payload, {"shots": 5}, "qjm-7")
    with pytest.raises(JobManagerError, match="busy"):
        adapter.fetch(remote_id)
    assert len(client.posts) == 1


def test_a_job_of_ionq_has_the_tag_in_its_metadata(named, send):
    client = IonQClient()

    def run(self, run_input, **options):
        return self._client.submit_job()

    backend = named("qiskit_ionq.ionq_backend.IonQBackend", client=client, _client=client, run=run)
    with pytest.raises(SubmissionInDoubtError):
        send(adapt(backend), extra_metadata={"a": "b"})
    assert backend.seen[-1]["extra_metadata"] == {"a": "b", "qiskit-job-manager": "qjm-7"}


# -- AQT --------------------------------------------------------------------------------------

AQT = "qiskit_aqt_provider._cloud.resource.CloudResource"


@pytest.fixture
def aqt(named):
    """Make backends of one user, whose jobs persist in one folder."""
    folder = {}

    def aqt(persist=lambda job: folder.__setitem__(job.job_id(), job)):
        backend = named(AQT, restore_job=lambda self, job_id: folder[job_id])
        run = type(backend).run

        def keeps(self, run_input, **options):
            job = run(self, run_input, **options)
            job.persist = lambda: persist(job)
            return job

        type(backend).run = keeps
        return backend

    return aqt


def test_a_job_of_aqt_is_restored_by_another_process(aqt, send):
    remote_id = send(adapt(aqt()))
    other = adapt(aqt())
    assert other.status(remote_id).state is RemoteState.DONE
    assert open_result(other.fetch(remote_id)).counts(0) == {"0x2": 5}


def test_a_job_of_aqt_that_cannot_be_kept_was_accepted_all_the_same(aqt, send, caplog):
    def full(job):
        raise OSError("the disk is full")

    adapter = adapt(aqt(full))
    remote_id = send(adapter)
    assert open_result(adapter.fetch(remote_id)).counts(0) == {"0x2": 5}
    assert "the disk is full" in caplog.text


# -- Superstaq, and local simulators ----------------------------------------------------------


def test_a_job_of_superstaq_has_the_tag_beside_those_of_the_user(named, send):
    backend = named("qiskit_superstaq.superstaq_backend.SuperstaqBackend")
    send(adapt(backend))
    assert backend.seen[-1]["tag"] == ["qjm-7"]
    assert facts_of(backend).tagged({"tag": "own"}, "qjm-7") == {"tag": ["own", "qjm-7"]}


@pytest.mark.parametrize(
    "path",
    [
        "mqt.ddsim.qasm_simulator_backend.QasmSimulatorBackend",
        "qdd.qdd_backend.QddBackend",
        "qiskit_aqt_provider._offline_sim.resource.OfflineSimulatorResource",
        "qiskit_braket_provider.providers.braket_backend.BraketLocalBackend",
    ],
)
def test_jobs_of_known_simulators_die_with_the_process(named, path):
    assert adapt(named(path)).capabilities.volatile
    assert not adapt(named(path), volatile=False).capabilities.volatile


@pytest.mark.parametrize("path", [BRAKET, AQT, "qdd_cloud.backend.QddBackend"])
def test_jobs_of_services_do_not(named, path):
    assert not adapt(named(path)).capabilities.volatile


def test_a_backend_that_sends_elsewhere_what_a_simulator_would_compute_is_not_local(named):
    class Remote(type(named("qdd.qdd_backend.QddBackend"))):
        def run(self, run_input, **options):
            raise NotImplementedError

    assert not adapt(Remote()).capabilities.volatile


# -- results ----------------------------------------------------------------------------------


@pytest.fixture
def two_registers():
    from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

    circuit = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(1, "a"), ClassicalRegister(1, "b"), name="two"
    )
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def test_a_result_without_sizes_gets_those_of_the_circuit(providers, manager, two_registers):
    job_set = manager.run([two_registers], providers["NameDropper"](), shots=5, memory=True)
    results = job_set.results(timeout=60)
    assert results.get_counts(0) == {"1 0": 5}
    assert results.get_memory(0) == ["1 0"] * 5


def test_another_process_completes_a_result_in_the_same_way(providers, store_path, two_registers):
    with JobManager(store_path) as manager:
        manager.run([two_registers], providers["NameDropper"](), name="x", shots=5).wait(60)
    with JobManager(store_path) as manager:
        results = manager.retrieve_job_set("x").results(timeout=0)
        assert results.get_counts(0) == {"1 0": 5}


def test_outcomes_of_other_bits_than_the_circuit_has_stay_as_they_came(providers, manager):
    class Narrow(providers["NameDropper"]):
        """Returns the measured bits alone, as one string."""

        def answer(self, result):
            for experiment in result.results:
                experiment.data.counts = {"1": 5}
            return super().answer(result)

    from qiskit.circuit import QuantumCircuit

    circuit = QuantumCircuit(1, 3, name="narrow")
    circuit.x(0)
    circuit.measure(0, 0)
    results = manager.run([circuit], Narrow(), shots=5).results(timeout=60)
    assert results.get_counts(0) == {"1": 5}


def test_pubs_run_where_the_option_memory_is_refused(providers, manager):
    class NoMemory(providers["Provider"]):
        def run(self, run_input, **options):
            if "memory" in options:
                raise AttributeError("Option 'memory' is not valid for this backend")
            return super().run(run_input, **options)

    circuits = [basis_state(number, 2) for number in range(4)]
    results = manager.run([(each,) for each in circuits], NoMemory(), shots=9).results(timeout=60)
    found = [results.pub_result(index).data.c.get_counts() for index in range(4)]
    assert found == [{"00": 9}, {"01": 9}, {"10": 9}, {"11": 9}]


def test_pubs_run_where_results_have_no_header_at_all(providers, manager):
    class Bare(providers["Provider"]):
        def answer(self, result):
            for experiment in result.results:
                del experiment.header
            return super().answer(result)

    results = manager.run([(basis_state(2, 2),)], Bare(), shots=9).results(timeout=60)
    assert results.pub_result(0).data.c.get_counts() == {"10": 9}


# -- pytket -----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_pub", [False, True])
def test_circuits_with_several_registers_are_refused_where_the_client_mixes_them(named, as_pub):
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    kind = ExperimentKind.SAMPLER_PUB if as_pub else ExperimentKind.CIRCUIT
    adapter = adapt(named("pytket.extensions.qiskit.tket_backend.TketBackend"), takes=kind)
    two = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(1, "first"), ClassicalRegister(1, "second")
    )
    two.measure([0, 1], [0, 1])
    with pytest.raises(InvalidExperimentError, match="2 classical registers"):
        adapter.check((two,) if as_pub else two, 0, {})
    one = basis_state(2, 2)
    adapter.check((one,) if as_pub else one, 0, {})


def test_pubs_with_bits_that_the_client_drops_are_refused_before_anything_is_sent(named):
    from qiskit import QuantumCircuit

    adapter = adapt(named(BRAKET), takes=ExperimentKind.SAMPLER_PUB)
    part = QuantumCircuit(1, 2)
    part.measure(0, 1)
    with pytest.raises(InvalidExperimentError, match="nothing is measured into"):
        adapter.check((part,), 0, {})
