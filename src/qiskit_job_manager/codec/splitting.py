"""Divides the payload of a job, without understanding what is in it."""

from __future__ import annotations

from qiskit_job_manager.codec.circuits import frames_in, pack_frames
from qiskit_job_manager.model import Blob


def split_payload(payload: Blob, count: int) -> tuple[Blob, Blob]:
    """Return the first experiments of a payload, and the others.

    Args:
        payload: As `pack` made it.
        count: How many are in the first part.

    Raises:
        CodecError: The bytes are damaged, or of another format.
    """
    frames = frames_in(payload)
    return (
        Blob(payload.format, pack_frames(frames[:count])),
        Blob(payload.format, pack_frames(frames[count:])),
    )
