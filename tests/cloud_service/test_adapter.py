"""The adapter sorts what goes wrong as the port says, and passes the contract."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from qiskit_job_manager.errors import (
    CredentialsError,
    InvalidArgumentError,
    InvalidExperimentError,
    JobNotEndedError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import RemoteState
from qiskit_job_manager.testing.backend_contract import BackendContract
from qiskit_job_manager.testing.cloud_service import (
    CloudAdapter,
    CloudService,
    Endpoint,
    Engine,
    Fate,
    Faults,
    Outage,
    Trouble,
    Variant,
    Way,
    open_cloud,
)
from qiskit_job_manager.testing.emulator.transport import Answer

SHOTS = {"shots": 40}


@pytest.fixture
def adapter(cloud):
    return CloudAdapter(cloud.address, timeout_s=5.0)


# -- the contract ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("entry_point")
class CloudContract(BackendContract):
    per_job = 2
    how: ClassVar[dict] = {}

    @pytest.fixture
    def backend(self):
        faults = Faults(reads_once=self.how.get("reads_once", False))
        with CloudService(faults, engine=Engine.AER) as cloud:
            yield CloudAdapter(cloud.address, **self.how)


class TestFindable(CloudContract):
    how: ClassVar[dict] = {"variant": Variant.FINDABLE}


class TestIdempotent(CloudContract):
    how: ClassVar[dict] = {"variant": Variant.IDEMPOTENT, "bulk_status": False}

    def test_a_repeated_submission_gives_the_same_job(self, backend, circuits):
        assert self.submit(backend, circuits, "t") == self.submit(backend, circuits, "t")
        assert self.submit(backend, circuits, "u") != self.submit(backend, circuits, "v")


class TestAwaits(CloudContract):
    how: ClassVar[dict] = {"awaits": True}


class TestBlindAndReadOnce(CloudContract):
    how: ClassVar[dict] = {"variant": Variant.BLIND, "reads_once": True}

    def test_a_repeated_submission_gives_another_job(self, backend, circuits):
        assert self.submit(backend, circuits, "t") != self.submit(backend, circuits, "t")


# -- submitting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(Way.RESET),
        Trouble(Way.CLOSE),
        Trouble(Way.HALF),
        Trouble(Way.HTML),
        Trouble(Way.EMPTY),
        *(Trouble(Way.STATUS, status=status) for status in (408, 500, 502, 503, 504)),
    ],
    ids=lambda trouble: f"{trouble.way}-{trouble.status}",
)
def test_what_is_neither_yes_nor_no_leaves_a_submission_in_doubt(
    cloud, adapter, payload, trouble, after
):
    cloud.script(Endpoint.SUBMIT, Trouble(trouble.way, after, trouble.status))
    with pytest.raises(SubmissionInDoubtError):
        adapter.submit(payload, SHOTS, "t")
    accepted = after or trouble.way is Way.HALF
    assert len(adapter.find("t")) == int(accepted)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SubmissionRefusedError),
        (403, SubmissionRefusedError),
        (413, SubmissionRefusedError),
        (401, CredentialsError),
        (429, SubmissionDeferredError),
    ],
)
def test_a_definite_no_is_told_for_what_it_is(cloud, adapter, payload, status, error):
    cloud.script(Endpoint.SUBMIT, Trouble(Way.STATUS, status=status, retry_after_s=2.5))
    with pytest.raises(error) as caught:
        adapter.submit(payload, SHOTS, "t")
    if error is SubmissionDeferredError:
        assert caught.value.retry_after_s == 2.5
    assert adapter.find("t") == []


@pytest.mark.parametrize("status", [429, 409])
@pytest.mark.parametrize("retry_after_s", [None, 3.0])
def test_a_full_cloud_puts_a_submission_off(cloud, adapter, payload, status, retry_after_s):
    cloud.faults = Faults(pending_jobs=0, pending_status=status, retry_after_s=retry_after_s)
    with pytest.raises(SubmissionDeferredError, match="pending") as caught:
        adapter.submit(payload, SHOTS, "t")
    assert caught.value.retry_after_s == retry_after_s


def test_where_nothing_listens_nothing_was_sent(cloud, adapter, payload):
    cloud.begin_outage(Outage.REFUSED)
    with pytest.raises(SubmissionDeferredError, match="out of reach"):
        adapter.submit(payload, SHOTS, "t")


def test_a_submission_that_takes_too_long_is_in_doubt(cloud, payload):
    cloud.faults = Faults(drip_s=3600.0)
    cloud.script(Endpoint.SUBMIT, Trouble(Way.DRIP))
    with pytest.raises(SubmissionInDoubtError, match="within"):
        CloudAdapter(cloud.address, timeout_s=0.1).submit(payload, SHOTS, "t")
    assert cloud.books().submissions_by_tag() == {"t": 1}


def test_options_that_cannot_be_sent_are_refused_before_anything_is(cloud, adapter, payload):
    with pytest.raises(SubmissionRefusedError, match="run options"):
        adapter.submit(payload, {"noise_model": object()}, "t")
    assert cloud.books().entries == ()


# -- reading ---------------------------------------------------------------------------------------

READS = {
    Endpoint.FIND: lambda adapter, job_id: adapter.find("t"),
    Endpoint.STATUS: lambda adapter, job_id: adapter.statuses([job_id]),
    Endpoint.RESULT: lambda adapter, job_id: adapter.fetch(job_id),
    Endpoint.CANCEL: lambda adapter, job_id: adapter.cancel(job_id),
}


@pytest.mark.parametrize("bulk_status", [False, True])
@pytest.mark.parametrize("endpoint", READS)
@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(Way.RESET),
        Trouble(Way.CLOSE),
        Trouble(Way.HALF),
        *(Trouble(Way.STATUS, status=status) for status in (429, 500, 502, 503, 504)),
    ],
    ids=lambda trouble: f"{trouble.way}-{trouble.status}",
)
def test_a_read_that_goes_wrong_may_be_repeated(cloud, payload, endpoint, trouble, bulk_status):
    adapter = CloudAdapter(cloud.address, bulk_status=bulk_status, timeout_s=5.0)
    job_id = adapter.submit(payload, SHOTS, "t")
    if endpoint is Endpoint.CANCEL and trouble.way is Way.HALF:
        cloud.faults = Faults(jobs_at_once=0)
        job_id = adapter.submit(payload, SHOTS, "t")
    cloud.script(endpoint, trouble)
    with pytest.raises(TransientBackendError):
        READS[endpoint](adapter, job_id)
    READS[endpoint](adapter, job_id)


@pytest.mark.parametrize("endpoint", [Endpoint.FIND, Endpoint.STATUS, Endpoint.RESULT])
@pytest.mark.parametrize("way", [Way.HTML, Way.EMPTY])
def test_nonsense_is_read_again(cloud, adapter, payload, endpoint, way):
    job_id = adapter.submit(payload, SHOTS, "t")
    cloud.script(endpoint, Trouble(way))
    with pytest.raises(TransientBackendError):
        READS[endpoint](adapter, job_id)
    assert READS[endpoint](adapter, job_id)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"jobs": 3},
        {"jobs": [3]},
        {"jobs": [{"id": "job-1"}]},
        {"jobs": [{"id": "job-1", "state": "melted", "position": None, "message": None}]},
    ],
)
def test_jobs_that_are_described_otherwise_are_asked_about_again(adapter, monkeypatch, said):
    answer = Answer(200, {}, json.dumps(said).encode())
    monkeypatch.setattr(adapter.client, "_send", lambda *_: answer)
    with pytest.raises(TransientBackendError):
        adapter.statuses(["job-1"])


@pytest.mark.parametrize("outage", list(Outage))
@pytest.mark.parametrize("endpoint", READS)
def test_an_outage_passes_for_every_read(cloud, adapter, payload, endpoint, outage):
    job_id = adapter.submit(payload, SHOTS, "t")
    cloud.begin_outage(outage)
    with pytest.raises(TransientBackendError):
        READS[endpoint](adapter, job_id)
    cloud.end_outage()
    READS[endpoint](adapter, job_id)


@pytest.mark.parametrize("endpoint", READS)
def test_expired_credentials_are_told_apart_everywhere(cloud, adapter, payload, endpoint):
    job_id = adapter.submit(payload, SHOTS, "t")
    cloud.expire()
    with pytest.raises(CredentialsError, match="log in"):
        READS[endpoint](adapter, job_id)
    adapter.client.log_in()
    READS[endpoint](adapter, job_id)


@pytest.mark.parametrize("after_read", [404, 410, 200])
def test_a_result_that_was_read_before_is_gone(cloud, payload, after_read):
    cloud.faults = Faults(reads_once=True, after_read=after_read)
    adapter = CloudAdapter(cloud.address, reads_once=True)
    job_id = adapter.submit(payload, SHOTS, "t")
    assert adapter.fetch(job_id).format == "qiskit-result/1"
    with pytest.raises(ResultGoneError):
        adapter.fetch(job_id)


def test_whatever_came_of_a_result_that_is_read_once_is_kept(cloud, payload):
    cloud.faults = Faults(reads_once=True)
    adapter = CloudAdapter(cloud.address, reads_once=True)
    job_id = adapter.submit(payload, SHOTS, "t")
    cloud.script(Endpoint.RESULT, Trouble(Way.HTML, after=True))
    kept = adapter.fetch(job_id)
    assert kept.format == "text/html"
    assert b"maintenance" in kept.data


def test_the_states_of_jobs_are_told(cloud, adapter, payload):
    cloud.tell(Fate.RUNS, Fate.FAILS, Fate.CANCELLED, Fate.VANISHES)
    ids = [adapter.submit(payload, SHOTS, "t") for _ in range(4)]
    expected = [RemoteState.DONE, RemoteState.ERROR, RemoteState.CANCELLED, RemoteState.GONE]
    one_by_one = CloudAdapter(cloud.address, bulk_status=False)
    for asked in (adapter, one_by_one):
        assert [asked.statuses(ids)[job_id].state for job_id in ids] == expected
    assert adapter.error_message(ids[0]) is None
    assert adapter.error_message(ids[1]) == "the dilution refrigerator is warm"
    for failed in ids[1:3]:
        with pytest.raises(RemoteJobFailedError, match=adapter.error_message(failed)):
            adapter.fetch(failed)
    with pytest.raises(ResultGoneError):
        adapter.fetch(ids[3])
    adapter.cancel(ids[3])  # what is gone need not be cancelled


def test_a_result_is_waited_for_until_its_job_ends(cloud, payload):
    cloud.faults = Faults(service_time_s=0.3, jobs_at_once=1)
    adapter = CloudAdapter(cloud.address, awaits=True)
    ids = [adapter.submit(payload, SHOTS, "t") for _ in range(2)]
    assert [adapter.fetch(job_id).format for job_id in ids] == ["qiskit-result/1"] * 2


def test_a_wait_for_a_result_is_bounded(cloud, payload):
    cloud.faults = Faults(jobs_at_once=0)
    adapter = CloudAdapter(cloud.address, awaits=True, timeout_s=0.4)
    job_id = adapter.submit(payload, SHOTS, "t")
    with pytest.raises(JobNotEndedError):
        adapter.fetch(job_id)


def test_a_job_that_is_cancelled_ends_the_wait_for_its_result(cloud, payload):
    cloud.faults = Faults(jobs_at_once=0)
    adapter = CloudAdapter(cloud.address, awaits=True, timeout_s=60.0)
    job_id = adapter.submit(payload, SHOTS, "t")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(adapter.fetch, job_id)
        adapter.cancel(job_id)
        with pytest.raises(RemoteJobFailedError):
            waiting.result()


def test_a_job_is_cancelled(cloud, adapter, payload):
    cloud.faults = Faults(jobs_at_once=0)
    job_id = adapter.submit(payload, SHOTS, "t")
    queued = adapter.statuses([job_id])[job_id]
    assert (queued.state, queued.queue_position) == (RemoteState.QUEUED, 1)
    adapter.cancel(job_id)
    assert adapter.statuses([job_id])[job_id].state is RemoteState.CANCELLED


def test_one_status_that_cannot_be_read_hides_no_other(cloud, payload):
    adapter = CloudAdapter(cloud.address, bulk_status=False)
    ids = [adapter.submit(payload, SHOTS, "t") for _ in range(3)]
    cloud.script(Endpoint.STATUS, None, Trouble(Way.RESET))
    assert set(adapter.statuses(ids)) == {ids[0], ids[2]}


# -- opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"variant": Variant.BLIND},
        {"variant": Variant.IDEMPOTENT, "listing_lag_s": 0.5, "reads_once": True},
        {"bulk_status": False, "timeout_s": 2.0, "awaits": True},
    ],
)
def test_a_uri_says_all_that_differs_and_opens_the_same(how):
    adapter = CloudAdapter("127.0.0.1:8000", **how)
    again = open_cloud(adapter.uri.removeprefix("cloud:"))
    assert (again.uri, again.capabilities) == (adapter.uri, adapter.capabilities)


@pytest.mark.parametrize(
    "argument",
    [
        None,
        "127.0.0.1:8000",
        "https://127.0.0.1:8000",
        "http://127.0.0.1",
        "http://127.0.0.1:port",
        "http://127.0.0.1:8000/path",
        "http://127.0.0.1:8000?variant=psychic",
        "http://127.0.0.1:8000?lag=1",
        "http://127.0.0.1:8000?listing_lag_s=[1]",
        "http://127.0.0.1:8000?listing_lag_s=soon",
        "http://127.0.0.1:8000?reads_once=3",
    ],
)
def test_a_uri_that_makes_no_sense_is_refused_with_one_that_does(argument):
    with pytest.raises(InvalidArgumentError, match="right would be 'cloud:http"):
        open_cloud(argument)


def test_the_token_is_sent_and_never_told(tmp_path, monkeypatch, payload):
    monkeypatch.setenv("QJM_CLOUD_TOKEN", "canary-7391")
    ledger = tmp_path / "ledger.jsonl"
    with CloudService(token="canary-7391", ledger=ledger) as cloud:
        adapter = CloudAdapter(cloud.address)
        assert adapter.submit(payload, SHOTS, "t")
        stranger = CloudAdapter(cloud.address, token="wrong")
        with pytest.raises(CredentialsError) as caught:
            stranger.submit(payload, SHOTS, "t")
    told = f"{adapter.uri} {adapter!r} {caught.value} {ledger.read_text()}"
    assert "canary" not in told


def test_only_bound_circuits_pass_the_check(adapter, circuits):
    from qiskit.circuit import Parameter

    [circuit] = circuits(1)
    adapter.check(circuit, 0, {})
    circuit.rx(Parameter("theta"), 0)
    with pytest.raises(InvalidExperimentError, match=r"experiment 5 .*parameters"):
        adapter.check(circuit, 5, {})
