"""What users of `IBMQJobManager` suffered, each defect a test named after it.

The defects were observed by running the original against stubs.
"""

from __future__ import annotations

import re
import threading
import time

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers import JobStatus

from qiskit_job_manager import (
    InvalidArgumentError,
    JobManager,
    JobManagerTimeoutError,
    Limits,
    ManagedResultDataNotAvailable,
    SubmissionRefusedError,
)
from qiskit_job_manager.errors import SubmissionDeferredError, TransientBackendError
from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus
from qiskit_job_manager.testing import Call, Hang, JobStory, Raise

RUNNING = JobStory((RemoteStatus(RemoteState.RUNNING),))
DONE = RemoteStatus(RemoteState.DONE)


def ended(job_set, count):
    """A condition to wait for: so many jobs have ended."""
    return lambda progress: progress.n_ended >= count


def wait_until(job_set, condition, within_s=20.0):
    until = time.monotonic() + within_s
    while not condition(job_set.progress()):
        assert time.monotonic() < until, job_set.report()
        time.sleep(0.005)


# -- waiting ----------------------------------------------------------------------------------


def test_a_slow_first_job_does_not_keep_the_other_results_away(manager, scripted, circuits):
    backend = scripted()
    backend.tell(RUNNING)
    job_set = manager.run(circuits(4), backend, max_experiments_per_job=1)
    wait_until(job_set, lambda p: p.jobs.get(JobState.DONE, 0) == 3)
    done = [job.index for job in job_set.managed_jobs() if job.state is JobState.DONE]
    results = job_set.results_so_far()
    assert len(done) == 3
    assert all(results.data(index)["counts"] for index in done)


def test_jobs_that_are_sent_one_by_one_are_sent_in_the_order_of_their_experiments(
    manager, scripted, circuits
):
    backend = scripted(limits=Limits(pending_jobs=1))
    job_set = manager.run(circuits(12), backend, max_experiments_per_job=1, shots=10)
    job_set.results(timeout=60)
    sent = [job.attempts()[0].tag for job in job_set.managed_jobs()]
    assert [s.tag for s in backend.ledger.accepted] == sent


def test_a_job_set_that_waits_for_its_limit_does_not_hold_up_another(manager, scripted, circuits):
    full = scripted(limits=Limits(pending_jobs=1))
    full.tell(RUNNING)
    stuck = manager.run(circuits(20), full, max_experiments_per_job=1)
    other = manager.run(circuits(1), scripted(), name="other")
    assert other.results(timeout=60).success
    assert stuck.progress().n_ended == 0
    stuck.cancel()


def test_a_timeout_covers_submission_as_well(manager, scripted, circuits):
    backend = scripted()
    hang = Hang()
    backend.script(Call.SUBMIT, hang)
    job_set = manager.run(circuits(2), backend, max_experiments_per_job=1)
    with pytest.raises(JobManagerTimeoutError, match=r"experiment [01] "):
        job_set.results(timeout=0.1)
    hang.release()
    assert job_set.results(timeout=20).success


def test_a_timeout_of_zero_does_not_wait(manager, scripted, circuits):
    backend = scripted()
    backend.tell(RUNNING)
    job_set = manager.run(circuits(1), backend)
    with pytest.raises(JobManagerTimeoutError):
        job_set.results(timeout=0)
    job_set.cancel()


def test_a_timeout_of_zero_gives_what_is_in_hand(manager, scripted, circuits):
    job_set = manager.run(circuits(3), scripted())
    assert job_set.wait(timeout=60)
    assert job_set.results(timeout=0).success


def test_running_out_of_time_cancels_and_loses_nothing(manager, scripted, circuits):
    backend = scripted()
    backend.tell(RUNNING)
    job_set = manager.run(circuits(3), backend, max_experiments_per_job=1)
    wait_until(job_set, ended(job_set, 2))
    with pytest.raises(JobManagerTimeoutError, match=r"experiment \d \(job \d, running\)"):
        job_set.results(timeout=0.05)
    active = next(job for job in job_set.managed_jobs() if job.state is JobState.ACTIVE)
    backend.finish(active.job_id(), DONE)
    assert job_set.results(timeout=60).success
    assert len(backend.ledger.accepted) == 3


# -- results ----------------------------------------------------------------------------------


def failing_aer(circuits):
    """A job on Aer of which one experiment fails: it needs more memory than it is given."""
    wide = QuantumCircuit(25, 25, name="wide")
    wide.h(range(25))
    for qubit in range(24):
        wide.t(qubit)
        wide.cx(qubit, qubit + 1)
    wide.measure(range(25), range(25))
    return [circuits[0], wide, circuits[1]]


@pytest.fixture
def partly_failed(manager, circuits):
    from qiskit_aer import AerSimulator

    backend = AerSimulator(method="statevector", max_memory_mb=16, max_parallel_threads=1)
    in_one_job = {"max_experiments_per_job": 10}
    return manager.run(failing_aer(circuits(4)), backend, shots=10, name="partly", **in_one_job)


