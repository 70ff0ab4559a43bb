"""The ledger outlives its cloud, and counts what was accepted and handed out."""

from __future__ import annotations

import os
import signal

import pytest

from qiskit_job_manager.testing.cloud_service import (
    Books,
    CloudAnswerError,
    CloudClient,
    CloudProcess,
    CloudService,
    CloudUnreachableError,
    Deed,
    Entry,
    Faults,
)
from qiskit_job_manager.testing.cloud_service.__main__ import main


def test_a_ledger_survives_the_kill_of_its_cloud_and_is_continued(tmp_path, payload):
    path = tmp_path / "ledger.jsonl"
    with CloudProcess(path, Faults(reads_once=True)) as cloud:
        client = CloudClient(cloud.address)
        old = client.submit(payload, {"shots": 10}, "t1")
        assert client.result(old)
        cloud.kill()
        with pytest.raises(CloudUnreachableError):
            client.job(old)
    books = Books.read(path)
    assert books.submissions_by_tag() == {"t1": 1}
    [accepted] = books.of(Deed.ACCEPTED)
    assert (accepted.job_id, accepted.shots, len(accepted.payload_digest)) == (old, 10, 64)
    assert [entry.job_id for entry in books.of(Deed.HANDING_OUT)] == [old]

    with CloudService(ledger=path) as cloud:
        client = CloudClient(cloud.address)
        with pytest.raises(CloudAnswerError, match="no job"):
            client.job(old)  # the jobs died with the cloud
        assert client.submit(payload, {}, "t2") != old
        assert cloud.books().submissions_by_tag() == {"t1": 1, "t2": 1}
        assert cloud.books().submissions_by_payload() == {accepted.payload_digest: 2}
    assert Books.read(path).submissions_by_tag() == {"t1": 1, "t2": 1}


def test_an_unfinished_last_line_is_left_out_and_written_over(tmp_path, payload):
    path = tmp_path / "ledger.jsonl"
    with CloudService(ledger=path) as cloud:
        CloudClient(cloud.address).submit(payload, {}, "t1")
    path.write_bytes(path.read_bytes() + b'{"deed": "acc')
    assert Books.read(path).submissions_by_tag() == {"t1": 1}
    with CloudService(ledger=path) as cloud:
        CloudClient(cloud.address).submit(payload, {}, "t2")
    assert Books.read(path).submissions_by_tag() == {"t1": 1, "t2": 1}


def test_only_whole_results_count_as_read():
    def sent(complete):
        return Entry(deed=Deed.HANDED_OUT, job_id="j", at_s=0.0, bytes_sent=3, complete=complete)

    assert Books([sent(False)]).read_whole() == {}
    assert Books([sent(False), sent(True), sent(True)]).read_whole() == {"j": 2}


def test_the_program_ends_in_good_order_when_it_is_told_to(tmp_path):
    with CloudProcess(tmp_path / "ledger.jsonl") as cloud:
        os.kill(cloud.pid, signal.SIGTERM)
        assert cloud.wait() == 0


def test_a_cloud_that_cannot_start_says_so(tmp_path, capfd):
    with CloudService() as other:
        port = int(other.address.rpartition(":")[2])
        with pytest.raises(RuntimeError, match="ended with code 2"):
            CloudProcess(tmp_path / "ledger.jsonl", port=port)
    assert "in use" in capfd.readouterr().err


def test_the_program_refuses_faults_that_it_does_not_know(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--ledger", str(tmp_path / "ledger.jsonl"), "--faults", '{"lag": 1}'])
    assert "--faults" in capsys.readouterr().err
