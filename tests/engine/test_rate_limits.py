"""A limit on pending jobs that a backend enforces without stating it is learnt from refusals."""

from __future__ import annotations

import threading

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends.provider_errors import submission_error
from qiskit_job_manager.engine.rate_limits import LEARNT_FOR_S, MOST_PENDING, RateLimits
from qiskit_job_manager.errors import SubmissionDeferredError
from qiskit_job_manager.model import Limits, RemoteState, RemoteStatus
from qiskit_job_manager.testing import JobStory
from qiskit_job_manager.testing.cloud_service import CloudAdapter, CloudService, Faults

SLOW = JobStory((*[RemoteStatus(RemoteState.RUNNING)] * 3, RemoteStatus(RemoteState.DONE)))
NO_LIMITS = Limits()


def reported(limits, *, accepted, pending=None, key=1):
    limits.report(
        key, pending=accepted if pending is None else pending, planned=1, accepted=accepted
    )


def test_no_more_are_allowed_than_were_seen_pending_until_one_ends():
    limits = RateLimits()
    reported(limits, accepted=3)
    limits.learn_pending(0.0)
    assert limits.allowed(1, NO_LIMITS, 0.0) == 0
    reported(limits, accepted=2)
    assert limits.allowed(1, NO_LIMITS, 1.0) == 1


def test_a_limit_that_is_stated_holds_however_high():
    """An executor of thousands of places is to be kept busy."""
    limits = RateLimits()
    assert limits.allowed(1, Limits(pending_jobs=5_000), 0.0) == 5_000
    assert limits.allowed(1, NO_LIMITS, 0.0) == MOST_PENDING
    reported(limits, accepted=3)
    limits.learn_pending(0.0)
    assert limits.allowed(1, Limits(pending_jobs=5_000), 0.0) == 0


def test_jobs_of_all_sets_of_the_account_count():
    limits = RateLimits()
    reported(limits, accepted=2, key=1)
    reported(limits, accepted=2, key=2)
    limits.learn_pending(0.0)
    reported(limits, accepted=1, key=2)
    assert limits.allowed(1, NO_LIMITS, 1.0) + limits.allowed(2, NO_LIMITS, 1.0) == 1


def test_answers_that_come_after_the_refusal_count():
    limits = RateLimits()
    reported(limits, accepted=0, pending=4)
    limits.learn_pending(0.0)
    reported(limits, accepted=3, pending=4)
    reported(limits, accepted=2)
    assert limits.allowed(1, NO_LIMITS, 1.0) == 1


def test_where_others_fill_the_account_one_job_is_still_tried():
    limits = RateLimits()
    reported(limits, accepted=0)
    limits.learn_pending(0.0)
    assert limits.allowed(1, NO_LIMITS, 0.0) == 1


def test_what_was_learnt_is_forgotten_after_a_while_as_others_may_have_left():
    limits = RateLimits()
    reported(limits, accepted=2)
    limits.learn_pending(0.0)
    assert limits.next_change_s(NO_LIMITS, 0.0) == LEARNT_FOR_S
    assert limits.allowed(1, NO_LIMITS, LEARNT_FOR_S) > 2


def test_a_limit_that_was_stated_stays_if_it_is_lower():
    limits = RateLimits()
    reported(limits, accepted=3)
    limits.learn_pending(0.0)
    reported(limits, accepted=1)
    assert limits.allowed(1, Limits(pending_jobs=2), 1.0) == 1


# -- by the engine ---------------------------------------------------------------------------------


class Full:
    """Refuses what exceeds a limit on pending jobs, as a service does that states none."""

    def __init__(self, backend, most, *, knows_why=True):
        self.refused = 0
        self._most, self._why = most, knows_why
        self._pending = set()
        self._submit, self._fetch = backend.submit, backend.fetch
        backend.submit, backend.fetch = self.submit, self.fetch

    def submit(self, payload, options, tag, labels=()):
        if len(self._pending) >= self._most:
            self.refused += 1
            raise SubmissionDeferredError("too many jobs", too_many_pending=self._why)
        remote_id = self._submit(payload, options, tag, labels)
        self._pending.add(remote_id)
        return remote_id

    def fetch(self, remote_id):
        self._pending.discard(remote_id)
        return self._fetch(remote_id)


@pytest.mark.parametrize("knows_why", [True, False])
def test_a_backend_that_is_full_refuses_only_what_was_on_its_way(make_bench, circuits, knows_why):
    bench = make_bench(findable=True)
    bench.backend.tell(*[SLOW] * 12)
    full = Full(bench.backend, 3, knows_why=knows_why)
    record = bench.job_set(circuits(12))
    bench.drive(record)
    bench.step()
    at_first = full.refused
    bench.run(record)
    assert bench.states(record) == {"done": 12}
    assert at_first == 9
    assert (full.refused == at_first) is knows_why


# -- in a provider's words, and on a service -------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "is_pending"),
    [
        ("too many jobs pending (3458)", True),
        ("You have reached the limit of 3 pending jobs. Please wait", True),
        ("Too many concurrent tasks", True),
        ("too many queued jobs for this device", True),
        ("Error code: 3458", True),
        ("Too many requests", False),
        ("rate limit exceeded", False),
        ("quota exceeded", False),
        ("Error code: 429", False),
    ],
)
def test_what_a_limit_is_on_is_read_from_the_words_of_a_provider(words, is_pending):
    meaning = submission_error(RuntimeError(words), "there", volatile=False)
    assert isinstance(meaning, SubmissionDeferredError)
    assert meaning.too_many_pending is is_pending


class Counting(CloudAdapter):
    """Counts the submissions that the service did not take."""

    def __init__(self, address):
        super().__init__(address)
        self.deferred = 0
        self._lock = threading.Lock()

    def submit(self, *args, **options):
        try:
            return super().submit(*args, **options)
        except SubmissionDeferredError:
            with self._lock:
                self.deferred += 1
            raise


def test_a_service_that_is_full_refuses_only_what_was_on_its_way(store_path, short_polls):
    made = []
    for index in range(8):
        circuit = QuantumCircuit(1, 1, name=f"c{index}")
        circuit.rx(index, 0)
        circuit.measure(0, 0)
        made.append(circuit)
    faults = Faults(pending_jobs=2, service_time_s=0.3)
    with CloudService(faults) as cloud, JobManager(store_path) as manager:
        adapter = Counting(cloud.address)
        job_set = manager.run(made, adapter, max_experiments_per_job=1, shots=10)
        assert job_set.results(timeout=60).success
    assert adapter.deferred <= 6
