from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.codec.varint import (
    Reader,
    write_bytes,
    write_text,
    write_varint,
    write_zigzag,
)
from qiskit_job_manager.errors import CodecError


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_figures_come_back(numbers):
    out = bytearray()
    for number in numbers:
        write_varint(out, number)
    reader = Reader(bytes(out))
    assert [reader.varint() for _ in numbers] == numbers
    reader.finish()


@given(st.integers(-(2**63), 2**63 - 1))
def test_figures_of_either_sign_come_back(number):
    out = bytearray()
    write_zigzag(out, number)
    assert Reader(bytes(out)).zigzag() == number


@given(st.text(st.characters()))
def test_texts_come_back(text):
    out = bytearray()
    write_text(out, text)
    assert Reader(bytes(out)).text() == text


def test_a_lone_surrogate_comes_back():
    out = bytearray()
    write_text(out, "a\ud800b")
    assert Reader(bytes(out)).text() == "a\ud800b"


def test_a_part_ends_where_it_ends():
    out = bytearray()
    write_bytes(out, b"ab")
    out += b"rest"
    part = Reader(bytes(out)).part()
    assert part.take(2) == b"ab"
    with pytest.raises(CodecError, match="too early"):
        part.byte()


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80" * 11 + b"\x01"])
def test_a_figure_without_end_is_refused(data):
    with pytest.raises(CodecError):
        Reader(data).varint()


def test_a_text_that_claims_more_than_there_is_is_refused():
    with pytest.raises(CodecError, match="too early"):
        Reader(b"\xff\xff\xff\xff\x0fab").text()


def test_a_text_that_is_no_utf8_is_refused():
    with pytest.raises(CodecError, match="UTF-8"):
        Reader(b"\x01\xff").text()


def test_left_overs_are_refused():
    with pytest.raises(CodecError, match="left over"):
        Reader(b"a").finish()
