"""What exceptions of providers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from urllib.error import HTTPError

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.providers import JobError
from qiskit.result import Result

from qiskit_job_manager.backends.provider_errors import read_error, says_gone, submission_error
from qiskit_job_manager.errors import (
    CredentialsError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    TransientBackendError,
)


def answered(status, headers=None):
    """Return the error that requests raises for an answer."""
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers or {})
    return requests.HTTPError(f"{status} from server", response=response)


def by_urllib(status, headers=None):
    message = Message()
    for name, value in (headers or {}).items():
        message[name] = value
    return HTTPError("https://example.org", status, "no", message, None)


def by_botocore(status, headers=None):
    error = Exception("An error occurred")
    error.response = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}}}
    return error


def by_attribute(status, headers=None):
    error = Exception("no")
    error.status_code = status
    error.headers = headers or {}
    return error


def raised(error, *, cause=None, context=None):
    """Return an error as it is after it was raised, from or within the handling of another."""

    def act():
        try:
            if context is not None:
                raise context
        finally:
            raise error from cause

    return caught(act)


def caught(call):
    with pytest.raises(Exception) as info:  # noqa: PT011  # whatever it is, is what is tested
        call()
    return info.value


def submission(error, *, volatile=False):
    return submission_error(error, "cloud", volatile=volatile)


ways = pytest.mark.parametrize("way", [answered, by_urllib, by_botocore, by_attribute])


@ways
@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
def test_a_refusal_with_an_answer_is_definite(way, status):
    error = submission(raised(RuntimeError("could not submit"), cause=way(status)))
    assert type(error) is SubmissionRefusedError
    assert "could not submit" in str(error)
    assert "cloud" in str(error)


@ways
def test_expired_credentials_fail_nothing(way):
    assert type(submission(raised(RuntimeError("no"), cause=way(401)))) is CredentialsError
    assert type(read_error(way(401), "the status")) is CredentialsError


@ways
def test_too_many_requests_are_put_off_as_long_as_the_server_says(way):
    error = submission(way(429, {"Retry-After": "17"}))
    assert type(error) is SubmissionDeferredError
    assert error.retry_after_s == 17
    assert submission(way(429)).retry_after_s is None


def test_a_date_to_come_back_at_is_understood():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    assert 590 < submission(answered(429, {"retry-after": date})).retry_after_s <= 600
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=600), usegmt=True)
    assert submission(answered(429, {"Retry-After": past})).retry_after_s == 0


@given(st.text())
@settings(max_examples=50, deadline=None)
def test_no_text_in_a_header_breaks_the_sorting(text):
    wait_s = submission(by_attribute(429, {"Retry-After": text})).retry_after_s
    assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize(
    "error",
    [
        *(answered(status) for status in (408, 500, 502, 503, 504)),
        ConnectionError("reset by peer"),
        TimeoutError(),
        requests.ConnectionError("gone"),
        requests.ReadTimeout("slow"),
        RuntimeError("something"),
        KeyError("id"),
        by_attribute(None),
        by_attribute("429"),
        by_attribute(True),
        by_attribute(99999),
    ],
    ids=repr,
)
def test_whatever_is_no_definite_no_is_doubt(error):
    assert type(submission(raised(error))) is SubmissionInDoubtError


def test_the_outermost_word_on_the_network_decides():
    """The connection broke while an earlier refusal, since got over, was being handled."""
    error = raised(ConnectionError("reset"), context=answered(404))
    assert type(submission(error)) is SubmissionInDoubtError
    error = raised(RuntimeError("no"), cause=answered(404), context=ConnectionError("x"))
    assert type(submission(error)) is SubmissionRefusedError


def test_exceptions_that_point_at_each_other_end():
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert type(submission(one)) is SubmissionInDoubtError


# -- arguments --------------------------------------------------------------------------------


def rejects(shots):
    if shots > 10:
        raise ValueError("at most 10 shots")


def takes(circuits):
    pass


def test_arguments_that_were_rejected_on_purpose_are_a_definite_no():
    assert type(submission(caught(lambda: rejects(11)))) is SubmissionRefusedError


@pytest.mark.parametrize(
    "call",
    [
        lambda: json.loads("<html>"),
        lambda: json.loads("null")["id"],
        lambda: int("not an id"),
        lambda: len(3),
        b"\xff".decode,
    ],
)
def test_an_answer_that_could_not_be_understood_is_doubt(call):
    """The job may have been accepted before its answer was read."""
    assert type(submission(caught(call))) is SubmissionInDoubtError


def test_a_rejection_in_the_course_of_network_trouble_is_doubt():
    error = raised(ValueError("no"), context=ConnectionError("reset"))
    assert type(submission(error)) is SubmissionInDoubtError


# -- chains -----------------------------------------------------------------------------------


class WrapperError(Exception):
    """Keeps what it wraps in an attribute, as IonQ's client does."""

    def __init__(self, cause):
        self._cause = cause
        super().__init__("could not submit")


@ways
@pytest.mark.parametrize(
    "wrap",
    [
        WrapperError,
        lambda answer: RuntimeError("could not submit", answer),
        lambda answer: RuntimeError(("could not submit", answer)),
        lambda answer: raised(RuntimeError("could not submit"), cause=answer),
        lambda answer: raised(RuntimeError("could not submit"), context=answer),
        lambda answer: raised(RuntimeError("could not submit"), cause=WrapperError(answer)),
    ],
)
def test_the_answer_is_found_wherever_it_is_kept(way, wrap):
    error = submission(wrap(way(429, {"Retry-After": "17"})))
    assert type(error) is SubmissionDeferredError
    assert error.retry_after_s == 17
    assert "answered 429" in str(error)


