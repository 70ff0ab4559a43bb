"""Snapshots: what was seen of a process or a backend, as compressed JSON under its text's hash.

The text is JSON in one canonical form, so equal contents have equal hashes, whatever library wrote
or compressed them. Secrets in texts are redacted. What JSON has no form for is written as a text:
times as ISO 8601, numbers that are not finite as ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``,
other objects as their ``str``.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from numbers import Integral, Real
from typing import Any

from qiskit_job_manager.codec.containers import compress, decompress
from qiskit_job_manager.codec.varint import Reader, write_varint
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.model import Blob, Snapshot

FORMAT = "snapshot/1"
"""Format and version of the bytes."""

_LEVEL = 12  # 26 kB for 156 qubits in 5 ms; the next levels win little and cost much
_LARGEST_TEXT_BYTES = 16 << 20
_LARGEST_BYTES = 2 << 20
_MOST_VALUES = 1_000_000
_DEEPEST = 32
_LONGEST_TEXT = 10_000
_LARGEST_INT = 2**63
_TOO_LARGE = "a whole number of more than 64 bits"


def encode_snapshot(content: Mapping[str, Any]) -> Snapshot:
    """Encode what was seen.

    Args:
        content: Plain values; others become texts.

    Raises:
        CodecError: It is too large to be stored.
    """
    text = json.dumps(
        _Plain().value(content, 0),
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
    ).encode()
    data = bytearray()
    write_varint(data, len(text))
    data += compress([text], _LEVEL)
    if max(len(text) - _LARGEST_TEXT_BYTES, len(data) - _LARGEST_BYTES) > 0:
        msg = (
            f"it has {len(text):,} bytes of JSON, {len(data):,} compressed; at most "
            f"{_LARGEST_TEXT_BYTES:,} and {_LARGEST_BYTES:,} are stored"
        )
        raise CodecError(msg)
    return Snapshot(_hash(text), Blob(FORMAT, bytes(data)))


def read_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a snapshot holds, as plain JSON values.

    Raises:
        CodecError: It is damaged, or of a format that this version does not know.
    """
    what = f"the snapshot {snapshot.sha256.hex()[:12]}"
    if snapshot.blob.format != FORMAT:
        raise CodecError(f"{what} has the format {snapshot.blob.format!r}, not {FORMAT!r}")
    reader = Reader(snapshot.blob.data)
    size = reader.varint()
    if size > _LARGEST_TEXT_BYTES:
        raise CodecError(f"{what} says that it has {size:,} bytes, more than there ever are")
    text = decompress(reader.take(reader.left), size)
    if _hash(text) != snapshot.sha256:
        raise CodecError(f"{what} does not match its hash: it is damaged")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"{what} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise CodecError(f"{what} is no JSON object")
    return content


def _hash(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


class _Plain:
    """Turns one content into JSON values; each text is cleaned once."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES
        self._texts: dict[str, str] = {}

    def value(self, value: Any, depth: int) -> Any:
        """Return a value as JSON values.

        Raises:
            CodecError: There are too many.
        """
        self._left -= 1
        if self._left < 0:
            raise CodecError(f"it has more than {_MOST_VALUES:,} values")
        if depth > _DEEPEST:
            return "..."
        if isinstance(value, Mapping):
            return {self._text(key): self.value(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each, depth + 1) for each in value]
        return self._leaf(value)

    def _leaf(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Integral):  # NumPy's as well
            return int(value) if abs(int(value)) < _LARGEST_INT else _TOO_LARGE
        if isinstance(value, float | Real):
            return _number(float(value))
        if isinstance(value, datetime | date):
            return value.isoformat()
        return self._text(value)

    def _text(self, value: Any) -> str:
        text = value if isinstance(value, str) else _said(value)
        if text not in self._texts:
            self._texts[text] = clean(text[:_LONGEST_TEXT])
        return self._texts[text]


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _said(value: object) -> str:
    try:
        return str.__str__(str(value))
    except Exception as error:  # noqa: BLE001  # a broken __str__ must not lose the rest
        return f"a {type(value).__name__} whose str raised {type(error).__name__}"
