"""What stands in the spool between a backend and the store, file by file."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from qiskit_job_manager.engine import Spool
from qiskit_job_manager.errors import (
    CodecError,
    CredentialsError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import RawResult

RESULT = RawResult("some/1", b"precious\nbytes")


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def keep(spool, tag="tag-1", result=RESULT):
    with spool.reserved(tag) as part:
        spool.keep(tag, part, result)


def names(spool):
    return sorted(path.name for path in spool.folder.iterdir())


def test_a_result_is_a_line_of_json_and_its_bytes(spool):
    keep(spool)
    head, _, data = (spool.folder / "tag-1.result").read_bytes().partition(b"\n")
    assert data == RESULT.data
    digest = hashlib.sha256(RESULT.data).hexdigest()
    assert json.loads(head) == {"format": "some/1", "bytes": len(RESULT.data), "sha256": digest}
    assert names(spool) == ["tag-1.result"]


def test_a_result_stays_until_it_is_forgotten(spool):
    assert spool.take("tag-1") is None
    keep(spool)
    keep(spool, "tag-2")
    assert [spool.take("tag-1") for _ in range(2)] == [RESULT, RESULT]
    spool.forget("tag-1")
    spool.forget("tag-1")
    assert spool.take("tag-1") is None
    assert names(spool) == ["tag-2.result"]


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_results_of_any_size_come_back(spool, size):
    result = RawResult("some/1", b"\n" * size)
    keep(spool, result=result)
    assert spool.take("tag-1") == result


def test_a_fetch_that_was_begun_is_known(spool):
    assert not spool.was_begun("tag-1")
    with spool.reserved("tag-1"):
        assert spool.was_begun("tag-1")
        assert not spool.was_begun("tag-2")
    assert spool.was_begun("tag-1")
    keep(spool)
    assert not spool.was_begun("tag-1")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CredentialsError("log in"), CredentialsError),
        (RemoteJobFailedError("warm"), RemoteJobFailedError),
        (ResultGoneError("deleted"), ResultGoneError),
        (TransientBackendError("ü\n"), TransientBackendError),
        (SubmissionRefusedError("odd"), TransientBackendError),
    ],
)
def test_an_error_is_raised_once_as_what_it_was(spool, error, kind):
    spool.keep_error("tag-1", error)
    with pytest.raises(kind) as caught:
        spool.take("tag-1")
    assert type(caught.value) is kind
    assert str(caught.value) == str(error)
    assert spool.take("tag-1") is None


def test_an_error_of_a_kind_that_is_not_known_may_pass(spool):
    spool.keep_error("tag-1", ResultGoneError("deleted"))
    path = spool.folder / "tag-1.error"
    path.write_text(json.dumps({"kind": "NewerError", "message": "words"}))
    with pytest.raises(TransientBackendError, match=r"^words$"):
        spool.take("tag-1")


def test_a_shorter_error_leaves_nothing_of_a_longer_one(spool):
    spool.keep_error("tag-1", TransientBackendError("a long story"))
    spool.keep_error("tag-1", ResultGoneError("no"))
    with pytest.raises(ResultGoneError, match=r"^no$"):
        spool.take("tag-1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda whole: whole[:-1], "does not match its checksum"),
        (lambda whole: whole + b"x", "does not match its checksum"),
        (lambda whole: whole[:-1] + b"x", "does not match its checksum"),
        (lambda whole: b"no json\n", "is damaged"),
        (lambda whole: b"{}\n", "is damaged"),
        (lambda whole: b"[]\n", "is damaged"),
    ],
)
def test_a_damaged_result_is_named_and_kept(spool, change, words):
    keep(spool)
    path = spool.folder / "tag-1.result"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CodecError) as caught:
        spool.take("tag-1")
    assert caught.value.message == f"the spooled result {path} {words}; it is kept as it is"
    assert path.exists()


def test_one_at_a_time_serves_a_tag_and_others_can_wait_for_it(spool):
    with spool.serving("tag-1") as ours:
        assert ours
        with spool.serving("tag-1") as second, spool.serving("tag-2") as other:
            assert (second, other) == (False, True)
        waiter = threading.Thread(target=spool.wait_until_served, args=("tag-1",))
        waiter.start()
        assert waiter.is_alive()
        spool.wait_until_served("tag-2")
    waiter.join(60)
    assert not waiter.is_alive()
    with spool.serving("tag-1") as ours:
        assert ours


def test_what_stands_under_an_older_name_of_the_store_is_found(tmp_path, spool):
    both = Spool(tmp_path / "newer", spool.folder)
    assert both.take("tag-1") is None
    keep(spool)
    assert both.take("tag-1") == RESULT
    both.forget("tag-1")
    assert names(spool) == []
    spool.keep_error("tag-1", ResultGoneError("deleted"))
    with pytest.raises(ResultGoneError):
        both.take("tag-1")
    keep(both)
    assert names(both) == ["tag-1.result"]


def test_the_files_are_readable_by_their_owner_only(spool):
    keep(spool)
    spool.keep_error("tag-2", ResultGoneError("deleted"))
    assert {path.stat().st_mode & 0o777 for path in spool.folder.iterdir()} == {0o600}
    assert spool.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("tag", ["../x", "a/b", "", "x" * 201, "tag-1\n"])
def test_a_tag_that_is_no_file_name_is_named(spool, tag):
    with pytest.raises(CodecError) as caught:
        spool.forget(tag)
    assert caught.value.message == f"{tag!r} is not the tag of an attempt"


def test_where_there_is_no_room_the_folder_is_named(spool, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(TransientBackendError) as caught, spool.reserved("tag-1"):
        pytest.fail("there is room")
    assert caught.value.message == (
        f"there is no room for a result in {spool.folder}, it is not fetched: "
        "[Errno 28] No space left on device"
    )
