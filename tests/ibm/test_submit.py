"""Submitting through the unmodified client: what each answer of the service means for us."""

from __future__ import annotations

import contextlib
import threading
import warnings

import pytest

from qiskit_job_manager.backends import ibm as adapters
from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.backends.ibm.execution_mode import ExecutionModes
from qiskit_job_manager.errors import (
    CredentialsError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
)
from qiskit_job_manager.testing.ibm_service import Behaviour, Kind, Trouble, Way

LABEL = "qjm-set-1"


def test_a_job_bears_its_tag_its_label_and_the_users_own_tags(ibm, backend, payload):
    from qiskit_ibm_runtime.executor_sampler import Sampler

    sampler = Sampler(backend, options={"environment": {"job_tags": ["mine"]}})
    adapters.adapted(sampler).submit(payload, {"shots": 20}, "qjm-1", (LABEL, "of the set"))
    [sent] = ibm.books().submissions
    assert sent.tags == ("qjm-1", LABEL, "of the set", "mine")
    assert sampler.options.environment.job_tags == ["mine"]


@pytest.mark.parametrize("where", [Kind.USAGE, Kind.BACKEND_STATUS])
@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble(status=429, code=1202), SubmissionDeferredError),
        (Trouble(status=501, code=9000), SubmissionDeferredError),
        (Trouble(status=401, code=1200), CredentialsError),
        (Trouble(status=404, code=1292), SubmissionRefusedError),
    ],
)
def test_what_goes_wrong_before_the_job_is_sent_is_never_in_doubt(ibm, send, where, trouble, kind):
    ibm.script(where, trouble)
    with pytest.raises(kind):
        send()
    assert not ibm.books().submissions


@pytest.mark.parametrize("way", [Way.RESET, Way.CLOSE, Way.HALF, Way.HTML, Way.LACKING])
def test_an_answer_that_is_lost_leaves_the_job_in_doubt_and_it_is_found(ibm, adapter, send, way):
    ibm.script(Kind.SUBMIT, Trouble(way=way, after=True))
    with pytest.raises(SubmissionInDoubtError, match="may or may not"):
        send()
    assert adapter.find("qjm-1") == [each.job_id for each in ibm.books().submissions]
    assert len(adapter.find("qjm-1")) == 1


def test_a_submission_that_hangs_is_found_meanwhile(ibm, adapter, send, wait_until):
    """The client waits for 900 s; the engine gives the call up, and looks for the job."""

    def submit():
        with contextlib.suppress(Exception):  # raised when the emulator ends
            send()

    ibm.script(Kind.SUBMIT, Trouble(way=Way.HANG, after=True))
    hanging = threading.Thread(target=submit, daemon=True)
    hanging.start()
    wait_until(lambda: ibm.books().submissions)
    assert adapter.find("qjm-1") == [ibm.books().submissions[0].job_id]
    assert hanging.is_alive()


@pytest.mark.parametrize("way", [Way.RESET, Way.CLOSE])
def test_a_connection_that_breaks_before_is_in_doubt_as_nobody_can_tell(ibm, adapter, send, way):
    ibm.script(Kind.SUBMIT, Trouble(way=way))
    with pytest.raises(SubmissionInDoubtError):
        send()
    assert adapter.find("qjm-1") == []


def test_a_job_that_the_client_posts_twice_has_a_twin(ibm, adapter, send):
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True))
    kept = send()
    send("qjm-2")
    first, second, third = [each.job_id for each in ibm.books().submissions]
    assert kept == second
    assert adapter.find_duplicates(LABEL) == {"qjm-1": [first, second], "qjm-2": [third]}


@pytest.mark.parametrize("status", [400, 401, 409, 413, 429])
def test_a_no_to_a_repetition_says_nothing_of_the_first(ibm, send, status):
    """The client posts again upon a 504, by itself; the first may have been accepted."""
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True), Trouble(status=status, code=9000))
    with pytest.raises(SubmissionInDoubtError):
        send()
    assert len(ibm.books().submissions) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 1204, SubmissionRefusedError),
        (403, 1290, SubmissionRefusedError),
        (404, 1292, SubmissionRefusedError),
        (413, 9000, SubmissionTooLargeError),
        (400, 1001, SubmissionTooLargeError),
        (400, 3248, SubmissionTooLargeError),
        (429, 1202, SubmissionDeferredError),
        (400, 3458, SubmissionDeferredError),
        (400, 1012, SubmissionDeferredError),
        (409, 9000, SubmissionDeferredError),
        (400, 4317, SubmissionDeferredError),
        (400, 1999, SubmissionDeferredError),
        (403, 1201, CredentialsError),
    ],
)
def test_a_no_is_what_the_service_means_by_it_in_its_own_words(ibm, send, status, code, kind):
    trouble = Trouble(status=status, code=code, message="The emulator would rather not.")
    ibm.script(Kind.SUBMIT, trouble, trouble)
    with pytest.raises(kind, match=r"The emulator would rather not\.") as caught:
        send()
    assert type(caught.value) is kind
    assert not ibm.books().submissions


