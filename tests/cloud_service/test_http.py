"""Every fault as a client meets it, over real sockets."""

from __future__ import annotations

import base64
import http.client
import json
import socket

import pytest

from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.testing.cloud_service import (
    CloudAnswerError,
    CloudClient,
    CloudControl,
    CloudUnreachableError,
    Deed,
    Endpoint,
    Fate,
    Faults,
    Odds,
    Outage,
    Trouble,
    Way,
)
from qiskit_job_manager.testing.samples import expected_counts

SHOTS = {"shots": 40}


def refusal(call, *args):
    with pytest.raises(CloudAnswerError) as caught:
        call(*args)
    return caught.value


def names_in(raw):
    reader = open_result(raw)
    return [reader.experiment(i)["header"]["name"] for i in range(reader.n_experiments)]


# -- what goes well --------------------------------------------------------------------------------


def test_a_job_is_run_found_described_and_read(client, cloud, payload):
    job_id = client.submit(payload, SHOTS, "a tag, odd & é")
    assert [job.id for job in client.find("a tag, odd & é")] == [job_id]
    assert client.find("a tag") == []
    assert client.job(job_id).state == "done"
    assert client.jobs([job_id, "none"]) == [client.job(job_id)]
    reader = open_result(client.result(job_id))
    assert [reader.counts(i) for i in range(3)] == [
        expected_counts(f"c{i}", 3, 40) for i in (0, 1, 2)
    ]


def test_one_connection_takes_many_requests(cloud):
    connection = http.client.HTTPConnection(cloud.address, timeout=5)
    connection.connect()
    before = connection.sock
    for _ in range(3):
        connection.request("GET", "/jobs?tag=x")
        assert json.loads(connection.getresponse().read()) == {"jobs": [], "next": None}
        assert connection.sock is before
    connection.close()


def test_a_listing_comes_in_pages_and_the_client_reads_them_all(client, cloud, payload):
    ids = [client.submit(payload, SHOTS, "same") for _ in range(101)]
    assert [job.id for job in client.find("same")] == ids
    assert {job.id for job in client.jobs(ids)} == set(ids)
    connection = http.client.HTTPConnection(cloud.address, timeout=5)
    connection.request("GET", "/jobs?tag=same")
    page = json.loads(connection.getresponse().read())
    assert (len(page["jobs"]), page["next"]) == (50, "50")
    connection.close()


def test_jobs_queue_run_and_end_by_the_faults_and_the_clock(cloud, client, payload):
    cloud.faults = Faults(jobs_at_once=0)
    first, second = (client.submit(payload, SHOTS, f"t{i}") for i in (1, 2))
    views = client.jobs([first, second])
    assert [(job.state, job.position) for job in views] == [("queued", 1), ("queued", 2)]
    assert refusal(client.result, first).code == "not_ended"
    cloud.faults = Faults(jobs_at_once=1, service_time_s=3600)
    assert [job.state for job in client.jobs([first, second])] == ["running", "queued"]
    client.cancel(first)
    assert [job.state for job in client.jobs([first, second])] == ["cancelled", "running"]
    assert refusal(client.cancel, first).code == "has_ended"
    assert refusal(client.result, first).code == "job_cancelled"
    client.delete(second)
    assert refusal(client.job, second).status_code == 404
    assert [entry.job_id for entry in cloud.books().of(Deed.CANCELLED)] == [first]
    assert [entry.job_id for entry in cloud.books().of(Deed.DELETED)] == [second]


def test_the_same_key_gives_the_same_job_and_is_paid_for_once(cloud, client, payload):
    first = client.submit(payload, SHOTS, "t", key="k")
    assert client.submit(payload, SHOTS, "t", key="k") == first
    assert client.submit(payload, SHOTS, "t", key="other") != first
    assert cloud.books().submissions_by_tag() == {"t": 2}
    assert len(cloud.books().of(Deed.REPEATED)) == 1


# -- answers that do not arrive --------------------------------------------------------------------

