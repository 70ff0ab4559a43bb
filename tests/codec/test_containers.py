from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_job_manager.codec import containers
from qiskit_job_manager.codec.containers import (
    Container,
    PackedBlock,
    compress,
    decompress,
    pack,
    split,
)
from qiskit_job_manager.errors import CodecError


@settings(max_examples=50, deadline=None)
@given(st.binary(), st.lists(st.lists(st.binary(min_size=1), min_size=1), max_size=5))
def test_head_and_blocks_come_back(head, blocks):
    container = Container(pack(head, (PackedBlock(len(each), each) for each in blocks)))
    assert container.head == head
    assert container.n_items == sum(map(len, blocks))
    assert [container.block(i) for i in range(container.n_blocks)] == [
        (len(each), b"".join(each)) for each in blocks
    ]


def test_an_item_is_found_in_its_block():
    container = Container(pack(b"", [PackedBlock(2, [b"ab"]), PackedBlock(3, [b"cde"])]))
    places = [container.locate(item) for item in range(5)]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    with pytest.raises(CodecError, match="no item 5"):
        container.locate(5)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(1, 60))
def test_runs_cover_all_in_order_within_both_limits(weights, most, heaviest):
    runs = split(weights, most, heaviest)
    assert [index for run in runs for index in run] == list(range(len(weights)))
    for run in runs:
        assert 1 <= len(run) <= most
        assert len(run) == 1 or sum(weights[run.start : run.stop]) <= heaviest


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = b"\1" + containers.zstd.compress(bytes(100 << 20))
    with pytest.raises(CodecError, match="says it unpacks to"):
        decompress(bomb, 100 << 20)


def test_a_bomb_that_lies_about_its_size_is_stopped_at_it():
    bomb = b"\1" + containers.zstd.compress(bytes(100 << 20))
    with pytest.raises(CodecError):
        decompress(bomb, 1000)


def test_what_shrinks_more_than_may_be_believed_is_stored_as_it_is(monkeypatch):
    monkeypatch.setattr(containers, "_ALWAYS_BELIEVED_BYTES", 1000)
    text = bytes(1 << 20)
    frame = compress([text])
    assert frame[5:] == text
    assert decompress(frame, len(text)) == text
    damaged = frame[:1] + zlib.crc32(b"other").to_bytes(4, "little") + frame[5:]
    with pytest.raises(CodecError, match="checksum"):
        decompress(damaged, len(text))


@pytest.mark.parametrize("data", [b"", b"\xff" * 30, b"\x05\x03\x01ab", b"\x00\x01\x07"])
def test_what_is_no_container_is_refused(data):
    with pytest.raises(CodecError):
        Container(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_random_bytes_are_refused(data):
    with pytest.raises(CodecError):
        Container(data)
