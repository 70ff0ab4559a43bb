"""Whole stories: what the store keeps of a job set, and what the log says, word by word."""

from __future__ import annotations

import logging

import pytest

from qiskit_job_manager.errors import (
    CredentialsError,
    RemoteJobFailedError,
    ResultGoneError,
    StoreBusyError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import (
    JobState,
    Limits,
    RemoteState,
    RemoteStatus,
    RequestKind,
    RetryPolicy,
)
from qiskit_job_manager.testing import Call, JobStory, LoseAnswer, Raise

RUNNING = RemoteStatus(RemoteState.RUNNING)
REMOTE = {"findable": True}


@pytest.fixture
def log(caplog):
    """What was logged since the last call: level, event and message, of one job set."""
    caplog.set_level(logging.INFO, "qiskit_job_manager.engine")

    def log():
        told = [
            (each.levelname, each.event, each.message)
            for each in caplog.records
            if each.job_set_id == f"{1:032x}"
        ]
        assert len(told) == len(caplog.records)
        caplog.clear()
        return told

    return log


def story(bench, record, index=0):
    """Each event of a job, with its states and its cause."""
    return [
        (each.event, str(each.before), str(each.after), each.cause)
        for each in bench.store.events(record.key, index)
    ]


def told(bench, record, index=0):
    """Each event of a job that has a cause."""
    return [each for each in story(bench, record, index) if each[3]]


def error(bench, record, index=0):
    job = bench.jobs(record)[index]
    return str(job.state), job.error


def driven(bench, record, within_s=3600.0):
    bench.drive(record)
    bench.run(record, within_s)


def asked(bench, record, kind, index=None):
    bench.store.request(record.key, kind, index)
    driven(bench, record)


DRIVING = ("INFO", "driving", "driving 'set-1' on scripted")


# -- one attempt ----------------------------------------------------------------------------------


def test_a_job_that_goes_well(make_bench, circuits, log):
    bench = make_bench(**REMOTE)
    record = bench.job_set(circuits(1))
    driven(bench, record)
    assert story(bench, record) == [
        ("intended", "planned", "submitting", None),
        ("accepted", "submitting", "active", None),
        ("ended", "active", "collecting", "the backend says so"),
        ("stored", "collecting", "collecting", None),
        ("understood", "collecting", "done", None),
    ]
    assert error(bench, record) == ("done", None)
    assert log() == [DRIVING]
    [job] = bench.jobs(record)
    [attempt] = bench.store.attempts(job.key)
    assert (attempt.tag, attempt.remote_id, attempt.error) == ("tag-1", job.remote_id, None)
    assert attempt.ended_at == bench.clock.now()


def test_a_job_whose_result_is_waited_for(make_bench, circuits):
    bench = make_bench(awaits=True)
    record = bench.job_set(circuits(1))
    driven(bench, record)
    assert story(bench, record) == [
        ("intended", "planned", "submitting", None),
        ("accepted", "submitting", "active", None),
        ("ended", "active", "collecting", "the backend says so"),
        ("stored", "collecting", "collecting", None),
        ("understood", "collecting", "done", None),
    ]


def test_a_refusal(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("no such gate")))
    record = bench.job_set(circuits(1))
    driven(bench, record)
    assert told(bench, record) == [("refused", "submitting", "failed", "no such gate")]
    assert error(bench, record) == ("failed", "no such gate")
    [attempt] = bench.store.attempts(bench.jobs(record)[0].key)
    assert (attempt.error, attempt.ended_at) == ("no such gate", bench.clock.now())


def test_a_refusal_for_now(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.SUBMIT, Raise(SubmissionDeferredError("busy", 20.0)))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.step()
    bench.step()
    assert told(bench, record) == [("deferred", "submitting", "planned", "busy")]
    assert error(bench, record) == ("planned", "busy")
    bench.run(record)
    assert error(bench, record) == ("done", None)


