"""The engine, stepped by hand: what is promised of it, one scripted trouble at a time."""

from __future__ import annotations

import pytest

from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import (
    CredentialsError,
    JobManagerError,
    RemoteJobFailedError,
    ResultGoneError,
    StoreBusyError,
    StoreCorruptError,
    StoreTooNewError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import (
    JobState,
    Limits,
    RawResult,
    RemoteState,
    RemoteStatus,
    RequestKind,
    RetryPolicy,
)
from qiskit_job_manager.testing import Call, JobStory, LoseAnswer, Raise


def test_every_job_is_sent_once_and_its_result_is_stored(make_bench, circuits):
    bench = make_bench(volatile=True)
    record = bench.job_set(circuits(5), per_job=2)
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
    assert len(bench.sent()) == 3
    for job in bench.jobs(record):
        assert open_result(bench.store.result(job.key)).n_experiments == job.stop - job.start


def test_the_intent_and_its_tag_are_stored_before_anything_is_sent(make_bench, circuits):
    bench = make_bench(volatile=True)
    record = bench.job_set(circuits(1))
    seen = []
    submit = bench.backend.submit

    def spy(payload, options, tag, labels):
        job = bench.jobs(record)[0]
        seen.append((job.state, job.tag, tag, bench.store.attempts(job.key)[0].tag))
        return submit(payload, options, tag, labels)

    bench.backend.submit = spy
    bench.drive(record)
    bench.run(record)
    assert seen == [(JobState.SUBMITTING, "tag-1", "tag-1", "tag-1")]


def test_raw_bytes_are_stored_before_they_are_decoded(make_bench, circuits):
    """A result that cannot be read is kept as it came, and said to be unreadable."""
    bench = make_bench(volatile=True)
    bench.backend.fetch = lambda remote_id: RawResult("unheard-of/9", b"precious")
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert job.state is JobState.FAILED
    assert "kept as it came" in job.error
    assert bench.store.result(job.key).data == b"precious"


def test_a_lost_answer_is_found_by_its_tag_and_not_sent_again(make_bench, circuits):
    bench = make_bench(findable=True, listing_lag_s=5.0)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert len(bench.sent()) == 1
    story = bench.story(record, 0)
    assert story.index("unanswered") < story.index("found") < story.index("understood")


def test_an_unsent_job_is_believed_absent_only_after_two_look_ups_past_the_lag(
    make_bench, circuits, clock
):
    bench = make_bench(findable=True, listing_lag_s=30.0)
    bench.backend.script(Call.SUBMIT, Raise(ConnectionError("reset before the work")))
    record = bench.job_set(circuits(1))
    begun_s = clock.monotonic()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert clock.monotonic() - begun_s >= 30.0
    assert [a.number for a in bench.store.attempts(bench.jobs(record)[0].key)] == [1, 2]
    late = [about for call, about in bench.backend.ledger.calls if call is Call.FIND]
    assert len(late) >= 2


def test_a_blind_backends_doubt_waits_for_the_user_and_holds_up_nobody(make_bench, circuits):
    bench = make_bench()
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    record = bench.job_set(circuits(3), limits=Limits(pending_jobs=1))
    bench.drive(record)
    bench.run(record, within_s=600.0)
    assert bench.states(record) == {"in doubt": 1, "done": 2}
    assert len(bench.sent()) == 3
    bench.store.request(record.key, RequestKind.ABANDON)
    bench.engine.wake()
    bench.run(record)
    assert bench.states(record) == {"cancelled": 1, "done": 2}


def test_the_users_word_sends_what_is_in_doubt_again(make_bench, circuits):
    bench = make_bench()
    bench.backend.script(Call.SUBMIT, Raise(TimeoutError()))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record, within_s=100.0)
    assert bench.states(record) == {"in doubt": 1}
    bench.store.request(record.key, RequestKind.RESUBMIT)
    bench.engine.wake()
    bench.run(record)
    assert bench.states(record) == {"done": 1}


