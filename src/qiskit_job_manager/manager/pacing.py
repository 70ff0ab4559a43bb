"""How fast a hand-over is stored: in what batches, and how much of it may wait on disk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.model import EncodedBlock, JobSetRecord
    from qiskit_job_manager.ports import Store

_SHARE_OF_TIME = 0.2
_LONGEST_WAIT_S = 2.0
_BLOCKS_AT_ONCE = 256
_BYTES_AT_ONCE = 4 << 20


def first_batch(blocks: Iterator[EncodedBlock]) -> list[EncodedBlock]:
    """Take the block that is stored at once, as only what is stored is sent."""
    return _batch(blocks, time.monotonic())


def batches(blocks: Iterator[EncodedBlock]) -> Iterator[list[EncodedBlock]]:
    """Yield the blocks in batches, each worth one transaction, as each waits for the disk.

    The first block is stored at once, and later ones, while there is something to send, after a
    time that grows with what has passed, to some seconds.
    """
    begun_s = time.monotonic()
    while True:
        now_s = time.monotonic()
        wait_s = min(_SHARE_OF_TIME * (now_s - begun_s), _LONGEST_WAIT_S)
        batch = _batch(blocks, now_s + wait_s)
        if not batch:
            return
        yield batch


def _batch(blocks: Iterator[EncodedBlock], until_s: float) -> list[EncodedBlock]:
    batch: list[EncodedBlock] = []
    size = 0
    for block in blocks:
        batch.append(block)
        size += sum(len(each.data) for each in block.experiments)
        if len(batch) == _BLOCKS_AT_ONCE or size >= _BYTES_AT_ONCE or time.monotonic() >= until_s:
            break
    return batch


_WAITING_BYTES = 1 << 30
_LOOK_EVERY_S = 0.25


class Room:
    """Holds up a hand-over while more than `_WAITING_BYTES` wait on disk to be sent.

    Without it, an endless generator would fill the disk before a slow backend took much.
    """

    def __init__(self, store: Store, engine: Engine, record: JobSetRecord) -> None:
        self._store = store
        self._engine = engine
        self._key = record.key
        self._bytes = 0
        self._jobs = 0

    def wait_for(self, batch: Sequence[EncodedBlock]) -> None:
        """Return when there is room for more than was stored with this batch.

        Raises:
            JobManagerError: The engine cannot send anything any more.
        """
        self._bytes += sum(len(each.payload.data) for each in batch)
        self._jobs += sum(len(each.block.jobs) for each in batch)
        while self._waiting_bytes() > _WAITING_BYTES:
            self._engine.raise_if_broken(self._key)
            self._engine.wait_until_done(self._key, _LOOK_EVERY_S)

    def _waiting_bytes(self) -> float:
        if self._bytes <= _WAITING_BYTES:
            return 0
        planned = self._store.totals(self._key).jobs.get(JobState.PLANNED, 0)
        return planned * self._bytes / self._jobs