def test_the_wait_that_the_service_asks_for_is_found_behind_the_error(ibm, send):
    ibm.script(Kind.SUBMIT, Trouble(status=429, code=1202, retry_after_s=17))
    with pytest.raises(SubmissionDeferredError) as caught:
        send()
    assert caught.value.retry_after_s == 17


def test_an_instance_without_time_left_is_asked_again_much_later(ibm, send):
    ibm.script(Kind.SUBMIT, Trouble(status=409, code=9000, message="usage exceeds instance limit"))
    with pytest.raises(SubmissionDeferredError, match="raise its limit") as caught:
        send()
    assert caught.value.retry_after_s >= 600


def test_a_page_in_place_of_a_403_is_taken_for_too_large_a_job():
    """A gateway blocks some large payloads so; the emulator has no gateway."""
    import requests

    from qiskit_job_manager.backends.ibm.errors import submission_error

    response = requests.Response()
    response.status_code = 403
    response._content = b"<!DOCTYPE html><html><body>Attention Required!</body></html>"
    request = requests.Request("POST", "http://127.0.0.1/jobs").prepare()
    error = requests.HTTPError("403 Client Error", response=response, request=request)
    assert isinstance(submission_error(error, "ibm_fez"), SubmissionTooLargeError)


def test_a_token_that_was_revoked_is_replaced_once(ibm, account, payload):
    adapter = open_backend("ibm:ibm_manila")
    adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    ibm.revoke_tokens()
    adapter.submit(payload, {"shots": 20}, "qjm-2", (LABEL,))
    assert len(ibm.books().submissions) == 2


def test_a_token_that_was_revoked_and_is_not_saved_waits_for_the_user(ibm, new_service, payload):
    adapter = adapters.adapted(new_service.backend("ibm_manila"))
    ibm.revoke_tokens()
    with pytest.raises(CredentialsError, match=r"revoked; .*hand over a backend of a new"):
        adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    assert not ibm.books().submissions


def test_a_paused_backend_takes_jobs_and_the_client_warns(ibm, send):
    ibm.behaviour = Behaviour(paused=("ibm_manila",))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        send()
    assert len(ibm.books().submissions) == 1