def test_a_job_that_ran_and_failed_is_repeated_as_the_policy_says(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.tell(*[JobStory.ending(RemoteState.ERROR, "too warm")] * 3)
    bench.backend.script(Call.FETCH, *[Raise(RemoteJobFailedError("too warm"))] * 3)
    record = bench.job_set(circuits(1), retry=RetryPolicy(max_attempts=2))
    driven(bench, record)
    says = ("ended", "active", "collecting", "the backend says so")
    assert told(bench, record) == [
        says,
        ("retried", "collecting", "planned", "too warm"),
        says,
        ("broke", "collecting", "failed", "too warm"),
    ]
    assert error(bench, record) == ("failed", "too warm")


def test_a_result_that_is_gone(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.FETCH, Raise(ResultGoneError("it was deleted")))
    record = bench.job_set(circuits(1))
    driven(bench, record)
    assert told(bench, record)[1:] == [("gone", "collecting", "lost", "it was deleted")]
    assert error(bench, record) == ("lost", "it was deleted")


def test_a_job_that_was_cancelled_on_the_backend(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.tell(JobStory.ending(RemoteState.CANCELLED))
    record = bench.job_set(circuits(1))
    driven(bench, record)
    words = "cancelled on the backend, by somebody else"
    assert told(bench, record) == [("stopped", "active", "cancelled", words)]
    assert error(bench, record) == ("cancelled", words)


# -- doubt ----------------------------------------------------------------------------------------


def test_a_submission_whose_answer_was_lost_is_found(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    record = bench.job_set(circuits(1))
    driven(bench, record)
    remote_id = bench.jobs(record)[0].remote_id
    assert told(bench, record)[:2] == [
        ("unanswered", "submitting", "in doubt", "connection reset"),
        ("found", "in doubt", "active", f"found by its tag as {remote_id}"),
    ]
    assert error(bench, record) == ("done", None)


def test_a_submission_that_never_arrived_is_sent_again(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.SUBMIT, Raise(TimeoutError("no answer")))
    record = bench.job_set(circuits(1))
    driven(bench, record)
    assert told(bench, record)[:2] == [
        ("unanswered", "submitting", "in doubt", "no answer"),
        ("absent", "in doubt", "planned", "the backend has no job with its tag"),
    ]
    tags = [each.tag for each in bench.store.attempts(bench.jobs(record)[0].key)]
    assert tags == ["tag-1", "tag-2"]


def test_a_submission_with_a_key_is_repeated(make_bench, circuits):
    bench = make_bench(idempotent=True)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    record = bench.job_set(circuits(1))
    driven(bench, record)
    assert told(bench, record)[:2] == [
        ("unanswered", "submitting", "in doubt", "connection reset"),
        ("repeated", "in doubt", "submitting", "the backend takes a tag only once"),
    ]
    assert [each.tag for each in bench.store.attempts(bench.jobs(record)[0].key)] == ["tag-1"]


@pytest.fixture
def doubted(make_bench, circuits):
    """A job in doubt on a backend that cannot be asked."""
    bench = make_bench()
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    record = bench.job_set(circuits(1))
    driven(bench, record, within_s=10.0)
    assert bench.states(record) == {"in doubt": 1}
    return bench, record


def test_the_user_gives_up_a_job_in_doubt(doubted):
    bench, record = doubted
    asked(bench, record, RequestKind.ABANDON)
    words = "given up by the user while in doubt"
    assert told(bench, record)[1:] == [("abandoned", "in doubt", "cancelled", words)]
    assert error(bench, record) == ("cancelled", words)
    [attempt] = bench.store.attempts(bench.jobs(record)[0].key)
    assert (attempt.error, attempt.ended_at) == (words, bench.clock.now())


def test_the_user_has_a_job_in_doubt_sent_again(make_bench, circuits):
    bench = make_bench()
    bench.backend.script(Call.SUBMIT, Raise(TimeoutError("no answer")))
    record = bench.job_set(circuits(1))
    driven(bench, record, within_s=10.0)
    asked(bench, record, RequestKind.RESUBMIT)
    words = "the user said to send it again"
    assert told(bench, record)[1] == ("resubmitted", "in doubt", "planned", words)
    assert error(bench, record) == ("done", None)


# -- what users ask for ---------------------------------------------------------------------------


def test_cancelling(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.tell(JobStory((RUNNING,)))
    record = bench.job_set(circuits(2), limits=Limits(pending_jobs=1))
    driven(bench, record, within_s=5.0)
    asked(bench, record, RequestKind.CANCEL)
    words = "cancelled before it was sent"
    assert story(bench, record, 1) == [("dropped", "planned", "cancelled", words)]
    assert error(bench, record, 1) == ("cancelled", words)
    assert [each[:3] for each in told(bench, record)] == [("stopped", "active", "cancelled")]
    assert bench.backend.ledger.count(Call.CANCEL) == 1
    assert bench.jobs(record)[0].cancel_requested


@pytest.fixture
def ended(make_bench, circuits):
    """A set of three jobs: one failed, one was lost, one was cancelled."""
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("closed")))
    bench.backend.tell(JobStory(), JobStory.ending(RemoteState.CANCELLED))
    bench.backend.script(Call.FETCH, Raise(ResultGoneError("it was deleted")))
    record = bench.job_set(circuits(3))
    driven(bench, record)
    assert [str(job.state) for job in bench.jobs(record)] == ["failed", "lost", "cancelled"]
    return bench, record


@pytest.mark.parametrize(
    ("kind", "index", "after"),
    [
        (RequestKind.RETRY, None, ["done", "done", "cancelled"]),
        (RequestKind.RETRY, 1, ["failed", "done", "cancelled"]),
        (RequestKind.RETRY, 2, ["failed", "lost", "cancelled"]),
        (RequestKind.RETRY_FAILED, None, ["done", "lost", "cancelled"]),
        (RequestKind.RETRY_LOST, None, ["failed", "done", "cancelled"]),
        (RequestKind.RETRY_CANCELLED, None, ["failed", "lost", "done"]),
        (RequestKind.RETRY_CANCELLED, 0, ["failed", "lost", "cancelled"]),
        (RequestKind.RESUBMIT, None, ["failed", "lost", "cancelled"]),
        (RequestKind.ABANDON, None, ["failed", "lost", "cancelled"]),
        (RequestKind.CANCEL, None, ["failed", "lost", "cancelled"]),
    ],
)
def test_another_attempt(ended, kind, index, after):
    bench, record = ended
    before = [str(job.state) for job in bench.jobs(record)]
    asked(bench, record, kind, index)
    assert [str(job.state) for job in bench.jobs(record)] == after
    words = "the user asked for another attempt"
    revived = [place for place in range(3) if after[place] != before[place]]
    for place in range(3):
        found = [each for each in told(bench, record, place) if each[0] == "revived"]
        assert found == [("revived", before[place], "planned", words)] * (place in revived)
    assert bench.store.requests(record.key) == []


def test_asking_the_backend_again(ended):
    bench, record = ended
    asked(bench, record, RequestKind.REFRESH)
    words = "the user asked for the backend to be asked again"
    assert told(bench, record, 1)[2:4] == [
        ("reopened", "lost", "active", words),
        ("ended", "active", "collecting", "the backend says so"),
    ]
    assert [str(job.state) for job in bench.jobs(record)] == ["failed", "done", "cancelled"]


def test_a_backend_that_forgets_is_not_asked_again(make_bench, circuits):
    bench = make_bench(volatile=True)
    bench.backend.tell(JobStory.ending(RemoteState.ERROR, "warm"))
    bench.backend.script(Call.FETCH, Raise(RemoteJobFailedError("warm")))
    record = bench.job_set(circuits(1))
    driven(bench, record)
    asked(bench, record, RequestKind.REFRESH)
    assert error(bench, record) == ("failed", "warm")
    assert len(bench.backend.ledger.accepted) == 1


def test_a_job_whose_result_is_stored_is_not_asked_for_again(make_bench, circuits):
    from qiskit_job_manager.testing.samples import sampled

    def half(payload, options, n):
        return sampled(payload, options, n, failed={0: "cold"})

    bench = make_bench(**REMOTE)
    bench.backend.tell(JobStory.ending(RemoteState.DONE, run=half))
    record = bench.job_set(circuits(1))
    driven(bench, record)
    asked(bench, record, RequestKind.REFRESH)
    words = "1 of 1 experiments failed; 0: ERROR: cold"
    assert error(bench, record) == ("failed", words)
    assert bench.jobs(record)[0].failed_offsets == (0,)
    assert bench.backend.ledger.count(Call.FETCH) == 1


def test_one_of_many_jobs_is_cancelled_by_its_index(make_bench, circuits):
    bench = make_bench(**REMOTE)
    record = bench.job_set(circuits(3))
    bench.store.request(record.key, RequestKind.CANCEL, 1)
    driven(bench, record)
    assert [str(job.state) for job in bench.jobs(record)] == ["done", "cancelled", "done"]


# -- what the log says ----------------------------------------------------------------------------


def test_a_login_that_is_needed_is_logged_once_and_so_is_its_end(make_bench, circuits, log):
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.SUBMIT, *[Raise(CredentialsError("the token is too old"))] * 3)
    record = bench.job_set(circuits(2))
    driven(bench, record)
    words = (
        "the backend scripted wants you to log in; its jobs wait, and none fails: "
        "the token is too old"
    )
    assert log() == [
        DRIVING,
        ("WARNING", "login needed", words),
        ("INFO", "logged in", "the credentials for scripted are good again"),
    ]
    assert bench.states(record) == {"done": 2}


def test_calls_that_fail_for_long_are_logged_with_the_reason(make_bench, circuits, log):
    bench = make_bench(**REMOTE)
    bench.backend.script(Call.STATUSES, *[Raise(TransientBackendError("down"))] * 6)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    troubles = []
    while bench.engine.drives(record.key):
        bench.clock.advance(min(bench.engine.tick(), 60.0))
        troubles.append((bench.engine.trouble(record.key), error(bench, record)[1]))
    words = "asking for the status has failed 3 times since 00:00:01 UTC: down"
    assert log() == [DRIVING, ("WARNING", "calls fail", f"'set-1' on scripted: {words}")]
    assert (words, words) in troubles
    assert troubles[-1] == (None, None)


def test_what_is_found_twice_is_logged_with_what_can_be_done(make_bench, circuits, log):
    bench = make_bench(findable=True, may_duplicate=True)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    record = bench.job_set(circuits(1))
    find = bench.backend.find
    bench.backend.find = lambda tag: [*find(tag), "other-1"]
    driven(bench, record)
    words = (
        "job 0 of 'set-1': the backend has it 2 times: also other-1; "
        "cancel_duplicates() cancels the others"
    )
    assert log()[:2] == [DRIVING, ("WARNING", "duplicates", words)]


def test_a_store_that_cannot_be_used_is_logged_once(make_bench, circuits, log, monkeypatch):
    bench = make_bench(**REMOTE)
    bench.backend.tell(JobStory((RUNNING,)))
    record = bench.job_set(circuits(1))
    driven(bench, record, within_s=3.0)
    assert log() == [DRIVING]
    began = bench.clock.now()

    def busy(*_):
        raise StoreBusyError("held by another process")

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "requests", busy)
        bench.run(record, within_s=5.0)
    words = "the store cannot be used now, trying again: held by another process"
    assert log() == [("WARNING", "store trouble", words)]
    trouble = f"the store cannot be used since {began:%H:%M:%S} UTC: held by another process"
    assert bench.engine.trouble(record.key) == trouble
    bench.run(record, within_s=2.0)
    assert bench.engine.trouble(record.key) is None
    assert log() == []
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "requests", busy)
        bench.run(record, within_s=2.0)
    assert log() == [("WARNING", "store trouble", words)]