def test_the_good_experiments_of_a_failed_job_can_be_read(partly_failed):
    results = partly_failed.results(timeout=60, partial=True)
    assert results.success is False
    assert results.get_counts("c0") == {"00000": 10}
    assert results.get_counts(2) == {"00001": 10}
    with pytest.raises(QiskitError):
        results.get_counts("wide")


def test_asking_for_partial_results_works_after_having_asked_without(partly_failed):
    whole = partly_failed.results(timeout=60)
    with pytest.raises(ManagedResultDataNotAvailable, match="Insufficient memory"):
        whole.get_counts("c0")
    assert partly_failed.results(partial=True).get_counts("c0") == {"00000": 10}
    with pytest.raises(ManagedResultDataNotAvailable):
        partly_failed.results().get_counts("c0")


def test_one_failed_job_does_not_hide_the_others(manager, scripted, circuits):
    backend = scripted(limits=Limits(pending_jobs=1))
    backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("no such gate")))
    job_set = manager.run(circuits(3), backend, max_experiments_per_job=1)
    results = job_set.results(timeout=60)
    assert results.success is False
    assert results.get_counts(1)
    with pytest.raises(ManagedResultDataNotAvailable, match="no such gate"):
        results.get_counts(0)


def test_a_result_can_be_read_by_numpy_integers_and_from_the_end(manager, aer, circuits):
    results = manager.run(circuits(5), aer, max_experiments_per_job=2, shots=7).results(timeout=60)
    assert results.get_counts(np.int64(3)) == results.get_counts(3) == {"00011": 7}
    assert results.get_counts(-1) == results.get_counts(np.int32(-1)) == {"00100": 7}


def test_a_name_is_found_without_asking_the_backend(manager, scripted, circuits):
    backend = scripted()
    results = manager.run(circuits(40), backend, max_experiments_per_job=2).results(timeout=60)
    calls = len(backend.ledger.calls)
    for i in range(40):
        assert results.get_counts(f"c{i}") == results.get_counts(i)
    assert len(backend.ledger.calls) == calls


def test_a_duplicate_name_warns_and_all_of_them_can_be_found(manager, aer, circuits):
    twins = circuits(3)
    twins[2].name = twins[1].name = "twin"
    job_set = manager.run(twins, aer, shots=5)
    results = job_set.results(timeout=60)
    with pytest.warns(UserWarning, match="several experiments named 'twin'"):
        assert results.get_counts("twin") == {"00001": 5}
    assert job_set.indices("twin") == [1, 2]


def test_every_result_is_collected_once_and_read_as_often_as_one_likes(manager, scripted, circuits):
    backend = scripted(volatile=True, reads_once=True)
    results = manager.run(circuits(6), backend, max_experiments_per_job=2).results(timeout=60)
    assert [results.get_counts(i) for i in range(6)] == [results.get_counts(i) for i in range(6)]
    assert len(backend.ledger.handed_out) == 3


def test_combining_keeps_every_place_although_a_job_failed(manager, scripted, circuits):
    backend = scripted(limits=Limits(pending_jobs=1))
    backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("no")))
    job_set = manager.run(circuits(3), backend, max_experiments_per_job=1)
    combined = job_set.results(timeout=60, partial=True).combine_results()
    assert len(combined.results) == 3
    assert [r.success for r in combined.results] == [False, True, True]
    assert combined.get_counts("c1")
    with pytest.raises(ManagedResultDataNotAvailable):
        job_set.results().combine_results()


# -- jobs that were refused -----------------------------------------------------------------------


@pytest.fixture
def one_refused(manager, scripted, circuits):
    backend = scripted()
    backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("gate zz is unknown")))
    backend.tell(RUNNING)
    job_set = manager.run(circuits(3), backend, max_experiments_per_job=1)
    wait_until(job_set, lambda p: p.n_ended == 2)
    return job_set


def test_a_refused_job_is_among_the_error_messages(one_refused):
    assert "gate zz is unknown" in one_refused.error_messages()


def test_a_refused_job_is_counted_in_the_report(one_refused):
    report = one_refused.report()
    assert "Jobs failed           1" in report
    assert "gate zz is unknown" in report


def test_cancelling_goes_on_past_a_refused_job(one_refused):
    one_refused.cancel()
    assert one_refused.wait(timeout=60)
    assert sorted(str(j.state) for j in one_refused.managed_jobs()) == [
        "cancelled",
        "done",
        "failed",
    ]


def test_an_experiment_is_found_by_name_past_a_refused_job(one_refused):
    refused = next(j for j in one_refused.managed_jobs() if j.submit_error)
    for i in range(3):
        job, index = one_refused.job(f"c{i}")
        assert (job is None, index) == (i == refused.index, 0)
    assert str(refused.submit_error) == "gate zz is unknown"
    assert refused.job is None


def test_a_refused_job_has_an_error_status_and_not_none(one_refused):
    assert JobStatus.ERROR in one_refused.statuses()
    assert None not in one_refused.statuses()


# -- tags, names, cancelling ----------------------------------------------------------------------