def test_an_idempotent_backend_is_sent_the_same_tag_again(make_bench, circuits):
    bench = make_bench(idempotent=True)
    bench.backend.script(Call.SUBMIT, LoseAnswer(), Raise(ConnectionError()))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert bench.sent() == {"tag-1": 1}


@pytest.mark.parametrize(
    "refusal",
    [SubmissionDeferredError("429", 5.0), SubmissionRefusedError("no"), CredentialsError("who?")],
    ids=lambda error: type(error).__name__,
)
def test_a_no_to_a_repeated_submission_says_nothing_of_the_first(make_bench, circuits, refusal):
    """The first may have been accepted: another tag would pay for the job twice."""
    bench = make_bench(idempotent=True)
    bench.backend.script(Call.SUBMIT, LoseAnswer(), Raise(refusal), Raise(refusal))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert bench.sent() == {"tag-1": 1}


@pytest.mark.parametrize("read", ["payload", "result"])
def test_a_store_that_is_busy_for_a_moment_fails_no_job(make_bench, circuits, monkeypatch, read):
    """Not even on a blind backend, where a doubt would wait for the user: nothing was sent."""
    bench = make_bench()
    record = bench.job_set(circuits(1))
    if read == "result":  # the driver that stores one does not read it again
        bench.drive(record)
        while not bench.jobs(record)[0].has_result:
            bench.step()
            bench.clock.advance(1.0)
        bench.crash()
    original, refused = getattr(bench.store, read), []

    def busy(key):
        if len(refused) < 3:
            refused.append(key)
            raise StoreBusyError("held by another process")
        return original(key)

    monkeypatch.setattr(bench.store, read, busy)
    bench.drive(record)
    bench.run(record)
    assert len(refused) == 3
    assert bench.states(record) == {"done": 1}


def test_a_job_whose_payload_is_damaged_is_never_sent_and_says_so(
    make_bench, circuits, monkeypatch
):
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(1))

    def damaged(key):
        raise StoreCorruptError("the bytes do not match their checksum")

    monkeypatch.setattr(bench.store, "payload", damaged)
    bench.drive(record)
    bench.run(record)
    [job] = bench.jobs(record)
    assert (job.state, bench.sent()) == (JobState.FAILED, {})
    assert "checksum" in job.error


def test_a_pace_that_is_reached_exactly_on_the_minute_does_not_spin(make_bench, circuits, clock):
    """By 60.3 - 60.0 what was sent at 0.3 was sent less than a minute ago."""
    clock.advance(0.3)
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(3), limits=Limits(submissions_per_minute=1))
    bench.drive(record)
    for _ in range(2000):
        clock.advance(bench.engine.tick())
        if not bench.engine.drives(record.key):
            break
    assert bench.states(record) == {"done": 3}


def test_a_refusal_for_now_is_waited_out_for_as_long_as_the_backend_asks(
    make_bench, circuits, clock
):
    bench = make_bench(findable=True)
    bench.backend.script(Call.SUBMIT, Raise(SubmissionDeferredError("too many", 120.0)))
    record = bench.job_set(circuits(2))
    begun_s = clock.monotonic()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 2}
    assert clock.monotonic() - begun_s >= 120.0


def test_a_refusal_for_good_fails_that_job_alone_with_the_backends_words(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("gate zz is unknown")))
    record = bench.job_set(circuits(3))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"failed": 1, "done": 2}
    failed = next(j for j in bench.jobs(record) if j.state is JobState.FAILED)
    assert failed.error == "gate zz is unknown"
    assert failed.remote_id is None


def test_expired_credentials_fail_nothing(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.script(Call.SUBMIT, *[Raise(CredentialsError("log in again"))] * 3)
    bench.backend.script(Call.STATUSES, *[Raise(CredentialsError("log in again"))] * 3)
    bench.backend.script(Call.FETCH, *[Raise(CredentialsError("log in again"))] * 3)
    record = bench.job_set(circuits(2))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 2}
    assert len(bench.sent()) == 2