NO_ANSWER = {
    Way.RESET: ConnectionResetError,
    Way.CLOSE: http.client.RemoteDisconnected,
    Way.HALF: http.client.IncompleteRead,
    Way.HTML: CloudAnswerError,
    Way.EMPTY: CloudAnswerError,
    Way.STATUS: CloudAnswerError,
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("way", NO_ANSWER)
def test_a_submission_is_spoiled_before_or_after_it_is_accepted(cloud, client, payload, way, after):
    cloud.script(Endpoint.SUBMIT, Trouble(way, after=after))
    with pytest.raises(NO_ANSWER[way]):
        client.submit(payload, SHOTS, "t")
    accepted = 1 if after or way is Way.HALF else 0
    assert len(client.find("t")) == accepted
    assert cloud.books().submissions_by_tag() == ({"t": 1} if accepted else {})
    assert client.submit(payload, SHOTS, "again")  # one trouble is for one request


@pytest.mark.parametrize("way", NO_ANSWER)
def test_a_result_whose_answer_is_spoiled_has_been_read(cloud, client, payload, way, wait_until):
    cloud.faults = Faults(reads_once=True)
    job_id = client.submit(payload, SHOTS, "t")
    cloud.script(Endpoint.RESULT, Trouble(way, after=True))
    if way is Way.EMPTY:
        assert client.result(job_id) is None
    elif way is Way.HTML:
        assert client.result(job_id).format == "text/html"
    else:
        with pytest.raises(NO_ANSWER[way]):
            client.result(job_id)
    assert refusal(client.result, job_id).status_code == 404
    wait_until(lambda: cloud.books().of(Deed.HANDED_OUT))
    [handed_out] = cloud.books().of(Deed.HANDED_OUT)
    assert not handed_out.complete
    assert (handed_out.bytes_sent > 0) == (way is Way.HALF)
    assert cloud.books().read_whole() == {}


def test_a_reset_is_a_reset_and_no_orderly_end(cloud):
    """RST also throws away what was sent before, which an orderly end delivers."""
    cloud.script(Endpoint.FIND, Trouble(Way.RESET), Trouble(Way.CLOSE))
    host, port = cloud.address.split(":")
    for ends in (ConnectionResetError, None):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"GET /jobs?tag=x HTTP/1.1\r\nHost: x\r\n\r\n")
            if ends:
                with pytest.raises(ends):
                    connection.recv(1)
            else:
                assert connection.recv(1) == b""


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503, 504])
def test_any_status_can_be_answered(cloud, client, payload, status):
    cloud.script(Endpoint.SUBMIT, Trouble(Way.STATUS, status=status, retry_after_s=2.5))
    error = refusal(client.submit, payload, SHOTS, "t")
    assert (error.status_code, error.headers["Retry-After"]) == (status, "2.5")


def test_a_dripping_body_ends_at_the_clients_deadline(cloud, payload, wait_until):
    cloud.faults = Faults(drip_s=0.05)
    job_id = CloudClient(cloud.address).submit(payload, SHOTS, "t")
    cloud.script(Endpoint.RESULT, Trouble(Way.DRIP))
    # Every byte comes in time for a limit on each read: only a deadline for all of it helps.
    with pytest.raises(TimeoutError, match=r"0\.2 s"):
        CloudClient(cloud.address, timeout_s=0.2).result(job_id)
    wait_until(lambda: cloud.books().of(Deed.HANDED_OUT))
    [handed_out] = cloud.books().of(Deed.HANDED_OUT)
    assert not handed_out.complete
    assert handed_out.bytes_sent > 0


def test_a_dripping_body_arrives_in_the_end(cloud, client, payload):
    cloud.faults = Faults(drip_s=1e-6)
    job_id = client.submit(payload, SHOTS, "t")
    cloud.script(Endpoint.RESULT, Trouble(Way.DRIP))
    assert names_in(client.result(job_id)) == ["c0", "c1", "c2"]


def test_latency_comes_before_the_work(cloud, payload):
    cloud.faults = Faults(latency_s=3600.0)
    with pytest.raises(TimeoutError):
        CloudClient(cloud.address, timeout_s=0.1).submit(payload, SHOTS, "t")
    assert cloud.books().entries == ()


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 409])
def test_too_many_pending_jobs_are_refused(cloud, client, payload, status):
    cloud.faults = Faults(
        jobs_at_once=1, service_time_s=3600, pending_jobs=2, pending_status=status
    )
    first = client.submit(payload, SHOTS, "t")
    client.submit(payload, SHOTS, "t")
    error = refusal(client.submit, payload, SHOTS, "t")
    assert (error.status_code, error.code) == (status, "too_many_jobs")
    assert "Retry-After" not in error.headers
    client.cancel(first)
    assert client.submit(payload, SHOTS, "t")
    assert cloud.books().submissions_by_tag() == {"t": 3}


def test_too_many_submissions_a_minute_are_refused(cloud, client, payload):
    cloud.faults = Faults(submissions_per_minute=2, retry_after_s=7)
    client.submit(payload, SHOTS, "t")
    client.submit(payload, SHOTS, "t")
    error = refusal(client.submit, payload, SHOTS, "t")
    assert (error.status_code, error.headers["Retry-After"]) == (429, "7")