def test_a_defect_is_logged_with_its_traceback(make_bench, circuits, log, caplog, monkeypatch):
    bench = make_bench(**REMOTE)
    record = bench.job_set(circuits(1))

    def broken(*_):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(bench.store, "advance", broken)
    driven(bench, record)
    assert isinstance(caplog.records[-1].exc_info[1], ZeroDivisionError)
    assert log() == [DRIVING, ("ERROR", "broken", "'set-1' cannot be driven: a mistake of ours")]


def test_a_set_that_another_process_has_taken_over_is_logged(
    make_bench, circuits, log, monkeypatch
):
    bench = make_bench(**REMOTE)
    bench.backend.tell(JobStory((RUNNING,)))
    record = bench.job_set(circuits(1))
    driven(bench, record, within_s=3.0)
    assert log() == [DRIVING]
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "renew", lambda token: False)
        patched.setattr(bench.store, "claim", lambda *_: None)
        bench.run(record, within_s=60.0)
    assert log() == [("WARNING", "superseded", "'set-1' is driven by another process now")]
    assert bench.engine.drives(record.key)
    bench.run(record, within_s=60.0)
    assert log() == [DRIVING]


def test_of_several_jobs_the_one_that_fails_for_longest_is_told(make_bench, circuits):
    bench = make_bench(**REMOTE)
    bench.backend.tell(JobStory((RUNNING,)), JobStory((RUNNING,)))
    bench.backend.script(Call.STATUSES, *[Raise(TransientBackendError("down"))] * 99)
    record = bench.job_set(circuits(2), limits=Limits(submissions_per_minute=1))
    bench.drive(record)
    bench.run(record, within_s=50.0)
    first = bench.engine.trouble(record.key)
    assert first.startswith("asking for the status has failed ")
    assert first.endswith(" times since 00:00:01 UTC: down")
    bench.run(record, within_s=200.0)
    both = bench.engine.trouble(record.key)
    assert both.endswith(" times since 00:00:01 UTC: down (2 jobs)")


