"""Messages between this process and its helper, on a pipe.

    two lengths of 4 and 8 bytes, JSON, bytes

Nothing that is read is executed; what does not make sense raises `ValueError`.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

_LENGTHS = struct.Struct("!IQ")


def write_frame(pipe: IO[bytes], head: Mapping[str, Any], data: bytes = b"") -> None:
    """Write one message, and see it off."""
    text = json.dumps(head).encode()
    pipe.write(_LENGTHS.pack(len(text), len(data)) + text)
    pipe.write(data)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Read one message, or ``None`` at the end of the pipe.

    Raises:
        ValueError: It was cut short, or is no message.
    """
    start = pipe.read(_LENGTHS.size)
    if not start:
        return None
    try:
        n_text, n_data = _LENGTHS.unpack(start)
    except struct.error as error:
        raise ValueError("a message was cut short") from error
    text, data = pipe.read(n_text), pipe.read(n_data)
    if len(data) != n_data:
        raise ValueError("a message was cut short")
    return dict(json.loads(text)), data