@pytest.mark.parametrize("call", [Call.STATUSES, Call.FETCH, Call.FIND])
def test_reads_are_repeated_until_they_succeed(make_bench, circuits, call):
    bench = make_bench(findable=True)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    bench.backend.script(call, *[Raise(TransientBackendError("503"))] * 20)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record, within_s=10 * 3600.0)
    assert bench.states(record) == {"done": 1}
    assert len(bench.sent()) == 1


def test_a_result_is_fetched_as_soon_as_the_job_is_known_to_have_ended(make_bench, circuits, clock):
    bench = make_bench(bulk_status=True)
    bench.backend.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record, within_s=3600.0)
    [job] = bench.jobs(record)
    bench.backend.finish(job.remote_id, RemoteStatus(RemoteState.DONE))
    asked_before = len(bench.backend.ledger.calls)
    while len(bench.backend.ledger.calls) == asked_before:
        clock.advance(max(bench.engine.tick(), 0.1))
    told_s = clock.monotonic()
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert clock.monotonic() - told_s < 1.0  # and not another tenth of the job's age later


def test_a_job_that_failed_is_not_sent_again_unless_the_policy_says_so(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.ERROR, "the fridge is warm"))
    bench.backend.script(Call.FETCH, Raise(RemoteJobFailedError("the fridge is warm")))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert (job.state, job.error) == (JobState.FAILED, "the fridge is warm")
    assert len(bench.sent()) == 1


def test_the_policy_sends_a_failed_job_again_as_another_attempt(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.ERROR, "warm"))
    bench.backend.script(Call.FETCH, Raise(RemoteJobFailedError("warm")))
    record = bench.job_set(circuits(1), retry=RetryPolicy(max_attempts=2))
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert (job.state, job.attempts, job.error) == (JobState.DONE, 2, None)
    first, second = bench.store.attempts(job.key)
    assert first.tag != second.tag
    assert first.error == "warm"
    assert second.error is None


def test_what_was_cancelled_elsewhere_is_cancelled_and_not_sent_again(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.CANCELLED))
    record = bench.job_set(circuits(1), retry=RetryPolicy(max_attempts=5))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"cancelled": 1}
    assert len(bench.sent()) == 1


def test_a_job_that_vanished_is_lost_with_its_reason(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.GONE))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert job.state is JobState.LOST
    assert "does not have the job" in job.error


def test_a_result_that_is_gone_is_lost_with_its_reason(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.script(Call.FETCH, Raise(ResultGoneError("it was read before")))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert (job.state, job.error) == (JobState.LOST, "it was read before")


def test_too_few_results_are_kept_and_called_a_failure(make_bench, circuits):
    bench = make_bench(findable=True)
    fetch = bench.backend.fetch
    other = bench.job_set(circuits(1))
    bench.drive(other)
    bench.run(other)
    short = bench.store.result(bench.jobs(other)[0].key)
    bench.backend.fetch = lambda _: RawResult(short.format, short.data)
    record = bench.job_set(circuits(3), per_job=3)
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert job.state is JobState.FAILED
    assert "1 results for 3 experiments" in job.error
    assert bench.store.result(job.key).data == short.data
    assert fetch is not None


def test_cancelling_stops_what_waits_and_asks_for_what_runs(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.tell(*[JobStory((RemoteStatus(RemoteState.RUNNING),))] * 2)
    record = bench.job_set(circuits(5), limits=Limits(pending_jobs=2))
    bench.drive(record)
    bench.run(record, within_s=5.0)
    assert bench.states(record) == {"active": 2, "planned": 3}
    bench.store.request(record.key, RequestKind.CANCEL)
    bench.engine.wake()
    bench.run(record)
    assert bench.states(record) == {"cancelled": 5}
    assert len(bench.sent()) == 2


def test_one_job_can_be_cancelled_alone(make_bench, circuits):
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(4))
    bench.store.request(record.key, RequestKind.CANCEL, 2)
    bench.drive(record)
    bench.run(record)
    assert [str(j.state) for j in bench.jobs(record)] == ["done", "done", "cancelled", "done"]
    assert bench.jobs(record)[2].error == "cancelled before it was sent"


def test_no_more_jobs_are_pending_than_the_limit(make_bench, circuits):
    bench = make_bench(findable=True)
    slow = JobStory((*[RemoteStatus(RemoteState.RUNNING)] * 3, RemoteStatus(RemoteState.DONE)))
    bench.backend.tell(*[slow] * 10)
    record = bench.job_set(circuits(10), limits=Limits(pending_jobs=3))
    bench.drive(record)
    most = 0
    for _ in range(400):
        if not bench.engine.drives(record.key):
            break
        wait_s = bench.engine.tick()
        states = bench.states(record)
        most = max(most, states["active"] + states["submitting"])
        bench.clock.advance(min(wait_s, 60.0))
    assert bench.states(record) == {"done": 10}
    assert most == 3


def test_no_more_jobs_are_sent_in_a_minute_than_the_limit(make_bench, circuits):
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(12), limits=Limits(submissions_per_minute=5))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 12}
    sent_s = [s.accepted_s for s in bench.backend.ledger.accepted]
    for first in sent_s:
        assert sum(first <= other < first + 60.0 for other in sent_s) <= 5


