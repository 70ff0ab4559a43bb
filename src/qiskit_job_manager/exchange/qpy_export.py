"""QPY: the circuits alone, for Qiskit, streamed; it cannot be imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import frames_in, load_circuit
from qiskit_job_manager.codec.payload_formats import PAYLOAD_KINDS
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store


def write_qpy(store: Store, record: JobSetRecord, file: IO[bytes]) -> None:
    """Write the circuits as one QPY file.

    Raises:
        InvalidArgumentError: The experiments are PUBs, which QPY does not hold.
        CodecError: A stored circuit cannot be read.
    """
    from qiskit import qpy

    qpy.dump(_Circuits(store, record), file)


class _Circuits(Sequence[Any]):
    """The circuits of a job set, each read when it is asked for; those of one job are cached."""

    def __init__(self, store: Store, record: JobSetRecord) -> None:
        self._store = store
        self._record = record
        self._start = 0
        self._frames: list[bytes] = []

    def __len__(self) -> int:
        return self._record.n_experiments

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        if not self._start <= index < self._start + len(self._frames):
            self._read(index)
        return load_circuit(self._frames[index - self._start], index)

    def _read(self, index: int) -> None:
        job = self._store.jobs_covering(self._record.key, index)[0]
        payload = self._store.payload(job.key)
        if PAYLOAD_KINDS.get(payload.format) is not ExperimentKind.CIRCUIT:
            msg = (
                f"the experiments of job set {self._record.name!r} are PUBs, and QPY holds "
                "circuits only; --format archive holds everything"
            )
            raise InvalidArgumentError(msg)
        self._start, self._frames = job.start, frames_in(payload)