def test_an_instance_whose_usage_is_used_up_takes_jobs_and_the_client_warns(ibm, send):
    ibm.behaviour = Behaviour(usage_limit_reached=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        send()
    assert "met its usage limit" in str(caught[0].message)


def test_where_warnings_are_errors_nothing_was_sent_and_the_job_is_not_in_doubt(ibm, send):
    ibm.behaviour = Behaviour(usage_limit_reached=True)
    with pytest.raises(SubmissionDeferredError, match="met its usage limit"):
        send()
    assert not ibm.books().submissions


def test_options_that_the_primitive_refuses_are_refused_before_anything_is_sent(ibm, send):
    with pytest.raises(SubmissionRefusedError, match="nonsense"):
        send(nonsense=1)
    assert not ibm.books().requests[Kind.USAGE]


def test_a_circuit_that_is_not_isa_is_refused_by_the_older_client_before_it_is_sent(
    ibm, account, payload_of
):
    from qiskit import QuantumCircuit

    adapter = open_backend("ibm:ibm_manila?primitive=sampler")
    circuit = QuantumCircuit(2, 2, name="raw")
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    with pytest.raises(SubmissionRefusedError, match="instruction h on qubits"):
        adapter.submit(payload_of([circuit]), {"shots": 20}, "qjm-1", (LABEL,))
    assert not ibm.books().submissions


def test_what_the_client_cannot_prepare_is_refused_in_its_words(ibm, account, payload):
    """Nothing was sent, so the job is not in doubt."""
    adapter = open_backend("ibm:ibm_manila")
    options = {"shots": 20, "twirling": {"enable_measure": True, "num_randomizations": 3}}
    options |= {"execution": {"meas_type": "kerneled"}}
    with pytest.raises(SubmissionRefusedError, match="meas_type"):
        adapter.submit(payload, options, "qjm-1", (LABEL,))
    assert not ibm.books().submissions


def test_an_error_of_what_prepares_circuits_in_the_client_is_a_refusal(
    ibm, account, payload, monkeypatch
):
    from qiskit_ibm_runtime.executor_sampler import sampler

    def fail(*args, **options):
        raise LookupError("no such box")

    monkeypatch.setattr(sampler, "prepare", fail)
    with pytest.raises(SubmissionRefusedError, match=r"no such box.*LookupError, while the client"):
        open_backend("ibm:ibm_manila").submit(payload, {"shots": 20}, "qjm-1", (LABEL,))


# -- batches ---------------------------------------------------------------------------------------


def test_the_jobs_of_a_set_share_a_batch(ibm, send):
    send("qjm-1", execution="batch")
    send("qjm-2", execution="batch")
    send("qjm-3", labels=("qjm-set-2",), execution="batch")
    sessions = [each.session_id for each in ibm.books().submissions]
    assert sessions[0] == sessions[1] != sessions[2]
    assert None not in sessions


def test_a_batch_of_ours_that_is_closed_is_replaced(ibm, service, send):
    from qiskit_ibm_runtime import Batch

    send("qjm-1", execution="batch")
    Batch.from_id(ibm.books().submissions[0].session_id, service).close()
    with pytest.raises(SubmissionDeferredError, match="another one will be opened"):
        send("qjm-2", execution="batch")
    send("qjm-2", execution="batch")
    assert len({each.session_id for each in ibm.books().submissions}) == 2


def test_two_jobs_that_a_closed_batch_refuses_at_once_are_both_sent_again(
    ibm, adapter, service, send, monkeypatch
):
    from qiskit_ibm_runtime import Batch

    send("qjm-1", execution="batch")
    closed = ibm.books().submissions[0].session_id
    Batch.from_id(closed, service).close()
    both_have_the_batch = threading.Barrier(2)
    mode_of = ExecutionModes.mode

    def late(*arguments):
        mode = mode_of(*arguments)
        if mode.session_id == closed:
            both_have_the_batch.wait(30)
        return mode

    monkeypatch.setattr(ExecutionModes, "mode", late)
    refused = []

    def submit(tag):
        try:
            send(tag, execution="batch")
        except SubmissionDeferredError:
            refused.append(tag)
            send(tag, execution="batch")

    threads = [threading.Thread(target=submit, args=(f"qjm-{i}",)) for i in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(refused) == ["qjm-2", "qjm-3"]
    sessions = [each.session_id for each in ibm.books().submissions]
    assert len(sessions) == 3
    assert sessions[1] == sessions[2] != closed


def test_a_batch_that_closes_while_the_client_repeats_itself_leaves_the_job_in_doubt(
    ibm, service, send
):
    send("qjm-1", execution="batch")
    ibm.script(
        Kind.SUBMIT, Trouble(status=504, after=True), Trouble(status=400, code=4001, message="no")
    )
    with pytest.raises(SubmissionInDoubtError):
        send("qjm-2", execution="batch")
    assert [each.tags[0] for each in ibm.books().submissions] == ["qjm-1", "qjm-2"]


def test_a_batch_of_the_users_that_is_closed_is_for_the_user_to_replace(ibm, backend, payload):
    from qiskit_ibm_runtime import Batch

    batch = Batch(backend)
    adapter = adapters.adapted(batch)
    adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    assert ibm.books().submissions[0].session_id == batch.session_id
    Batch.from_id(batch.session_id, backend.service).close()  # elsewhere, or as its time was over
    with pytest.raises(SubmissionRefusedError, match=r"session is closed.*Open a new batch"):
        adapter.submit(payload, {"shots": 20}, "qjm-2", (LABEL,))
    batch.close()
    with pytest.raises(SubmissionRefusedError, match=r"session is closed.*Open a new batch"):
        adapter.submit(payload, {"shots": 20}, "qjm-3", (LABEL,))
    assert len(ibm.books().submissions) == 1


def test_a_batch_that_cannot_be_had_now_is_no_doubt_about_a_job(ibm, send):
    ibm.script(Kind.SESSION, Trouble(way=Way.RESET))
    with pytest.raises(SubmissionDeferredError, match="no batch or session"):
        send(execution="batch")
    assert not ibm.books().submissions