# -- what becomes of jobs --------------------------------------------------------------------------


@pytest.mark.parametrize("after_read", [404, 410, 200])
def test_a_result_that_is_read_once_is_gone_then(cloud, client, payload, after_read, wait_until):
    cloud.faults = Faults(reads_once=True, after_read=after_read)
    job_id = client.submit(payload, SHOTS, "t")
    assert names_in(client.result(job_id)) == ["c0", "c1", "c2"]
    if after_read == 200:
        assert client.result(job_id) is None
    else:
        assert refusal(client.result, job_id).status_code == after_read
    wait_until(lambda: cloud.books().read_whole())
    assert cloud.books().read_whole() == {job_id: 1}


def test_a_job_that_fails_has_a_message_and_no_result(cloud, client, payload):
    cloud.tell(Fate.FAILS)
    job_id = client.submit(payload, SHOTS, "t")
    job = client.job(job_id)
    assert (job.state, job.message) == ("failed", "the dilution refrigerator is warm")
    assert refusal(client.result, job_id).code == "job_failed"


def test_some_experiments_fail_and_the_others_have_their_counts(cloud, client, payload):
    cloud.tell(Fate.FAILS_IN_PART)
    reader = open_result(client.result(client.submit(payload, SHOTS, "t")))
    assert sorted(reader.failures()) == [0, 2]
    assert reader.counts(1) == expected_counts("c1", 3, 40)
    assert reader.counts(0) is None


def test_a_job_vanishes_when_it_should_have_ended(cloud, client, payload):
    cloud.faults = Faults(jobs_at_once=0)
    cloud.tell(Fate.VANISHES)
    job_id = client.submit(payload, SHOTS, "t")
    assert client.job(job_id).state == "queued"
    cloud.faults = Faults()
    assert client.jobs([job_id]) == client.find("t") == []
    assert refusal(client.job, job_id).status_code == 404
    assert refusal(client.result, job_id).status_code == 404


def test_somebody_else_cancels_a_job(cloud, client, payload):
    cloud.tell(Fate.CANCELLED)
    job = client.job(client.submit(payload, SHOTS, "t"))
    assert (job.state, job.message) == ("cancelled", "cancelled by the administrator")
    assert cloud.books().of(Deed.CANCELLED) == []


