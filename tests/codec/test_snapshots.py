"""Snapshots: canonical, small, bounded, without secrets, and nothing in them is executed."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import numpy as np
import pytest

from qiskit_job_manager.codec.containers import compress
from qiskit_job_manager.codec.snapshots import FORMAT, encode_snapshot, read_snapshot
from qiskit_job_manager.codec.varint import write_varint
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.foreign_text import know_secret
from qiskit_job_manager.model import Blob, Snapshot


class _Broken:
    def __str__(self):
        raise RuntimeError("no")


def test_plain_values_come_back_and_others_become_texts():
    at = datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=-5)))
    content = {
        "at": at,
        "nan": math.nan,
        "inf": [math.inf, -math.inf],
        "numpy": [np.float64(0.5), np.float32(0.25), np.int64(3)],
        "half": Fraction(1, 2),
        "large": 10**30,
        "tuple": (1, None, True),
        "broken": _Broken(),
        5: "a key that is no text",
        "surrogate": "\ud800",
    }
    read = read_snapshot(encode_snapshot(content))
    assert read == {
        "at": "2026-03-29T01:30:00-05:00",
        "nan": "NaN",
        "inf": ["Infinity", "-Infinity"],
        "numpy": [0.5, 0.25, 3],
        "half": 0.5,
        "large": "a whole number of more than 64 bits",
        "tuple": [1, None, True],
        "broken": "a _Broken whose str raised RuntimeError",
        "5": "a key that is no text",
        "surrogate": "\\ud800",
    }
    json.dumps(read, allow_nan=False)


def test_equal_contents_have_one_hash_whatever_their_order():
    one = encode_snapshot({"a": 1, "b": {"c": 2.0, "d": [1]}})
    other = encode_snapshot({"b": {"d": [1], "c": 2.0}, "a": 1})
    assert one == other
    assert encode_snapshot({"a": 2, "b": {"c": 2.0, "d": [1]}}).sha256 != one.sha256


def test_secrets_are_redacted():
    know_secret("k9Qz77secret-of-mine")
    content = {
        "url": "https://x.org/?access_token=abcdef123456",
        "k9Qz77secret-of-mine": ["k9Qz77secret-of-mine"],
    }
    text = json.dumps(read_snapshot(encode_snapshot(content)))
    assert "secret-of-mine" not in text
    assert "abcdef123456" not in text


def test_what_contains_itself_has_an_end():
    loop = {}
    loop["again"] = loop
    deep = read_snapshot(encode_snapshot(loop))
    for _ in range(32):
        deep = deep["again"]
    assert deep == {"again": "..."}


def test_what_branches_into_itself_is_refused_at_once():
    loop = {}
    loop["a"] = loop["b"] = loop
    with pytest.raises(CodecError, match="more than 1,000,000 values"):
        encode_snapshot(loop)


def test_what_is_too_large_is_refused():
    random = np.random.default_rng(1).random(400_000)
    with pytest.raises(CodecError, match="bytes of JSON"):
        encode_snapshot({"values": random.tolist()})


def test_a_bomb_is_never_unpacked():
    data = bytearray()
    write_varint(data, 1 << 40)
    data += compress([b"x"])
    with pytest.raises(CodecError, match="more than there ever are"):
        read_snapshot(Snapshot(b"x" * 32, Blob(FORMAT, bytes(data))))


@pytest.mark.parametrize(
    ("text", "what"),
    [(b"[1]", "no JSON object"), (b"{", "no JSON"), (b"[" * 100_000, "no JSON")],
)
def test_what_is_no_object_is_refused(text, what):
    import hashlib

    data = bytearray()
    write_varint(data, len(text))
    data += compress([text])
    with pytest.raises(CodecError, match=what):
        read_snapshot(Snapshot(hashlib.sha256(text).digest(), Blob(FORMAT, bytes(data))))


def test_damage_and_other_formats_are_noticed():
    whole = encode_snapshot({"a": list(range(100)), "at": datetime(2026, 1, 1, tzinfo=UTC)})
    for place in range(len(whole.blob.data)):
        damaged = bytearray(whole.blob.data)
        damaged[place] ^= 1
        with pytest.raises(CodecError):
            read_snapshot(Snapshot(whole.sha256, Blob(FORMAT, bytes(damaged))))
    with pytest.raises(CodecError, match="does not match its hash"):
        read_snapshot(Snapshot(b"0" * 32, whole.blob))
    with pytest.raises(CodecError, match="format 'pickle/1'"):
        read_snapshot(Snapshot(whole.sha256, Blob("pickle/1", whole.blob.data)))
