"""What the calls of the pool's threads send, and what they make of what comes back."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager.codec.circuits import encode_circuit, pack, unpack
from qiskit_job_manager.codec.experiments import read_experiments
from qiskit_job_manager.engine.backend_calls import (
    Divided,
    Fetched,
    Verdict,
    awaiting,
    fetching,
    job_options,
    submission,
    understand,
    understanding,
)
from qiskit_job_manager.errors import (
    StoreBusyError,
    StoreCorruptError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
)
from qiskit_job_manager.model import Blob, RawResult, RemoteState, RemoteStatus
from qiskit_job_manager.planning import derive_seed
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing.samples import sampled

NAMES = ["a", "b", "c", "d"]
RESULT = RawResult("qiskit-result/1", b"data")


@pytest.fixture(scope="module")
def payload():
    return pack([encode_circuit(_circuit(name)) for name in NAMES])


def _circuit(name):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.measure(0, 0)
    return circuit


class Store:
    """What a store answers about one job; an exception is raised."""

    def __init__(self, payload=None, result=None, names=NAMES):
        self.answers = {"payload": payload, "result": result}
        self.names = names

    def payload(self, job_key):
        return self._answer("payload", job_key)

    def result(self, job_key):
        return self._answer("result", job_key)

    def experiments(self, job_set_key, *, start, stop):
        assert job_set_key == 1
        return [SimpleNamespace(name=name) for name in self.names[start:stop]]

    def _answer(self, name, job_key):
        assert job_key == 7
        if isinstance(self.answers[name], Exception):
            raise self.answers[name]
        return self.answers[name]


class Backend:
    """Notes what it is asked, and gives an answer or raises it."""

    capabilities = Capabilities()

    def __init__(self, answer="job-1", message=None):
        self.answer, self.message, self.asked = answer, message, []

    def submit(self, *asked):
        return self._answered(self.answer, asked)

    def fetch(self, *asked):
        return self._answered(self.answer, asked)

    def error_message(self, *asked):
        return self._answered(self.message, asked)

    def _answered(self, answer, asked):
        self.asked.append(asked)
        if isinstance(answer, Exception):
            raise answer
        return answer


# -- submissions ----------------------------------------------------------------------------------


@pytest.fixture
def submit(payload, job_set, job):
    """Submit a job of four experiments."""

    def submit(backend, store=None, *, safe=True, complete=True, **fields):
        told = replace(job_set, options={"memory": True}, tags=("mine",), complete=complete)
        call = submission(
            backend, store or Store(payload), told, replace(job, **fields), lambda: safe
        )
        return call()

    return submit


def names_in(blob):
    return [circuit.name for circuit in unpack(blob)]


def test_a_submission_sends_the_payload_with_its_options_tag_and_labels(submit, payload):
    backend = Backend()
    assert submit(backend) == "job-1"
    options = {"memory": True, "shots": 10}
    labels = ("qjm-set-" + "0" * 32, "mine")
    assert backend.asked == [(payload, options, "tag-1", labels)]


def test_nothing_is_sent_when_the_lease_may_end(submit):
    backend = Backend()
    words = "^it was not sent, as the lease of the job set might have ended meanwhile$"
    with pytest.raises(SubmissionDeferredError, match=words):
        submit(backend, safe=False)
    assert backend.asked == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (StoreCorruptError("damaged"), SubmissionRefusedError),
        (StoreBusyError("held"), SubmissionDeferredError),
    ],
)
def test_a_payload_that_cannot_be_read_is_not_sent(submit, error, raised):
    backend = Backend()
    with pytest.raises(raised, match=f"^{error}$"):
        submit(backend, Store(error))
    assert backend.asked == []


@pytest.mark.parametrize(("start", "stop", "middle"), [(0, 4, 2), (4, 8, 6), (0, 2, 1)])
def test_what_is_too_large_is_halved(submit, payload, start, stop, middle):
    experiments = pack([encode_circuit(_circuit(name)) for name in NAMES[: stop - start]])
    backend = Backend(SubmissionTooLargeError("9 MB"))
    divided = submit(backend, Store(experiments), start=start, stop=stop)
    assert isinstance(divided, Divided)
    assert (divided.error, divided.halves.middle) == ("refused as too large: 9 MB", middle)
    both = names_in(divided.halves.first), names_in(divided.halves.second)
    assert both == (NAMES[: middle - start], NAMES[middle - start : stop - start])


@pytest.mark.parametrize("fields", [{"stop": 1}, {"shares": 2}])
def test_what_cannot_be_halved_is_refused(submit, fields):
    with pytest.raises(SubmissionTooLargeError):
        submit(Backend(SubmissionTooLargeError("9 MB")), **fields)


@pytest.fixture
def partly_damaged(payload):
    """Four experiments; those at some offsets cannot be read."""

    def make(*offsets):
        whole = [encode_circuit(_circuit(name)) for name in NAMES]
        for offset in offsets:
            whole[offset] = replace(whole[offset], data=b"not QPY at all")
        return pack(whole)

    return make


@pytest.mark.parametrize(
    ("offsets", "middle", "bad"),
    [((0,), 5, 4), ((3,), 7, 7), ((0, 1), 6, 5), ((2, 3), 6, 6), ((1, 2), 5, 5)],
)
def test_experiments_that_cannot_be_read_are_sent_apart(
    submit, partly_damaged, offsets, middle, bad
):
    backend = Backend(SubmissionRefusedError("what is this?"))
    divided = submit(backend, Store(partly_damaged(*offsets)), start=4, stop=8)
    assert divided.error.startswith(f"experiment {bad} cannot be read from the store: ")
    assert "None" not in divided.error
    assert divided.halves.middle == middle
    both = (divided.halves.first, divided.halves.second)
    assert [len(list(read_experiments(each))) for each in both] == [middle - 4, 8 - middle]


def test_they_wait_until_all_experiments_are_stored(submit, partly_damaged):
    backend = Backend(SubmissionRefusedError("what is this?"))
    words = r"^what is this\?; the others are sent when all experiments are stored$"
    with pytest.raises(SubmissionDeferredError, match=words):
        submit(backend, Store(partly_damaged(1)), complete=False)


@pytest.mark.parametrize("offsets", [(), (0, 1, 2, 3)])
def test_a_job_that_is_alike_throughout_is_refused_as_a_whole(submit, partly_damaged, offsets):
    with pytest.raises(SubmissionRefusedError, match=r"^what is this\?$"):
        submit(Backend(SubmissionRefusedError("what is this?")), Store(partly_damaged(*offsets)))


def test_a_payload_without_any_order_is_refused_as_a_whole(submit):
    store = Store(Blob("unknown/9", b"?"))
    with pytest.raises(SubmissionRefusedError, match=r"^no$"):
        submit(Backend(SubmissionRefusedError("no")), store)


def test_each_job_has_its_share_of_the_shots_and_a_seed_of_its_own(job):
    asked = {"shots": 100, "seed_simulator": 5, "seed": "mine", "memory": True}
    assert job_options(asked, replace(job, shots=None, index=3)) == {
        "shots": 100,
        "seed_simulator": derive_seed(5, 3),
        "seed": "mine",
        "memory": True,
    }
    assert job_options({}, replace(job, shots=8)) == {"shots": 8}
    assert asked["seed_simulator"] == 5


# -- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("too warm", "too warm"),
        (None, "the backend says that the job failed, and not why"),
        (OSError("down"), "the reason could not be read: down"),
    ],
)
def test_the_result_of_a_failed_job_comes_with_the_reason(job, message, error):
    backend = Backend(RESULT, message)
    failed = replace(job, status=RemoteStatus(RemoteState.ERROR))
    assert fetching(backend, None, failed, "job-1")() == Fetched(RESULT, error)
    assert backend.asked == [("job-1",), ("job-1",)]


@pytest.mark.parametrize("status", [None, RemoteStatus(RemoteState.DONE)])
def test_no_reason_is_asked_for_where_no_job_failed(job, status):
    backend = Backend(RESULT)
    call = fetching(backend, None, replace(job, status=status), "job-1")
    assert call() == awaiting(backend, "job-1")() == Fetched(RESULT, None)
    assert backend.asked == [("job-1",), ("job-1",)]


JOB_SET = SimpleNamespace(key=1, options={}, volatile=False, backend_name="cloud")


def verdict(job, result, names=NAMES, **fields):
    store = Store(result=result, names=names)
    told = replace(job, **fields)
    found = understand(store, JOB_SET, told)
    assert understanding(store, JOB_SET, told, reopened=False)() == found
    return found


@pytest.fixture
def result(payload):
    def make(n_experiments=4, shots=10, failed=None):
        return sampled(payload, {"shots": shots}, n_experiments, failed=failed)

    return make


def test_a_whole_result_is_a_success(job, result):
    assert verdict(job, result()) == Verdict(None, ())
    assert verdict(job, result(shots=77), shots=None) == Verdict(None, ())


def test_a_result_of_a_job_that_ended_in_error_is_a_failure(job, result):
    status = RemoteStatus(RemoteState.ERROR)
    assert verdict(job, result(), status=status, error="too warm") == Verdict("too warm", ())
    done = RemoteStatus(RemoteState.DONE)
    assert verdict(job, result(), status=done, error="an old one") == Verdict(None, ())


def test_a_result_that_is_not_there_is_a_failure(job):
    expected = Verdict("the stored result has disappeared from the store", ())
    assert verdict(job, None) == expected


def test_a_damaged_result_is_kept(job):
    expected = Verdict("the result is kept as it came, but cannot be read: damaged", ())
    assert verdict(job, StoreCorruptError("damaged")) == expected
    found = verdict(job, Blob("unknown/9", b"?"))
    assert found.error.startswith("the result is kept as it came, but cannot be read: ")


def test_experiments_that_failed_are_named(job, result):
    found = verdict(job, result(failed={2: "hot", 1: "cold"}), start=10, stop=14)
    assert found == Verdict("2 of 4 experiments failed; 11: ERROR: cold", (1, 2))


def test_results_of_another_number_are_refused(job, result):
    words = "the backend returned 3 results for 4 experiments; the result is kept as it came"
    assert verdict(job, result(3)) == Verdict(words, ())


def test_results_of_another_number_of_shots_are_refused(job, result):
    words = "the backend returned a result of 9 shots instead of 10; the result is kept as it came"
    assert verdict(job, result(shots=9)) == Verdict(words, ())


def test_the_shots_of_failed_experiments_do_not_count(job, result):
    found = verdict(job, result(shots=9, failed=dict.fromkeys(range(4), "cold")))
    assert found.error == "4 of 4 experiments failed; 0: ERROR: cold"


def test_results_in_another_order_are_refused(job, result):
    words = (
        "the backend returned the results in another order than the experiments; "
        "the result is kept as it came"
    )
    assert verdict(job, result(), names=["b", "a", "c", "d"]) == Verdict(words, ())


@pytest.mark.parametrize("names", [["a", "b", "c", "x"], ["w", "x", "y", "z"]])
def test_names_that_the_backend_changed_say_nothing(job, result, names):
    assert verdict(job, result(), names=names) == Verdict(None, ())


def test_the_name_of_a_single_experiment_says_nothing(job, result):
    assert verdict(job, result(1), names=["x"], stop=1) == Verdict(None, ())