# -- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "too many jobs pending (3458)",
        "Too many concurrent requests",
        "You have reached the maximum number of pending jobs",
        "The number of queued jobs exceeds the limit of 10",
        "Rate limit exceeded",
        "request was throttled",
        "quota exhausted for this month",
        "Error code: 3458",
        "status 429",
    ],
)
def test_the_words_of_a_limit_put_a_job_off(words):
    assert type(submission(raised(JobError(words)))) is SubmissionDeferredError
    assert type(submission(raised(RuntimeError("no"), cause=JobError(words)))) is (
        SubmissionDeferredError
    )


@pytest.mark.parametrize("status", [400, 403, 409])
def test_so_they_do_in_a_refusal(status):
    error = raised(JobError("too many pending jobs"), cause=answered(status))
    assert type(submission(error)) is SubmissionDeferredError


@pytest.mark.parametrize("behind", [ConnectionError("reset"), TimeoutError(), answered(503)])
def test_they_say_nothing_where_the_job_may_have_left(behind):
    error = raised(JobError("too many jobs pending"), cause=behind)
    assert type(submission(error)) is SubmissionInDoubtError


@pytest.mark.parametrize(
    "words",
    [
        "too many qubits: 429",
        "job 3458 failed",
        "a limited circuit",
        "the job is running",
        "connection lost while too many jobs were pending",
        "timed out: rate limit unknown",
    ],
)
def test_other_words_are_doubt(words):
    assert type(submission(raised(JobError(words)))) is SubmissionInDoubtError


# -- raised before anything was sent ------------------------------------------------------------


def test_what_qiskit_itself_raises_of_options_and_circuits_is_a_refusal(providers):
    error = caught(lambda: providers["Provider"]().set_options(nonsense=1))
    assert type(error) is AttributeError
    assert "qiskit.providers" in str(submission(error))
    assert type(submission(error)) is SubmissionRefusedError
    error = caught(lambda: QuantumCircuit(1).assign_parameters({"nothing": 1}))
    assert type(submission(error)) is SubmissionRefusedError


def test_what_qiskit_raises_of_results_is_doubt():
    result = Result(results=[])
    assert type(submission(caught(lambda: result.get_counts(0)))) is SubmissionInDoubtError


@pytest.mark.parametrize("name", ["IonQGateError", "IonQMidCircuitMeasurementError"])
def test_what_a_known_provider_raises_before_it_sends_is_a_refusal(name):
    kind = type(name, (JobError,), {"__module__": "qiskit_ionq.exceptions"})
    error = submission(raised(kind("no such gate")))
    assert type(error) is SubmissionRefusedError
    assert f"qiskit_ionq raises {name} before" in str(error)
    stranger = type(name, (JobError,), {"__module__": "somebody.exceptions"})
    assert type(submission(raised(stranger("no such gate")))) is SubmissionInDoubtError


def test_the_user_can_say_which_exceptions_are_refusals():
    class NoSuchGate(Exception):  # noqa: N818  # of a provider
        pass

    def sorted_out(error):
        return type(submission_error(error, "cloud", volatile=False, refusals=(NoSuchGate,)))

    assert sorted_out(raised(NoSuchGate("h"))) is SubmissionRefusedError
    assert sorted_out(raised(RuntimeError("h"))) is SubmissionInDoubtError
    assert type(submission(raised(NoSuchGate("h")))) is SubmissionInDoubtError


# -- volatile ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("no"), MemoryError(), answered(503)], ids=repr)
def test_what_would_have_died_anyway_was_not_accepted(error):
    assert type(submission(error, volatile=True)) is SubmissionRefusedError


def test_what_is_volatile_waits_for_limits_and_logins_as_well():
    assert type(submission(answered(429), volatile=True)) is SubmissionDeferredError
    assert type(submission(JobError("too many jobs"), volatile=True)) is SubmissionDeferredError
    assert type(submission(answered(401), volatile=True)) is CredentialsError


def test_an_error_without_words_is_named_by_its_type():
    assert "MemoryError" in str(submission(MemoryError(), volatile=True))


# -- reads ------------------------------------------------------------------------------------


@ways
def test_reads_may_be_repeated_unless_the_job_is_gone(way):
    assert type(read_error(way(404), "it")) is ResultGoneError
    assert type(read_error(way(410), "it")) is ResultGoneError
    busy = read_error(way(503, {"Retry-After": "3"}), "it")
    assert type(busy) is TransientBackendError
    assert busy.retry_after_s == 3
    assert type(read_error(TimeoutError(), "it")) is TransientBackendError


def test_only_a_provider_that_is_definite_makes_a_job_gone():
    class RuntimeJobNotFound(Exception):  # noqa: N818  # as IBM names it
        pass

    assert says_gone(RuntimeJobNotFound())
    assert not says_gone(KeyError("job-1"))
    assert not says_gone(ConnectionError("not found"))
    assert not says_gone(answered(500))


def test_what_ionqs_client_raises_while_it_prepares_a_job_is_refused():
    """It raises one class before and after sending, so that the place of the raise tells."""
    words = "Mid-circuit measurement is only supported for single-circuit submissions"

    def raised_in(module):
        names = {"__name__": module, "JobError": JobError}
        exec(f"def act():\n    raise JobError({words!r})", names)
        return caught(names["act"])

    refused = submission(raised_in("qiskit_ionq.helpers"))
    assert isinstance(refused, SubmissionRefusedError)
    assert words in str(refused)
    assert isinstance(submission(raised_in("qiskit_ionq.ionq_job")), SubmissionInDoubtError)