def test_retry_sends_only_what_failed_and_keeps_the_places(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("maintenance")))
    record = bench.job_set(circuits(4))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"failed": 1, "done": 3}
    bench.store.request(record.key, RequestKind.RETRY)
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 4}
    assert len(bench.sent()) == 4


def test_refresh_asks_again_about_what_was_lost(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.script(Call.FETCH, Raise(ResultGoneError("404")))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"lost": 1}
    bench.store.request(record.key, RequestKind.REFRESH)
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert len(bench.sent()) == 1


@pytest.mark.parametrize(
    "can",
    [{"volatile": True}, {"findable": True, "listing_lag_s": 2.0}, {"idempotent": True}],
    ids=["volatile", "findable", "idempotent"],
)
@pytest.mark.parametrize("turns", range(1, 14))
def test_a_crash_after_any_turn_loses_and_doubles_nothing(make_bench, circuits, can, turns):
    bench = make_bench(**can)
    bench.backend.tell(*[JobStory.ending(RemoteState.DONE, queued=1)] * 20)
    record = bench.job_set(circuits(6), per_job=2, limits=Limits(pending_jobs=2))
    bench.drive(record)
    for _ in range(turns):
        bench.clock.advance(min(bench.engine.tick(), 60.0))
    bench.crash()
    if can.get("volatile"):
        bench.backend.forget_jobs()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
    if not can.get("volatile"):
        assert len(bench.backend.ledger.accepted) == 3


def test_each_job_of_a_seeded_set_gets_a_seed_of_its_own_and_the_first_the_users(
    make_bench, circuits
):
    bench = make_bench(volatile=True)
    record = bench.job_set(circuits(4), options={"seed_simulator": 7})
    bench.drive(record)
    bench.run(record)
    seeds = [s.options["seed_simulator"] for s in bench.backend.ledger.accepted]
    assert seeds[0] == 7
    assert len(set(seeds)) == 4


def test_shares_ask_for_all_shots_together(make_bench, circuits):
    bench = make_bench(volatile=True)
    record = bench.job_set(circuits(2), shots=2500, limits=Limits(shots_per_experiment=1000))
    bench.drive(record)
    bench.run(record)
    shots = [s.options["shots"] for s in bench.backend.ledger.accepted]
    assert sum(shots) == 2 * 2500
    assert max(shots) <= 1000


def test_without_its_backend_nothing_is_driven_but_what_is_dead_can_be_cancelled(
    make_bench, circuits
):
    bench = make_bench(volatile=True)
    bench.backend.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
    record = bench.job_set(circuits(3), limits=Limits(pending_jobs=1))
    bench.drive(record)
    bench.run(record, within_s=2.0)
    assert bench.states(record) == {"active": 1, "planned": 2}
    bench.crash()
    bench.store.request(record.key, RequestKind.CANCEL)
    bench.drive(record, backend=None)
    bench.run(record)
    assert bench.states(record) == {"cancelled": 3}