def test_tags_can_be_changed_before_anything_is_sent(manager, scripted, circuits):
    backend = scripted()
    hang = Hang()
    backend.script(Call.SUBMIT, hang)
    job_set = manager.run(circuits(1), backend, job_tags=["a"])
    assert job_set.update_tags(additional_tags=["b"]) == ["a", "b"]
    assert job_set.tags() == ["a", "b"]
    hang.release()


def test_cancelling_does_not_wait_for_the_rest_to_be_sent(manager, scripted, circuits):
    backend = scripted(limits=Limits(pending_jobs=1))
    backend.tell(RUNNING)
    job_set = manager.run(circuits(10), backend, max_experiments_per_job=1)
    wait_until(job_set, lambda p: p.jobs.get(JobState.ACTIVE, 0) == 1)
    job_set.cancel()
    assert job_set.wait(timeout=60)
    assert len(backend.ledger.accepted) == 1
    assert {str(job.state) for job in job_set.managed_jobs()} == {"cancelled"}


def test_looking_at_a_set_does_not_wait_for_the_rest_to_be_sent(manager, scripted, circuits):
    backend = scripted()
    hangs = [Hang(), Hang()]
    backend.script(Call.SUBMIT, *hangs)
    job_set = manager.run(circuits(2), backend, max_experiments_per_job=1)
    assert job_set.statuses() == [JobStatus.INITIALIZING] * 2
    assert job_set.jobs() == [None, None]
    assert job_set.job("c1") == (None, 0)
    assert job_set.error_messages() is None
    assert re.search(r"Jobs (planned|submitting) +[12]\n", job_set.report())
    for hang in hangs:
        hang.release()


def test_a_full_backend_with_nothing_of_ours_is_not_asked_without_pause(
    manager, scripted, circuits
):
    backend = scripted()
    backend.script(Call.SUBMIT, *[Raise(SubmissionDeferredError("limit reached"))] * 10_000)
    job_set = manager.run(circuits(1), backend)
    with pytest.raises(JobManagerTimeoutError):
        job_set.results(timeout=0.6)
    tries = [call for call, _ in backend.ledger.calls if call is Call.SUBMIT]
    assert 1 <= len(tries) <= 12
    job_set.cancel()


def test_a_hiccup_of_the_service_does_not_end_a_job(manager, scripted, circuits):
    backend = scripted()
    backend.script(Call.STATUSES, Raise(TransientBackendError("502")))
    backend.script(Call.FETCH, Raise(TransientBackendError("502")))
    assert manager.run(circuits(1), backend).results(timeout=60).success
    assert len(backend.ledger.accepted) == 1


# -- handing over and finding again ---------------------------------------------------------------


def test_a_single_circuit_is_one_experiment_and_not_its_instructions(manager, aer, circuits):
    job_set = manager.run(circuits(2)[1], aer, shots=9)
    assert len(job_set) == 1
    assert job_set.results(timeout=60).get_counts("c1") == {"00001": 9}


@pytest.mark.parametrize("most", [0, -1, 1.5, "2", True])
def test_an_impossible_job_size_is_named(manager, aer, circuits, most):
    with pytest.raises(InvalidArgumentError, match="max_experiments_per_job is"):
        manager.run(circuits(1), aer, max_experiments_per_job=most)
    assert manager.job_sets() == []


def test_a_name_with_a_line_break_is_a_name_like_any_other(manager, store_path, aer, circuits):
    name = "two\nlines _3_"
    job_set = manager.run(circuits(2), aer, name=name, shots=3)
    job_set.results(timeout=60)
    with JobManager(store_path) as other:
        found = other.retrieve_job_set(job_set.job_set_id())
        assert found.name() == name
        assert found.results().get_counts("c1") == {"00001": 3}


def test_a_set_that_was_not_sent_whole_is_found_whole(store_path, scripted, circuits):
    """The original returned 15 circuits of 200, and called that a success."""
    backend = scripted(limits=Limits(pending_jobs=1))
    backend.tell(RUNNING)
    with JobManager(store_path) as first:
        job_set = first.run(circuits(20), backend, max_experiments_per_job=2)
        wait_until(job_set, lambda p: p.jobs.get(JobState.ACTIVE, 0) == 1)
    with JobManager(store_path) as second:
        found = second.find(job_set.job_set_id())
        assert (found.n_experiments, found.n_jobs) == (20, 10)
        assert not found.progress().success
        assert not found.results_so_far().success


def test_a_lost_id_is_not_a_lost_set(manager, aer, circuits):
    first = manager.run(circuits(1), aer, name="first", shots=1)
    second = manager.run(circuits(1), aer, name="second", shots=1)
    assert [s.name() for s in manager.job_sets()] == ["second", "first"]
    assert manager.find("first").job_set_id() == first.job_set_id()
    assert manager.find(second.job_set_id()[:8]).name() == "second"


def test_warnings_are_not_raised_in_worker_threads(manager, scripted, circuits):
    backend = scripted()
    backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("no")))
    raised = []
    before, threading.excepthook = threading.excepthook, raised.append
    try:
        manager.run(circuits(1), backend).wait(timeout=60)
    finally:
        threading.excepthook = before
    assert raised == []