def test_wrong_answers_are_wrong_as_said(cloud, client, payload):
    def result_of(fate):
        cloud.tell(fate)
        return client.result(client.submit(payload, SHOTS, "t"))

    whole = result_of(Fate.RUNS)
    assert names_in(result_of(Fate.FEWER)) == ["c0", "c1"]
    assert names_in(result_of(Fate.REORDERED)) == ["c2", "c1", "c0"]
    assert sum(open_result(result_of(Fate.OTHER_SHOTS)).counts(0).values()) == 41
    assert result_of(Fate.CUT).data == whole.data[: len(whole.data) // 2]


def test_circuits_that_cannot_be_read_make_a_failed_job_and_no_crash(client, payload):
    damaged = type(payload)(payload.format, b"nonsense")
    job_id = client.submit(damaged, SHOTS, "t")
    assert refusal(client.result, job_id).code == "job_failed"


# -- listings, credentials, outages ----------------------------------------------------------------


def test_a_listing_lags_but_what_is_asked_by_id_does_not(cloud, client, payload):
    cloud.faults = Faults(listing_lag_s=3600)
    job_id = client.submit(payload, SHOTS, "t")
    assert client.find("t") == []
    assert client.job(job_id).id == job_id
    cloud.faults = Faults()
    assert [job.id for job in client.find("t")] == [job_id]


def test_nobody_is_let_in_after_expiry_until_somebody_logs_in(cloud, client, payload):
    cloud.expire()
    assert refusal(client.submit, payload, SHOTS, "t").status_code == 401
    assert refusal(client.find, "t").status_code == 401
    client.log_in()
    client.submit(payload, SHOTS, "t")
    assert cloud.books().submissions_by_tag() == {"t": 1}


@pytest.mark.parametrize(
    ("outage", "error"),
    [
        (Outage.REFUSED, CloudUnreachableError),
        (Outage.RESET, ConnectionResetError),
        (Outage.UNAVAILABLE, CloudAnswerError),
    ],
)
def test_an_outage_ends_and_nothing_is_forgotten(cloud, client, payload, outage, error):
    job_id = client.submit(payload, SHOTS, "t")
    cloud.begin_outage(outage)
    for _ in range(2):
        with pytest.raises(error):
            client.job(job_id)
    cloud.end_outage()
    assert client.job(job_id).state == "done"


@pytest.mark.parametrize("outage", list(Outage))
def test_an_outage_can_be_told_to_end_by_itself(cloud, client, outage, wait_until):
    CloudControl(cloud.address).begin_outage(outage, 0.05)

    def is_back():
        try:
            return client.find("t") == []
        except (OSError, CloudAnswerError):
            return False

    wait_until(is_back)


def test_an_outage_breaks_connections_that_are_open(cloud):
    connection = http.client.HTTPConnection(cloud.address, timeout=5)
    connection.request("GET", "/jobs?tag=x")
    connection.getresponse().read()
    cloud.begin_outage(Outage.REFUSED)
    assert connection.sock.recv(1) == b""
    connection.close()


# -- control ---------------------------------------------------------------------------------------


def test_all_that_is_said_in_process_can_be_said_over_http(cloud, client, payload):
    control = CloudControl(cloud.address)
    odds = (Odds(Endpoint.FIND, 1.0, Trouble(Way.STATUS, status=502)),)
    faults = Faults(seed=3, odds=odds, fates={Fate.FAILS: 1.0}, reads_once=True)
    control.behave(faults)
    assert cloud.faults == faults
    control.script(Endpoint.SUBMIT, Trouble(Way.CLOSE), None)
    control.tell(Fate.RUNS)
    with pytest.raises(http.client.RemoteDisconnected):
        client.submit(payload, SHOTS, "t")
    ids = [client.submit(payload, SHOTS, "t") for _ in range(2)]
    assert [job.state for job in client.jobs(ids)] == ["done", "failed"]
    assert refusal(client.find, "t").status_code == 502
    assert control.books().entries == cloud.books().entries
    control.expire()
    assert refusal(client.find, "t").status_code == 401


@pytest.mark.parametrize(
    "said",
    [
        {"faults": {"latency": 1}},
        {"faults": []},
        {"faults": {"odds": [{"endpoint": "x", "rate": 1, "trouble": {"way": "reset"}}]}},
        {"script": {"submit": [{"way": "nonsense"}]}},
        {"script": {"submit": [{}]}},
        {"script": []},
        {"fates": ["unknown"]},
        {"outage": "refused"},
    ],
)
def test_control_that_makes_no_sense_is_refused_and_changes_nothing(cloud, said):
    before = cloud.faults
    connection = http.client.HTTPConnection(cloud.address, timeout=5)
    connection.request("POST", "/faults", json.dumps(said))
    answer = connection.getresponse()
    assert answer.status == 400
    assert json.loads(answer.read())["error"]["code"] == "bad_control"
    assert cloud.faults == before
    connection.close()


GOOD = {"payload": base64.b64encode(b"x").decode(), "format": "qpy-frames/1", "tag": "t"}


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("POST", "/jobs", b"not json", 400),
        ("POST", "/jobs", b"[]", 400),
        ("POST", "/jobs", json.dumps(GOOD | {"payload": "***"}).encode(), 400),
        ("POST", "/jobs", json.dumps(GOOD | {"format": "pickle"}).encode(), 400),
        ("POST", "/jobs", json.dumps(GOOD | {"tag": 7}).encode(), 400),
        ("POST", "/jobs", json.dumps(GOOD | {"options": []}).encode(), 400),
        ("POST", "/jobs", json.dumps(GOOD | {"key": 7}).encode(), 400),
        ("GET", "/jobs", b"", 400),
        ("GET", "/jobs?tag=t&after=x", b"", 400),
        ("GET", "/nothing", b"", 404),
        ("DELETE", "/jobs", b"", 404),
        ("DELETE", "/jobs/x/result", b"", 404),
    ],
)
def test_requests_that_make_no_sense_are_refused(cloud, method, target, body, status):
    connection = http.client.HTTPConnection(cloud.address, timeout=5)
    connection.request(method, target, body)
    assert connection.getresponse().status == status
    assert cloud.books().entries == ()
    connection.close()


@pytest.mark.parametrize(("length", "status"), [("-1", 400), ("x", 400), (str(1 << 40), 413)])
def test_a_length_that_makes_no_sense_is_refused(cloud, length, status):
    connection = http.client.HTTPConnection(cloud.address, timeout=5)
    connection.putrequest("POST", "/jobs")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()