def test_a_large_set_does_not_starve_a_small_one(make_bench, circuits):
    bench = make_bench(findable=True)
    slow = JobStory((*[RemoteStatus(RemoteState.RUNNING)] * 2, RemoteStatus(RemoteState.DONE)))
    bench.backend.tell(*[slow] * 60)
    limits = Limits(pending_jobs=4)
    large = bench.job_set(circuits(40), limits=limits)
    bench.drive(large)
    bench.step(3)
    small = bench.job_set(circuits(4), limits=limits)
    bench.drive(small)
    bench.run(small)
    assert bench.states(small) == {"done": 4}
    assert bench.states(large)["done"] <= 20
    bench.run(large)
    assert bench.states(large) == {"done": 40}


def test_limits_hold_over_all_job_sets_of_an_account(make_bench, circuits):
    bench = make_bench(findable=True)
    limits = Limits(submissions_per_minute=5, pending_jobs=3)
    records = [bench.job_set(circuits(6), limits=limits) for _ in range(3)]
    running = [RemoteStatus(RemoteState.RUNNING)] * 2
    bench.backend.tell(*[JobStory((*running, RemoteStatus(RemoteState.DONE)))] * 18)
    for record in records:
        bench.drive(record)
    most = 0
    while any(bench.engine.drives(record.key) for record in records):
        bench.clock.advance(min(bench.engine.tick(), 60.0))
        most = max(most, sum(bench.states(r)["active"] for r in records))
    assert all(bench.states(record) == {"done": 6} for record in records)
    assert most <= 3
    sent_s = [s.accepted_s for s in bench.backend.ledger.accepted]
    for first in sent_s:
        assert sum(first <= other < first + 60.0 for other in sent_s) <= 5


def test_a_crash_in_a_second_attempt_does_not_take_the_firsts_result_for_its_own(
    make_bench, circuits
):
    from qiskit_job_manager.testing.samples import sampled

    def half(payload, options, n):
        return sampled(payload, options, n, failed={0: "the fridge is warm"})

    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.DONE, run=half))
    record = bench.job_set(circuits(2), per_job=2, retry=RetryPolicy(max_attempts=2))
    bench.drive(record)
    while not (bench.jobs(record)[0].attempts == 2 and bench.states(record)["collecting"]):
        bench.clock.advance(min(bench.engine.tick(), 60.0))
    bench.crash()
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert (job.state, job.error, job.failed_offsets) == (JobState.DONE, None, ())


def test_what_an_earlier_attempt_gave_can_be_read_when_the_last_one_gave_nothing(
    make_bench, circuits
):
    from qiskit_job_manager.testing.samples import sampled

    def half(payload, options, n):
        return sampled(payload, options, n, failed={0: "the fridge is warm"})

    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.DONE, run=half))
    record = bench.job_set(circuits(2), per_job=2)
    bench.drive(record)
    bench.run(record)
    bench.backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("closed")))
    bench.store.request(record.key, RequestKind.RETRY)
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert (job.state, job.error, job.has_result) == (JobState.FAILED, "closed", True)
    assert open_result(bench.store.result(job.key)).failures()[0].endswith("the fridge is warm")


def test_an_error_of_our_own_stops_one_set_with_its_reason_and_no_other(make_bench, circuits):
    bench = make_bench(findable=True)
    broken, whole = bench.job_set(circuits(1)), bench.job_set(circuits(1))
    jobs = bench.store.jobs

    def no_jobs(key, **filters):
        if key == broken.key:
            raise ZeroDivisionError("a mistake of ours")
        return jobs(key, **filters)

    bench.store.jobs = no_jobs
    bench.drive(broken)
    bench.drive(whole)
    bench.run(whole)
    assert bench.engine.drives(broken.key) is False
    with pytest.raises(JobManagerError, match="a mistake of ours"):
        bench.engine.raise_if_broken(broken.key)
    bench.store.jobs = jobs
    assert bench.states(whole) == {"done": 1}
    bench.drive(broken)
    bench.run(broken)
    assert bench.states(broken) == {"done": 1}


