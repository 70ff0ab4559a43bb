"""Jobs of providers with bad manners: none is lost, none is sent twice, none is kept for ever."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit.providers.basic_provider import BasicSimulator
from qiskit_aer import AerSimulator

from qiskit_job_manager.backends import adapt
from qiskit_job_manager.backends.job_follower import ENDED_KEPT
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import (
    CredentialsError,
    JobOutOfReachError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import RemoteState
from qiskit_job_manager.testing.backend_contract import basis_state, payload_of, wait_for_end


class HttpError(Exception):
    """As clients of services raise it."""

    def __init__(self, status_code):
        super().__init__(f"status {status_code}")
        self.status_code = status_code


@pytest.fixture
def payload():
    return payload_of([basis_state(2, 2), basis_state(1, 2)])


@pytest.fixture
def odd(providers):
    """Make an adapter of an odd provider whose jobs have the given methods."""

    def make(kind="Provider", *, volatile=None, **methods):
        class Job(providers["PlainJob"]):
            pass

        for name, method in methods.items():
            setattr(Job, name, method)

        class Odd(providers[kind]):
            def answer(self, result):
                job = super().answer(result)
                job.__class__ = Job
                return job

        return adapt(Odd(), volatile=volatile)

    return make


def fails(error):
    def method(self, *args):
        raise error

    return method


def send(backend, payload, tag="tag-1"):
    return backend.submit(payload, {"shots": 20}, tag)


def state(backend, remote_id):
    return backend.statuses([remote_id])[remote_id].state


# -- submitting -------------------------------------------------------------------------------


def test_an_accepted_job_whose_answer_is_lost_is_in_doubt_and_sent_once(providers, payload):
    provider = providers["LosesAnswers"]()
    with pytest.raises(SubmissionInDoubtError, match="connection reset by peer"):
        send(adapt(provider), payload)
    assert provider.runs == len(provider.jobs) == 1


def test_a_list_that_was_refused_before_it_was_sent_is_sent_as_a_circuit(providers):
    provider = providers["OneAtATime"]()
    backend = adapt(provider)
    assert not backend.capabilities.volatile
    remote_id = backend.submit(payload_of([basis_state(2, 2)]), {"shots": 5}, "tag")
    assert open_result(backend.fetch(remote_id)).counts(0) == {"0x2": 5}
    assert provider.runs == 1


def test_several_circuits_are_never_sent_one_by_one(providers, payload):
    provider = providers["OneAtATime"]()
    with pytest.raises(SubmissionRefusedError):
        send(adapt(provider, volatile=True), payload)
    assert provider.runs == 0


def test_what_cannot_be_decoded_is_not_sent_and_not_in_doubt(providers, payload):
    provider = providers["Provider"]()
    with pytest.raises(SubmissionRefusedError, match="nothing was sent"):
        send(adapt(provider), replace(payload, data=payload.data[:-9]))
    assert provider.runs == 0


@pytest.mark.parametrize("option", ["no_such", "circuits"])
def test_an_option_that_run_does_not_take_is_a_definite_no(providers, payload, option):
    class Strict(providers["Provider"]):
        def run(self, run_input, *, shots=1):
            raise AssertionError("never entered")

    with pytest.raises(SubmissionRefusedError, match=option):
        adapt(Strict()).submit(payload, {option: 1}, "tag-1")


def test_a_bad_circuit_is_a_definite_no_on_a_simulator():
    circuit = QuantumCircuit(1, 1)
    circuit.initialize([0, 1], 0)
    circuit.measure(0, 0)
    with pytest.raises(SubmissionRefusedError, match="initialize"):
        send(adapt(BasicSimulator()), payload_of([circuit]))


def test_an_interrupt_is_not_taken_for_an_answer(providers, payload):
    with pytest.raises(KeyboardInterrupt):
        send(adapt(providers["Provider"](fail_with=[KeyboardInterrupt()])), payload)


@pytest.mark.parametrize(
    ("volatile", "error"), [(True, SubmissionRefusedError), (False, SubmissionInDoubtError)]
)
def test_several_jobs_for_one_submission_are_refused_with_their_ids(
    providers, payload, volatile, error
):
    class Splits(providers["Provider"]):
        def answer(self, result):
            return [providers["PlainJob"](self, f"id-{n}", result) for n in range(2)]

    with pytest.raises(error, match=r"2 jobs of one \(id-0, id-1\).*max_experiments_per_job=1"):
        send(adapt(Splits(), volatile=volatile), payload)


def test_a_list_of_one_job_is_that_job(providers, payload):
    class Wraps(providers["Provider"]):
        def answer(self, result):
            return [super().answer(result)]

    backend = adapt(Wraps())
    assert state(backend, send(backend, payload)) is RemoteState.DONE


def test_what_is_no_job_at_all_is_in_doubt(providers, payload):
    class Silent(providers["Provider"]):
        def answer(self, result):
            return None

    with pytest.raises(SubmissionInDoubtError, match="NoneType"):
        send(adapt(Silent()), payload)


@pytest.mark.parametrize("own_id", [None, "", 0, fails(RuntimeError("not yet"))])
def test_a_job_without_a_usable_id_is_still_followed(odd, payload, own_id):
    method = own_id if callable(own_id) else lambda self: own_id
    backend = odd(job_id=method)
    ids = [send(backend, payload, f"tag-{n}") for n in range(2)]
    assert len(set(ids)) == 2
    assert all(isinstance(one, str) and one for one in ids)
    assert [open_result(backend.fetch(one)).n_experiments for one in ids] == [2, 2]


def test_simulators_that_cannot_run_two_jobs_at_once_are_not_asked_to():
    """`BasicSimulator` keeps the state of the circuit that it runs in itself."""
    simulator = BasicSimulator()
    adapters = [adapt(simulator), adapt(simulator)]
    meeting = threading.Barrier(2, timeout=0.3)
    met = []
    real = simulator._run_job

    def watched(*args):
        try:
            meeting.wait()
        except threading.BrokenBarrierError:
            return real(*args)
        met.append(True)
        return real(*args)

    simulator._run_job = watched
    payload = payload_of([basis_state(1, 2)])
    threads = [threading.Thread(target=send, args=(one, payload)) for one in adapters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meeting.broken
    assert met == []


# -- statuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (JobStatus.INITIALIZING, RemoteState.QUEUED),
        (JobStatus.QUEUED, RemoteState.QUEUED),
        (JobStatus.VALIDATING, RemoteState.QUEUED),
        (JobStatus.RUNNING, RemoteState.RUNNING),
        (JobStatus.DONE, RemoteState.DONE),
        (JobStatus.ERROR, RemoteState.ERROR),
        (JobStatus.CANCELLED, RemoteState.CANCELLED),
        ("DONE", RemoteState.DONE),
        ("done ", RemoteState.DONE),
        ("Queued", RemoteState.QUEUED),
        ("JobStatus.RUNNING", RemoteState.RUNNING),
        ("canceled", RemoteState.CANCELLED),
        ("FAILED", RemoteState.ERROR),
        ("completed", RemoteState.DONE),
        ("in a queue of queues", RemoteState.RUNNING),
        (None, RemoteState.RUNNING),
    ],
)
def test_a_status_is_understood_in_any_spelling(odd, payload, said, meant):
    backend = odd(status=lambda self: said)
    assert state(backend, send(backend, payload)) is meant


def test_an_unknown_word_ends_a_job_only_if_the_job_says_so(odd, payload):
    backend = odd(status=lambda self: "concluded", in_final_state=lambda self: True)
    status = backend.statuses([remote_id := send(backend, payload)])[remote_id]
    assert status.state is RemoteState.DONE
    assert status.message == "concluded"


def test_one_job_that_cannot_be_asked_does_not_hide_the_others(providers, payload):
    provider = providers["Cloud"]()
    backend = adapt(provider)
    good = send(backend, payload)

    def refuse(job_id):
        raise ConnectionError("no route")

    provider.retrieve_job = refuse
    assert set(backend.statuses([good, "far away"])) == {good}
    with pytest.raises(TransientBackendError, match="no route"):
        backend.statuses(["far away"])


def test_expired_credentials_are_told_at_once(odd, payload):
    backend = odd(status=fails(HttpError(401)), result=fails(HttpError(401)))
    remote_id = send(backend, payload)
    with pytest.raises(CredentialsError):
        backend.statuses([remote_id])
    with pytest.raises(CredentialsError):
        backend.fetch(remote_id)


# -- other processes --------------------------------------------------------------------------


def test_a_job_of_an_earlier_process_is_found_by_its_id(providers, payload):
    first = providers["Cloud"]()
    remote_id = send(adapt(first), payload)
    second = providers["Cloud"](first.jobs)
    backend = adapt(second)
    assert state(backend, remote_id) is RemoteState.DONE
    assert open_result(backend.fetch(remote_id)).n_experiments == 2
    assert second.retrieved == [remote_id]
    assert second.runs == 0


@pytest.mark.parametrize("answer", ["raises", "none"])
def test_a_job_is_gone_when_the_provider_is_definite(providers, answer):
    provider = providers["Cloud"]()
    if answer == "none":
        provider.retrieve_job = lambda job_id: None
    backend = adapt(provider)
    assert state(backend, "deleted") is RemoteState.GONE
    with pytest.raises(ResultGoneError):
        backend.fetch("deleted")
    backend.cancel("deleted")


@pytest.mark.parametrize("error", [KeyError("x"), ConnectionError("x"), HttpError(503)], ids=repr)
def test_a_job_is_not_gone_because_it_could_not_be_asked_about(providers, error):
    provider = providers["Cloud"]()
    provider.retrieve_job = lambda job_id: fails(error)(None)
    backend = adapt(provider)
    with pytest.raises(TransientBackendError):
        backend.statuses(["job"])
    with pytest.raises(TransientBackendError):
        backend.fetch("job")


def test_a_job_that_only_its_dead_process_could_ask_about_is_out_of_reach_and_not_gone(providers):
    backend = adapt(providers["Provider"]())
    status = backend.statuses(["far away"])["far away"]
    assert status.state is RemoteState.OUT_OF_REACH
    assert "retrieve_job" in status.message
    with pytest.raises(JobOutOfReachError, match="far away"):
        backend.fetch("far away")
    backend.cancel("far away")
    assert backend.error_message("far away") is None


# -- results ----------------------------------------------------------------------------------


def test_a_simulation_that_raised_has_failed_for_good():
    backend = adapt(AerSimulator(max_parallel_threads=1))
    circuit = QuantumCircuit(1, 1)
    circuit.prepare_state([0, 1], 0)
    circuit.measure(0, 0)
    remote_id = send(backend, payload_of([circuit]))
    assert wait_for_end(backend, remote_id).state is RemoteState.ERROR
    for _ in range(2):
        with pytest.raises(RemoteJobFailedError, match="state_preparation"):
            backend.fetch(remote_id)
    assert "state_preparation" in backend.error_message(remote_id)
    assert state(backend, remote_id) is RemoteState.ERROR


def test_a_remote_job_has_failed_for_good_only_if_its_status_says_so(odd, payload):
    words = {"error_message": lambda self: "fridge is warm"}
    broken = RuntimeError("cannot read")
    failed = odd(status=lambda self: "ERROR", result=fails(broken), **words)
    with pytest.raises(RemoteJobFailedError, match="fridge is warm"):
        failed.fetch(send(failed, payload))
    fine = odd(status=lambda self: "DONE", result=fails(broken), **words)
    with pytest.raises(TransientBackendError, match="cannot read"):
        fine.fetch(send(fine, payload))
    offline = odd(status=fails(ConnectionError()), result=fails(broken))
    with pytest.raises(TransientBackendError):
        offline.fetch(send(offline, payload))
    network = odd(status=lambda self: "ERROR", result=fails(ConnectionError("reset")))
    with pytest.raises(TransientBackendError):
        network.fetch(send(network, payload))


def test_a_failed_job_with_a_result_gives_it_and_its_reason(odd, payload):
    backend = odd(status=lambda self: "ERROR", error_message=lambda self: "half of it")
    remote_id = send(backend, payload)
    assert backend.error_message(remote_id) == "half of it"
    assert open_result(backend.fetch(remote_id)).n_experiments == 2


def test_a_result_that_is_not_there_any_more_is_gone(odd, payload):
    for result in (lambda self: None, fails(HttpError(404)), fails(HttpError(410))):
        backend = odd(result=result)
        with pytest.raises(ResultGoneError):
            backend.fetch(send(backend, payload))


def test_a_result_of_another_kind_is_no_result(odd, payload):
    backend = odd(result=lambda self: {"counts": {}})
    with pytest.raises(RemoteJobFailedError, match="of type dict"):
        backend.fetch(send(backend, payload))


# -- cancelling -------------------------------------------------------------------------------


def test_a_job_is_cancelled(odd, payload):
    asked = []
    backend = odd(
        cancel=lambda self: asked.append(self.job_id()),
        status=lambda self: JobStatus.CANCELLED if asked else JobStatus.QUEUED,
    )
    remote_id = send(backend, payload)
    assert state(backend, remote_id) is RemoteState.QUEUED
    backend.cancel(remote_id)
    assert asked == [remote_id]
    assert state(backend, remote_id) is RemoteState.CANCELLED
    assert state(backend, remote_id) is RemoteState.CANCELLED
    with pytest.raises(RemoteJobFailedError, match="cancelled"):
        backend.fetch(remote_id)


@pytest.mark.parametrize(
    "error", [NotImplementedError(), RuntimeError("has ended"), HttpError(404)], ids=repr
)
def test_what_cannot_be_cancelled_is_left_alone(odd, payload, error):
    backend = odd(cancel=fails(error))
    backend.cancel(send(backend, payload))


def test_a_cancellation_that_may_not_have_arrived_is_reported(odd, payload):
    backend = odd(cancel=fails(ConnectionError("reset")))
    with pytest.raises(TransientBackendError, match="reset"):
        backend.cancel(send(backend, payload))


# -- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"), [(75, 75), (1, 1), (0, None), (-1, None), (None, None), (True, None)]
)
def test_only_a_number_of_circuits_is_a_limit(providers, said, meant):
    class Limited(providers["Provider"]):
        max_circuits = said

    assert adapt(Limited()).limits().experiments_per_job == meant


def test_the_most_shots_are_found_where_providers_put_them(providers):
    class Configuration:
        max_shots = 3000

    validated = providers["Provider"]()
    validated.options.set_validator("shots", (1, 1000))
    by_attribute = providers["Provider"](max_shots=2000)
    configured = providers["Provider"](configuration=Configuration)
    backends = (validated, by_attribute, configured, providers["Provider"]())
    shots = [adapt(one).limits().shots_per_experiment for one in backends]
    assert shots == [1000, 2000, 3000, None]


def test_a_simulator_is_held_to_no_number_of_shots_and_has_few_jobs_waiting():
    limits = adapt(AerSimulator()).limits()
    assert limits.shots_per_experiment is None
    assert 1 < limits.pending_jobs < 10


# -- memory -----------------------------------------------------------------------------------


def test_job_objects_are_let_go_of_when_their_result_is_handed_over(providers, payload):
    jobs = []

    class Watched(providers["Provider"]):
        def answer(self, result):
            job = super().answer(result)
            jobs.append(weakref.ref(job))
            return job

    backend = adapt(Watched(), volatile=True)
    ids = [send(backend, payload, f"tag-{n}") for n in range(3)]
    assert all(job() for job in jobs)
    for remote_id in ids:
        backend.fetch(remote_id)
    gc.collect()
    assert [job() for job in jobs] == [None] * 3


def test_only_the_last_results_are_kept_in_memory(providers, payload):
    backend = adapt(providers["Provider"](), volatile=True)
    ids = [send(backend, payload, f"tag-{n}") for n in range(ENDED_KEPT + 2)]
    first = [backend.fetch(remote_id) for remote_id in ids]
    assert backend.fetch(ids[-1]) is first[-1]
    assert backend.fetch(ids[2]) is first[2]
    assert state(backend, ids[1]) is RemoteState.GONE
