"""Reading through the unmodified client: whatever it does, nothing is lost, and nothing hangs."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_job_manager.backends import ibm as adapters
from qiskit_job_manager.backends.ibm import status, usage
from qiskit_job_manager.backends.ibm.fetch import PATIENT_READS
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import (
    CredentialsError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import Blob, ExperimentKind, RemoteFigures, RemoteState
from qiskit_job_manager.testing.ibm_service import Behaviour, Fate, Kind, Trouble, Way

LABEL = "qjm-set-1"
RESET = Trouble(way=Way.RESET)
# Repeated by the client itself otherwise, for 15 s.
NOT_NOW = Trouble(status=429, code=1202)


@pytest.fixture
def done(adapter, send, ended):
    remote_id = send()
    assert ended(adapter, remote_id).state is RemoteState.DONE
    return remote_id


@pytest.fixture
def private(ibm, backend, payload, ended):
    """An adapter to private jobs, and one that is done."""
    from qiskit_ibm_runtime import SamplerV2

    with pytest.deprecated_call():
        sampler = SamplerV2(backend, options={"environment": {"private": True}})
    adapter = adapters.adapted(sampler)
    assert adapter.capabilities.reads_once
    remote_id = adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    assert ended(adapter, remote_id).state is RemoteState.DONE
    return adapter, remote_id


@pytest.fixture
def estimated(ibm, backend, payload_of, ended):
    """An adapter to an estimator, and a job of it that is done."""
    from qiskit import QuantumCircuit
    from qiskit.primitives.containers.estimator_pub import EstimatorPub
    from qiskit_ibm_runtime import EstimatorV2

    with pytest.deprecated_call():
        adapter = adapters.adapted(EstimatorV2(backend))
    pub = EstimatorPub.coerce((QuantumCircuit(5, name="idle"), "IIIIZ"))
    payload = payload_of([pub], ExperimentKind.ESTIMATOR_PUB)
    remote_id = adapter.submit(payload, {}, "qjm-1", (LABEL,))
    assert ended(adapter, remote_id).state is RemoteState.DONE
    return adapter, remote_id


def opened(raw):
    return open_result(Blob(raw.format, raw.data))


# -- results ---------------------------------------------------------------------------------------


def test_a_result_is_kept_as_the_service_sent_it_and_understood(adapter, done):
    raw = adapter.fetch(done)
    reader = opened(raw)
    assert reader.n_experiments == 3
    assert reader.pub_result(2).data["c"].num_shots == 20


def test_what_the_service_measured_comes_with_the_result(adapter, send, ended):
    remote_id = send(execution="batch")
    ended(adapter, remote_id)
    told = adapter.fetch(remote_id).figures
    assert told.usage_s is not None
    assert told.created_at.tzinfo is UTC
    assert told.created_at <= told.started_at <= told.ended_at
    assert told.session_id.startswith("session-")


def test_what_was_measured_of_a_samplers_job_takes_no_request_of_its_own(ibm, adapter, done):
    before = ibm.books().requests.copy()
    told = adapter.fetch(done).figures
    assert None not in (told.usage_s, told.created_at, told.started_at, told.ended_at)
    assert ibm.books().requests - before == {Kind.RESULTS: 1}


def test_what_is_not_told_elsewhere_is_asked_for(ibm, estimated):
    """The results of an estimator do not say when they came about."""
    adapter, remote_id = estimated
    told = adapter.fetch(remote_id).figures
    assert told.usage_s is not None
    assert told.created_at <= told.started_at <= told.ended_at
    assert ibm.books().requests[Kind.METRICS] == 1


def test_usage_that_is_not_final_is_not_told(ibm, adapter, send, ended):
    ibm.behaviour = Behaviour(usage_lag_s=3600)
    remote_id = send()
    ended(adapter, remote_id)
    assert adapter.fetch(remote_id).figures.usage_s is None


def test_metrics_are_asked_for_where_descriptions_tell_no_usage(ibm, adapter, done, monkeypatch):
    from qiskit_job_manager.testing.ibm_service.jobs import Job

    told = Job.described
    fresh = adapters.adapted(adapter.qiskit_backend)
    monkeypatch.setattr(Job, "described", lambda *a, **k: {**told(*a, **k), "usage": None})
    assert fresh.fetch(done).figures.usage_s is not None
    assert ibm.books().requests[Kind.METRICS] == 1


def test_odd_words_on_when_a_job_ran_are_left_out():
    known = RemoteFigures(usage_s=1.0)
    span = {"__value__": {"start": {"__type__": "datetime", "__value__": "soon"}}}
    execution = {"execution_spans": {"__type__": "ExecutionSpans", "__value__": {"spans": [span]}}}
    odd = [{}, [], None, {"metadata": {"chunk_timing": 3}}, {"metadata": {"execution": execution}}]
    assert [usage.with_times(known, each) for each in odd] == [None] * len(odd)


@pytest.mark.parametrize(
    "trouble",
    [Trouble(status=404), Trouble(way=Way.HTML), Trouble(way=Way.LACKING)],
)
def test_a_result_never_waits_for_its_figures(ibm, estimated, trouble):
    adapter, remote_id = estimated
    ibm.script(Kind.METRICS, trouble)
    raw = adapter.fetch(remote_id)
    assert opened(raw).n_experiments == 1
    assert raw.figures.started_at is None


def test_figures_that_hang_are_given_up(ibm, estimated, monkeypatch):
    adapter, remote_id = estimated
    monkeypatch.setattr(usage.ask_within, "__defaults__", (0.05,))
    ibm.script(Kind.METRICS, Trouble(way=Way.HANG))
    raw = adapter.fetch(remote_id)
    assert raw.figures.started_at is None
    assert opened(raw).n_experiments == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(way=Way.HALF),
        Trouble(way=Way.HTML),
        Trouble(way=Way.CUT),
        Trouble(way=Way.EMPTY),
        NOT_NOW,
    ],
)
def test_what_is_no_result_is_read_again(ibm, adapter, done, trouble):
    ibm.script(Kind.RESULTS, trouble)
    with pytest.raises(TransientBackendError):
        adapter.fetch(done)
    assert opened(adapter.fetch(done)).n_experiments == 3


def test_a_connection_that_breaks_while_reading_is_made_again(ibm, adapter, done):
    ibm.script(Kind.RESULTS, RESET)
    assert opened(adapter.fetch(done)).n_experiments == 3


@pytest.mark.parametrize("status", [404, 410])
def test_a_result_that_is_deleted_is_gone(ibm, adapter, done, status):
    ibm.script(Kind.RESULTS, Trouble(status=status, code=1291, message="no such result"))
    with pytest.raises(ResultGoneError, match="no such result"):
        adapter.fetch(done)


def test_a_result_that_stays_empty_is_gone(ibm, adapter, done):
    ibm.script(Kind.RESULTS, *[Trouble(way=Way.EMPTY)] * PATIENT_READS)
    for _ in range(PATIENT_READS - 1):
        with pytest.raises(TransientBackendError):
            adapter.fetch(done)
    with pytest.raises(ResultGoneError, match="empty"):
        adapter.fetch(done)


def test_a_text_that_stays_odd_is_kept_in_the_end(ibm, adapter, done):
    ibm.script(Kind.RESULTS, *[Trouble(way=Way.CUT)] * PATIENT_READS)
    for _ in range(PATIENT_READS - 1):
        with pytest.raises(TransientBackendError):
            adapter.fetch(done)
    assert adapter.fetch(done).format == "ibm-runtime-json/1"


def test_a_page_is_never_taken_for_a_result(ibm, private):
    adapter, remote_id = private
    ibm.script(Kind.RESULTS, *[Trouble(way=Way.HTML)] * 4)
    for _ in range(4):
        with pytest.raises(TransientBackendError):
            adapter.fetch(remote_id)
    assert opened(adapter.fetch(remote_id)).n_experiments == 3


def test_a_private_result_is_read_once_and_then_gone(ibm, private):
    adapter, remote_id = private
    assert opened(adapter.fetch(remote_id)).n_experiments == 3
    with pytest.raises(ResultGoneError):
        adapter.fetch(remote_id)
    assert ibm.books().handed_out == [remote_id]


def test_what_came_of_a_private_result_is_kept_even_if_it_is_cut(ibm, private):
    adapter, remote_id = private
    ibm.script(Kind.RESULTS, Trouble(way=Way.CUT))
    assert adapter.fetch(remote_id).format == "ibm-runtime-json/1"


def test_a_read_that_hangs_can_be_given_up_and_made_again(ibm, adapter, done):
    """The client waits for ever; the engine gives a call up at its deadline."""
    ibm.script(Kind.RESULTS, Trouble(way=Way.HANG))

    def read():
        with contextlib.suppress(Exception):  # raised when the emulator ends
            adapter.fetch(done)

    hanging = threading.Thread(target=read, daemon=True)
    hanging.start()
    while not ibm.books().requests[Kind.RESULTS]:
        hanging.join(0.005)
    assert opened(adapter.fetch(done)).n_experiments == 3
    assert hanging.is_alive()


# -- jobs that did not go well ---------------------------------------------------------------------


@pytest.mark.parametrize("fate", [Fate.FAILS, Fate.FAILS_UNREADABLE, Fate.RAN_TOO_LONG])
def test_a_failed_job_says_why_in_the_services_words(ibm, adapter, send, ended, fate):
    ibm.tell(fate)
    remote_id = send()
    status = ended(adapter, remote_id)
    assert status.state is RemoteState.ERROR
    assert "Error code" in status.message
    assert adapter.error_message(remote_id) == status.message
    with pytest.raises(RemoteJobFailedError, match="Error code"):
        adapter.fetch(remote_id)


def test_a_job_that_somebody_cancelled_is_cancelled(ibm, adapter, send, ended):
    ibm.tell(Fate.CANCELLED)
    remote_id = send()
    assert ended(adapter, remote_id).state is RemoteState.CANCELLED
    with pytest.raises(RemoteJobFailedError):
        adapter.fetch(remote_id)


def test_cancelling_is_done_once_and_then_harmless(ibm, adapter, send, ended):
    ibm.tell(Fate.QUEUED)
    remote_id = send()
    assert adapter.statuses([remote_id])[remote_id].state is RemoteState.QUEUED
    adapter.cancel(remote_id)
    assert ended(adapter, remote_id).state is RemoteState.CANCELLED
    adapter.cancel(remote_id)
    adapter.cancel("never-there")
    assert ibm.books().cancelled == [remote_id]


def test_an_answer_to_cancelling_that_is_lost_may_be_asked_for_again(ibm, adapter, send, ended):
    ibm.tell(Fate.QUEUED)
    remote_id = send()
    ibm.script(Kind.CANCEL, Trouble(way=Way.RESET, after=True))
    with pytest.raises(TransientBackendError):
        adapter.cancel(remote_id)
    adapter.cancel(remote_id)
    assert ended(adapter, remote_id).state is RemoteState.CANCELLED


# -- statuses --------------------------------------------------------------------------------------


def test_many_jobs_are_asked_about_in_one_request(ibm, adapter, send):
    sent = [send(f"qjm-{number}") for number in range(6)]
    before = sum(ibm.books().requests.values())
    assert set(adapter.statuses(sent)) == set(sent)
    assert sum(ibm.books().requests.values()) == before + 1


def test_jobs_of_another_process_are_asked_about_together_after_the_first(ibm, backend, send):
    sent = [send(f"qjm-{number}") for number in range(6)]
    fresh = adapters.adapted(backend)
    before = sum(ibm.books().requests.values())
    assert set(fresh.statuses(sent)) == set(sent)
    assert sum(ibm.books().requests.values()) == before + 3
    assert set(fresh.statuses(sent)) == set(sent)
    assert sum(ibm.books().requests.values()) <= before + 4


def test_what_was_heard_a_moment_ago_is_not_asked_for_again(ibm, adapter, send, monkeypatch):
    monkeypatch.setattr(status, "SHORTEST_S", 3600.0)
    monkeypatch.setattr(status, "LONGEST_S", 3600.0)
    ibm.tell(*[Fate.QUEUED] * 2)
    sent = [send(f"qjm-{number}") for number in range(2)]
    before = ibm.books().requests.copy()
    assert {each.state for each in adapter.statuses(sent).values()} == {RemoteState.QUEUED}
    assert ibm.books().requests == before
    adapter.cancel(sent[0])
    assert adapter.statuses(sent)[sent[0]].state is RemoteState.CANCELLED
    assert (ibm.books().requests - before)[Kind.LIST] == 1


def test_looking_for_twins_tells_what_has_ended(ibm, adapter, backend, send, ended):
    sent = [send(f"qjm-{number}") for number in range(2)]
    for each in sent:
        ended(adapters.adapted(backend), each)
    adapter.find_duplicates(LABEL)
    before = ibm.books().requests.copy()
    assert {each.state for each in adapter.statuses(sent).values()} == {RemoteState.DONE}
    assert ibm.books().requests == before


def test_jobs_that_the_listing_does_not_have_yet_are_asked_about_one_by_one(ibm, adapter, send):
    ibm.behaviour = Behaviour(listing_lag_s=3600)
    sent = [send(f"qjm-{number}") for number in range(5)]
    assert adapter.find("qjm-1") == []
    known = set()
    for _ in range(2):
        known |= set(adapter.statuses(sent))
    assert known == set(sent)


def test_more_jobs_than_a_page_has_are_all_found(ibm, adapter, send, monkeypatch):
    from qiskit_job_manager.backends.ibm import job_api

    monkeypatch.setattr(job_api, "PAGE", 2)
    sent = [send(f"qjm-{number}") for number in range(5)]
    found = adapter.find_duplicates(LABEL)
    assert [found[f"qjm-{number}"] for number in range(5)] == [[each] for each in sent]
    assert set(adapter.statuses(sent)) == set(sent)


@pytest.mark.parametrize("kind", [Kind.LIST, Kind.JOB])
@pytest.mark.parametrize("trouble", [Trouble(way=Way.HTML), Trouble(way=Way.LACKING), NOT_NOW])
def test_odd_answers_about_statuses_pass(ibm, adapter, send, kind, trouble):
    sent = [send(f"qjm-{number}") for number in range(2 if kind is Kind.LIST else 1)]
    if kind is Kind.LIST:
        ibm.script(Kind.LIST, trouble)
    ibm.script(Kind.JOB, *[trouble] * len(sent))
    with pytest.raises(TransientBackendError):
        adapter.statuses(sent)
    assert set(adapter.statuses(sent)) == set(sent)


def test_the_wait_that_a_read_is_asked_for_is_told(ibm, adapter, done):
    from qiskit_job_manager.backends.ibm.errors import read_error

    error = pytest.importorskip("requests").HTTPError("429")
    error.response = pytest.importorskip("requests").Response()
    error.response.status_code = 429
    error.response.headers["Retry-After"] = "7"
    assert read_error(error, "it").retry_after_s == 7


def test_a_job_is_gone_only_when_that_was_said_twice(adapter):
    assert adapter.statuses(["never-there"]) == {}
    assert adapter.statuses(["never-there"])["never-there"].state is RemoteState.GONE


def test_a_state_that_is_not_known_is_no_end():
    from qiskit_job_manager.backends.ibm.job_api import job_info_in

    info = job_info_in({"id": "a", "state": {"status": "Hibernating"}})
    assert info.status.state is RemoteState.RUNNING
    assert info.status.message == "Hibernating"


def test_jobs_on_a_backend_that_is_retired_since_can_be_read(ibm, account, payload, ended):
    from qiskit_job_manager.backends import open_backend

    remote_id = open_backend("ibm:ibm_manila").submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    ibm.behaviour = Behaviour(retired=("ibm_manila",))
    adapter = open_backend("ibm:ibm_manila")
    assert ended(adapter, remote_id).state is RemoteState.DONE
    ibm.revoke_tokens()
    assert opened(adapter.fetch(remote_id)).n_experiments == 3
    with pytest.raises(SubmissionRefusedError, match="may be retired"):
        adapter.submit(payload, {"shots": 20}, "qjm-2", (LABEL,))


# -- tokens ----------------------------------------------------------------------------------------


def test_a_token_that_is_revoked_in_mid_run_is_replaced_where_the_account_is_saved(
    ibm, account, payload, ended
):
    from qiskit_job_manager.backends import open_backend

    adapter = open_backend("ibm:ibm_manila")
    remote_id = adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    ibm.revoke_tokens()
    assert ended(adapter, remote_id).state is RemoteState.DONE
    ibm.revoke_tokens()
    assert opened(adapter.fetch(remote_id)).n_experiments == 3


def test_a_token_that_is_revoked_and_not_saved_waits_for_the_user(ibm, new_service, payload):
    adapter = adapters.adapted(new_service.backend("ibm_manila"))
    remote_id = adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    ibm.revoke_tokens()
    with pytest.raises(CredentialsError, match="the jobs wait for it"):
        adapter.statuses([remote_id])
    again = adapters.adapted(_logged_in(new_service).backend("ibm_manila"))
    assert remote_id in again.statuses([remote_id])


def _logged_in(service):
    """Return another service of the same account."""
    told = service.active_account()
    return QiskitRuntimeService(
        channel=told["channel"],
        token=told["token"],
        instance=told["instance"],
        url=told["url"],
        url_resolver=service._url_resolver,
    )


def test_a_token_that_expires_by_its_own_clock_is_replaced_unnoticed(ibm, place, payload, ended):
    ibm.behaviour = Behaviour(token_lifetime_s=1.0)
    service = QiskitRuntimeService(**place[2])
    adapter = adapters.adapted(service.backend("ibm_manila"))
    remote_id = adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    time.sleep(1.2)  # until it has expired, by the clock of the client
    assert ended(adapter, remote_id).state is RemoteState.DONE


@pytest.mark.filterwarnings("ignore:Unable to retrieve IBM Cloud access token")
def test_a_token_service_that_is_down_holds_up_nothing_at_first(ibm, place, payload, ended):
    """From the second call on the client waits for a minute each, which the engine can give up."""
    ibm.behaviour = Behaviour(token_lifetime_s=1.0)
    service = QiskitRuntimeService(**place[2])
    adapter = adapters.adapted(service.backend("ibm_manila"))
    remote_id = adapter.submit(payload, {"shots": 20}, "qjm-1", (LABEL,))
    time.sleep(1.2)  # as above
    ibm.script(Kind.TOKEN, RESET)
    assert remote_id in adapter.statuses([remote_id])


@pytest.mark.parametrize(
    "odd",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "3000-01-01T00:00:00Z",
        "soon",
        5,
        None,
    ],
)
def test_a_time_that_no_job_can_have_counts_as_not_told(odd):
    assert usage.usage_in_info({"created": odd}) == RemoteFigures()
    known = usage.usage_in_info({"created": "2026-01-31T12:00:00Z"})
    assert known.created_at is not None
    timestamps = {"created": odd, "running": odd, "finished": odd}
    assert usage.usage_in_metrics({"timestamps": timestamps}, known) == known