def test_a_job_that_cannot_be_cancelled_any_more_is_collected(make_bench, circuits):
    """Many providers refuse to cancel what has ended; asking again for ever helps nobody."""
    bench = make_bench(findable=True)
    running, done = RemoteStatus(RemoteState.RUNNING), RemoteStatus(RemoteState.DONE)
    bench.backend.tell(JobStory((running, running, done)))
    bench.backend.script(Call.CANCEL, *[Raise(TransientBackendError("409 it has ended"))] * 100)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    while not bench.states(record)["active"]:
        bench.clock.advance(min(bench.engine.tick(), 60.0))
    bench.store.request(record.key, RequestKind.CANCEL)
    bench.engine.wake()
    bench.run(record)
    assert bench.states(record) == {"done": 1}


def test_a_refusal_for_now_is_no_attempt_that_the_policy_counts(make_bench, circuits):
    bench = make_bench(findable=True)
    bench.backend.script(Call.SUBMIT, *[Raise(SubmissionDeferredError("busy"))] * 3)
    bench.backend.tell(JobStory.ending(RemoteState.ERROR, "warm"))
    bench.backend.script(Call.FETCH, Raise(RemoteJobFailedError("warm")))
    record = bench.job_set(circuits(1), retry=RetryPolicy(max_attempts=2))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    assert len(bench.backend.ledger.accepted) == 2


def wrong(change):
    """Results that were changed on their way."""
    from qiskit_job_manager.codec.results import encode_result
    from qiskit_job_manager.testing.samples import sampled

    def run(payload, options, n):
        result = open_result(sampled(payload, options, n)).result()
        change(result)
        return encode_result(result)

    return run


def other_order(result):
    result.results.reverse()


def other_shots(result):
    result.results[1].shots = 7


@pytest.mark.parametrize(
    ("change", "words"),
    [(other_order, "another order"), (other_shots, "7 shots instead of 100")],
)
def test_results_that_are_not_the_jobs_are_kept_and_called_a_failure(
    make_bench, circuits, change, words
):
    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.DONE, run=wrong(change)))
    record = bench.job_set(circuits(3), per_job=3, shots=100)
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert (job.state, job.has_result) == (JobState.FAILED, True)
    assert words in job.error


def test_names_that_a_backend_changed_do_no_harm(make_bench, circuits):
    def rename(result):
        for one in result.results:
            one.header["name"] = "same for all"

    bench = make_bench(findable=True)
    bench.backend.tell(JobStory.ending(RemoteState.DONE, run=wrong(rename)))
    record = bench.job_set(circuits(3), per_job=3, shots=100)
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}


def test_a_store_that_a_newer_program_migrated_is_let_alone_and_that_is_told(
    make_bench, circuits, clock
):
    import sqlite3

    bench = make_bench(findable=True)
    bench.backend.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
    record = bench.job_set(circuits(2), limits=Limits(pending_jobs=1))
    bench.drive(record)
    bench.run(record, within_s=5.0)
    with sqlite3.connect(bench.path) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    bench.run(record, within_s=60.0)
    assert bench.engine.drives(record.key) is False
    with pytest.raises(StoreTooNewError, match="9999"):
        bench.engine.raise_if_broken(record.key)
    assert bench.states(record) == {"active": 1, "planned": 1}


@pytest.mark.parametrize(("stated", "most"), [(None, 4), (2, 2)])
def test_workers_get_as_many_jobs_again_while_results_wait(make_bench, circuits, stated, most):
    """Results that cannot be read now must neither let them stand idle nor pile up for ever."""
    bench = make_bench(pending_jobs=2)
    bench.backend.script(Call.FETCH, *[Raise(OSError("away")) for _ in range(1000)])
    bench.drive(bench.job_set(circuits(8), limits=Limits(pending_jobs=stated)))
    for _ in range(200):
        bench.step()
        bench.clock.advance(0.5)
    assert len(bench.backend.ledger.accepted) == most
