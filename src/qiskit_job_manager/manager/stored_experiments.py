"""The experiments of a job set as they are stored, compared with those that are handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import frames_in
from qiskit_job_manager.codec.differences import difference
from qiskit_job_manager.codec.experiments import metadata_differs, part_of, read_experiments
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from qiskit_job_manager.model import (
        Blob,
        ExperimentKind,
        JobRecord,
        JobSetRecord,
    )
    from qiskit_job_manager.ports import Store


class StoredExperiments:
    """Reads experiments of one job set in order, the payload of each job once.

    Args:
        store: Where they are.
        record: The job set.
        kind: What they are handed over as.
    """

    def __init__(self, store: Store, record: JobSetRecord, kind: ExperimentKind) -> None:
        self._store = store
        self._record = record
        self._kind = kind
        self._job: JobRecord | None = None
        self._payload: Blob | None = None
        self._frames: list[bytes] = []

    def difference(self, index: int, given: Any) -> str | None:
        """Return what differs between the stored experiment and one that was handed over.

        Returns:
            A sentence without a full stop; or ``None`` if they are the same.
        """
        try:
            stored = self.read(index)
        except CodecError as error:
            return f"what is stored cannot be compared: {error}"
        return difference(stored, given, self._kind)

    def read(self, index: int) -> Any:
        """Return an experiment as it is sent: a circuit or a PUB.

        Raises:
            CodecError: It cannot be read.
        """
        payload, offset = self._found(index)
        [stored] = read_experiments(part_of(payload, [offset]))
        if isinstance(stored, CodecError):
            raise stored
        return stored

    def metadata_differs(self, index: int, given: Any) -> bool:
        """Tell whether the stored experiment is known to have other metadata than one given."""
        _, offset = self._found(index)
        return metadata_differs(self._frames[offset], given, self._kind)

    def encoded(self, index: int) -> bytes:
        """Return an experiment as it is stored, and was sent."""
        _, offset = self._found(index)
        return self._frames[offset]

    def _found(self, index: int) -> tuple[Blob, int]:
        """Return the payload that holds an experiment, and its place there."""
        job, payload = self._job, self._payload
        if job is None or payload is None or not job.start <= index < job.stop:
            job, payload = self._read(index)
        return payload, index - job.start

    def _read(self, index: int) -> tuple[JobRecord, Blob]:
        """Read the job of an experiment, and its payload, whole before or after a division."""
        while True:
            job = self._store.jobs_covering(self._record.key, index)[0]
            payload = self._store.payload(job.key)
            if self._store.jobs_covering(self._record.key, index)[0].stop == job.stop:
                break  # else its driver has divided it meanwhile
        self._job, self._payload, self._frames = job, payload, frames_in(payload)
        return job, payload
