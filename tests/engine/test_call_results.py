"""What a call that ended means for its job: one row for each answer that a backend can give."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from qiskit_job_manager.engine.active_job_set import LiveJob
from qiskit_job_manager.engine.backend_calls import Divided, Fetched, Verdict
from qiskit_job_manager.engine.call_pool import Finished
from qiskit_job_manager.engine.call_results import BackendCall, CallContext, Outcome, outcome_of
from qiskit_job_manager.engine.rate_limits import RateLimits
from qiskit_job_manager.errors import (
    CredentialsError,
    JobNotEndedError,
    JobOutOfReachError,
    RemoteJobFailedError,
    ResultGoneError,
    StoreBusyError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
    TransientBackendError,
)
from qiskit_job_manager.lifecycle import CallKind, Event
from qiskit_job_manager.model import (
    Blob,
    Halves,
    JobState,
    RawResult,
    RemoteState,
    RemoteStatus,
)
from qiskit_job_manager.ports import Capabilities

RESULT = RawResult("qiskit-result-1", b"data")
HALVES = Halves(2, Blob("qpy", b"first"), Blob("qpy", b"second"))
RUNNING = RemoteStatus(RemoteState.RUNNING)


@pytest.fixture
def outcome(job_set, job):
    """Say what a call that ended means for its job."""

    def outcome(
        kind,
        value=None,
        error=None,
        *,
        state=JobState.ACTIVE,
        repeats=False,
        after_failed_run=Event.BROKE,
        **can,
    ):
        live = LiveJob(replace(job, state=state), since_s=0.0, repeats=repeats)
        call = BackendCall(job_set, kind, (job.key,), job.tag, 100.0, RateLimits(), None)
        context = CallContext(Capabilities(**can), lambda record: after_failed_run)
        return outcome_of(call, live, Finished(1, value, error), context)

    return outcome


def ended(words):
    return {"cause": words, "error": words, "ends_attempt": True}


# -- submissions ----------------------------------------------------------------------------------


@pytest.fixture
def submitted(outcome):
    return partial(outcome, CallKind.SUBMIT, state=JobState.SUBMITTING)


def test_an_id_means_accepted(submitted):
    facts = {"remote_id": "job-9", "error": ""}
    assert submitted("job-9") == Outcome(Event.ACCEPTED, facts)
    assert submitted("job-9", repeats=True) == Outcome(Event.ACCEPTED, facts)


def test_an_id_that_comes_while_the_job_is_in_doubt_means_found(outcome):
    facts = {"remote_id": "job-9", "error": ""}
    assert outcome(CallKind.SUBMIT, "job-9", state=JobState.IN_DOUBT) == Outcome(Event.FOUND, facts)


@pytest.mark.parametrize(("asked_s", "pause_s"), [(None, 0.0), (40.0, 40.0)])
def test_a_no_for_now_pauses_as_long_as_the_backend_asks(submitted, asked_s, pause_s):
    error = SubmissionDeferredError("too many jobs", asked_s)
    expected = Outcome(Event.DEFERRED, ended("too many jobs"), failed=True, pause_s=pause_s)
    assert submitted(error=error) == expected


def test_a_no_for_good_ends_the_job(submitted):
    error = SubmissionRefusedError("no such gate")
    assert submitted(error=error) == Outcome(Event.REFUSED, ended("no such gate"))


def test_a_job_that_is_too_large_is_halved(submitted):
    cause = "too large; what begins with experiment 2 is another job now"
    facts = ended(cause) | {"halves": HALVES}
    assert submitted(Divided("too large", HALVES)) == Outcome(Event.HALVED, facts)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError("no answer in time"), "no answer in time"),
        (ConnectionResetError(), "ConnectionResetError"),
        (ValueError("  spaces  "), "spaces"),
    ],
)
def test_anything_else_leaves_it_in_doubt(submitted, error, words):
    facts = {"cause": words, "error": words}
    assert submitted(error=error) == Outcome(Event.UNANSWERED, facts)
    assert submitted(error=error, repeats=True) == Outcome(Event.UNANSWERED, facts)


def test_a_submission_waits_for_a_login(submitted):
    error = CredentialsError("log in")
    facts = ended("log in")
    expected = Outcome(Event.DEFERRED, facts, failed=True, error="log in", pause_s=0.0)
    assert submitted(error=error) == expected


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (SubmissionRefusedError("no"), None),
        (SubmissionTooLargeError("no"), None),
        (SubmissionDeferredError("no"), 0.0),
        (SubmissionDeferredError("no", 30.0), 30.0),
        (CredentialsError("no"), 0.0),
    ],
)
def test_a_no_to_a_repeated_submission_says_nothing_of_the_first(submitted, error, pause_s):
    facts = {"cause": "no", "error": "no"}
    expected = Outcome(Event.UNANSWERED, facts, failed=True, pause_s=pause_s)
    assert submitted(error=error, repeats=True) == expected


def test_a_repeated_submission_is_not_halved(submitted):
    facts = {"cause": "too large", "error": "too large"}
    expected = Outcome(Event.UNANSWERED, facts, failed=True, pause_s=None)
    assert submitted(Divided("too large", HALVES), repeats=True) == expected


# -- look-ups by tag ------------------------------------------------------------------------------


@pytest.fixture
def found(outcome):
    return partial(outcome, CallKind.FIND, state=JobState.IN_DOUBT)


def test_what_is_found_is_adopted(found):
    facts = {"remote_id": "job-9", "cause": "found by its tag as job-9", "error": ""}
    assert found(["job-9"]) == Outcome(Event.FOUND, facts)


def test_what_is_found_more_than_once_is_told(found):
    copies = "the backend has it 3 times: also job-8, job-7"
    ways = "cancel_duplicates() cancels the others"
    warning = f"{copies}; {ways}"
    cause = f"found by its tag as job-9; {copies}"
    facts = {"remote_id": "job-9", "cause": cause, "error": ""}
    assert found(["job-9", "job-8", "job-7"]) == Outcome(Event.FOUND, facts, warning=warning)


@pytest.mark.parametrize(("lag_s", "missed"), [(99.0, True), (101.0, False)])
def test_absence_counts_only_after_the_lag(found, lag_s, missed):
    assert found([], listing_lag_s=lag_s) == Outcome(missed=missed)


def test_a_look_up_without_an_answer_is_repeated(found):
    assert found() == Outcome(failed=True, error="the backend did not say")
    assert found(["x"], ValueError("down")) == Outcome(failed=True, error="down")


# -- statuses -------------------------------------------------------------------------------------


def test_a_status_is_that_of_the_job(outcome):
    statuses = {"job-0": RemoteStatus(RemoteState.DONE), "job-1": RUNNING}
    assert outcome(CallKind.STATUS, statuses) == Outcome(status=RUNNING)


@pytest.mark.parametrize("statuses", [None, {}, {"job-0": RUNNING}])
def test_a_job_of_which_the_backend_says_nothing_is_asked_for_again(outcome, statuses):
    expected = Outcome(failed=True, error="the backend did not say")
    assert outcome(CallKind.STATUS, statuses) == expected


def test_a_read_is_put_off_as_long_as_the_backend_asks(outcome):
    error = TransientBackendError("busy", 20.0)
    expected = Outcome(failed=True, error="busy", pause_s=20.0)
    assert outcome(CallKind.STATUS, {"job-1": RUNNING}, error) == expected
    assert outcome(CallKind.CANCEL, None, error) == expected


@pytest.mark.parametrize("kind", [CallKind.STATUS, CallKind.FETCH, CallKind.FIND])
def test_a_read_waits_for_a_login(outcome, kind):
    facts = {"cause": "log in", "error": "log in", "ends_attempt": False}
    expected = Outcome(None, facts, failed=True, error="log in", pause_s=0.0)
    assert outcome(kind, None, CredentialsError("log in")) == expected


def test_a_cancellation_that_was_heard_changes_nothing_yet(outcome):
    assert outcome(CallKind.CANCEL) == Outcome()


# -- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "error"), [(None, ""), ("too warm", "too warm")])
def test_a_result_is_stored_with_what_the_backend_says(outcome, said, error):
    facts = {"result": RESULT, "error": error}
    assert outcome(CallKind.FETCH, Fetched(RESULT, said)) == Outcome(Event.STORED, facts)


@pytest.mark.parametrize(("event", "failed"), [(Event.BROKE, False), (Event.RETRIED, True)])
def test_a_run_that_failed_is_over_or_repeated_after_a_wait(outcome, event, failed):
    facts = ended("too warm") | {"failed_offsets": ()}
    error = RemoteJobFailedError("too warm")
    expected = Outcome(event, facts, failed=failed)
    assert outcome(CallKind.FETCH, error=error, after_failed_run=event) == expected


@pytest.mark.parametrize(("volatile", "event"), [(True, Event.DIED), (False, Event.GONE)])
def test_a_result_that_is_gone_is_lost_or_its_job_died(outcome, volatile, event):
    error = ResultGoneError("deleted")
    assert outcome(CallKind.FETCH, error=error, volatile=volatile) == Outcome(
        event, ended("deleted")
    )


def test_a_job_out_of_reach_goes_on_as_such(outcome):
    facts = {"cause": "another process", "error": "another process"}
    error = JobOutOfReachError("another process")
    assert outcome(CallKind.FETCH, error=error) == Outcome(Event.OUT_OF_REACH, facts)


def test_a_fetch_that_failed_is_repeated(outcome):
    assert outcome(CallKind.FETCH, error=OSError("down")) == Outcome(failed=True, error="down")


def test_a_result_that_was_waited_for_means_that_the_job_is_done(outcome):
    facts = {"result": RESULT, "error": ""}
    expected = Outcome(Event.STORED, facts, status=RemoteStatus(RemoteState.DONE))
    assert outcome(CallKind.AWAIT, Fetched(RESULT, None)) == expected


@pytest.mark.parametrize(
    ("error", "failed"),
    [(JobNotEndedError("goes on"), False), (OSError(), True), (CredentialsError("log in"), True)],
)
def test_of_a_wait_that_brings_no_result_an_enquiry_finds_out_the_meaning(outcome, error, failed):
    assert outcome(CallKind.AWAIT, error=error) == Outcome(failed=failed)


# -- what results say -----------------------------------------------------------------------------


@pytest.fixture
def understood(outcome):
    return partial(outcome, CallKind.UNDERSTAND, state=JobState.COLLECTING)


def test_a_result_that_says_success_ends_the_job_well(understood):
    facts = {"error": "", "failed_offsets": (), "ends_attempt": True}
    assert understood(Verdict(None, ())) == Outcome(Event.UNDERSTOOD, facts)


@pytest.mark.parametrize(("event", "failed"), [(Event.BROKE, False), (Event.RETRIED, True)])
def test_a_result_that_says_failure_is_a_failed_run(understood, event, failed):
    facts = ended("2 failed") | {"failed_offsets": (1, 3)}
    expected = Outcome(event, facts, failed=failed)
    assert understood(Verdict("2 failed", (1, 3)), after_failed_run=event) == expected


def test_a_result_that_cannot_be_read_is_kept(understood):
    words = "the result is kept as it came, but could not be read: odd bytes"
    assert understood(error=ValueError("odd bytes")) == Outcome(Event.BROKE, ended(words))


def test_a_result_is_read_again_where_the_store_could_not_be_asked(understood):
    assert understood(error=StoreBusyError("held")) == Outcome(failed=True, error="held")
