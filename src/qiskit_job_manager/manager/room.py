"""How much of a hand-over may wait on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.model import EncodedBlock, JobSetRecord
    from qiskit_job_manager.ports import Store

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