@pytest.mark.parametrize(
    ("call", "act"),
    [
        (Call.FIND, "searching for the job by its tag"),
        (Call.STATUSES, "asking for the status"),
        (Call.FETCH, "fetching the result"),
    ],
)
def test_what_fails_for_long_is_told_as_trouble(make_bench, circuits, call, act):
    bench = make_bench(**REMOTE)
    if call is Call.FIND:
        bench.backend.script(Call.SUBMIT, LoseAnswer())
    bench.backend.script(call, *[Raise(TransientBackendError("down"))] * 20)
    record = bench.job_set(circuits(1))
    began_s = bench.clock.monotonic()
    bench.drive(record)
    while not (trouble := bench.engine.trouble(record.key)):
        assert bench.clock.monotonic() < began_s + 600.0
        bench.clock.advance(min(bench.engine.tick(), 60.0))
    assert trouble.startswith(f"{act} has failed 3 times since 00:00:0")
    assert trouble.endswith(" UTC: down")


# -- what others can ask the engine ---------------------------------------------------------------


def test_an_engine_knows_whether_it_has_a_backend(make_bench, circuits):
    bench = make_bench(**REMOTE)
    record = bench.job_set(circuits(1))
    assert not bench.engine.has_backend(record.key)
    bench.drive(record, backend=None)
    assert not bench.engine.has_backend(record.key)
    bench.drive(record)
    assert bench.engine.has_backend(record.key)
    bench.drive(record, backend=None)
    assert bench.engine.has_backend(record.key)
    assert bench.engine.drives(record.key)
    bench.engine.forget(record.key)
    assert not bench.engine.drives(record.key)
    assert not bench.engine.has_backend(record.key)
    assert bench.states(record) == {str(JobState.PLANNED): 1}
