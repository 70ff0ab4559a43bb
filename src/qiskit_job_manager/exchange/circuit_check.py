"""Decodes circuits from outside in child processes, as a hostile one can abort the process."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.codec.sandbox import run_limited
from qiskit_job_manager.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.model import Blob

# One child decodes so many: enough that starting it (a second) is a small part of its time, few
# enough that it stays far below its limit of 30 seconds.
_EXPERIMENTS_AT_ONCE = 4000
_BYTES_AT_ONCE = 16 << 20


def check_circuits(payloads: Iterable[tuple[int, Blob]]) -> None:
    """Check that all experiments can be decoded.

    Args:
        payloads: The encoded experiments, each payload under the index of its first.

    Raises:
        ArchiveError: One cannot be decoded.
    """
    with tempfile.TemporaryDirectory(prefix="qiskit-job-manager-") as folder:
        for batch in _batches(payloads):
            file = Path(folder) / "payloads"
            _write(file, batch)
            reason = run_limited("qiskit_job_manager.exchange.circuit_check_child", file)
            if reason is not None:
                first = batch[0][0]
                raise ArchiveError(f"the circuits from experiment {first} on: {reason}")


def _batches(payloads: Iterable[tuple[int, Blob]]) -> Iterator[list[tuple[int, Blob]]]:
    batch: list[tuple[int, Blob]] = []
    size = 0
    for start, blob in payloads:
        full = batch and (
            size + len(blob.data) > _BYTES_AT_ONCE or start - batch[0][0] >= _EXPERIMENTS_AT_ONCE
        )
        if full:
            yield batch
            batch, size = [], 0
        batch.append((start, blob))
        size += len(blob.data)
    if batch:
        yield batch


def _write(file: Path, payloads: Iterable[tuple[int, Blob]]) -> None:
    with file.open("wb") as target:
        for _, blob in payloads:
            description = {"format": blob.format, "bytes": len(blob.data)}
            target.write(json.dumps(description).encode() + b"\n" + blob.data)
