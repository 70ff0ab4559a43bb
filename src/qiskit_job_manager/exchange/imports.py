"""Imports a complete export into a store: all of it is checked before anything is stored.

Nothing that is imported can be paid for twice. A job set that has ended stays as it is. One that
had not ended is refused, because the original goes on elsewhere. If the user asks to import it as
ended, its unfinished jobs are cancelled here, and a cancelled job is never sent again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Protocol

from qiskit_job_manager.codec.containers import Container
from qiskit_job_manager.codec.formats import PAYLOAD_KINDS
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.codec.snapshots import read_snapshot
from qiskit_job_manager.errors import ArchiveError, CodecError
from qiskit_job_manager.exchange.archives import Archive
from qiskit_job_manager.exchange.circuit_check import check_circuits
from qiskit_job_manager.exchange.consistency import ConsistencyCheck
from qiskit_job_manager.exchange.documents import Document
from qiskit_job_manager.exchange.json_schema import (
    JobSetSize,
    read,
    read_job_set,
    wrong,
)
from qiskit_job_manager.model import Blob, EventRecord, JobSetHistory, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from qiskit_job_manager.exchange.json_schema import (
        Head,
        PayloadDescription,
        ResultDescription,
        SnapshotDescription,
    )
    from qiskit_job_manager.model import (
        ExperimentRecord,
        JobHistory,
        JobSetRecord,
        Observation,
        Snapshot,
        StoredResult,
    )
    from qiskit_job_manager.ports import Store

_NOT_ENDED = (
    "had not ended when it was exported; the original may have gone on elsewhere, so the job was "
    "cancelled here and is never sent from here"
)
_OTHER_FILES = {
    b"PAR1": "a Parquet file, which holds counts and no circuits",
    b"QISKIT": "a QPY file, which holds circuits and no results (qjm run runs it)",
    b"index,": "a CSV file, which holds counts and no circuits",
}


def import_file(
    store: Store, path: Path, at: datetime, *, name: str | None = None, as_ended: bool = False
) -> JobSetRecord:
    """Store the job set of an archive or a document, all of it or nothing.

    Args:
        store: Where the job set is stored.
        path: The file.
        at: The present time, for the job set's log.
        name: Name of the job set here; ``None`` keeps its own.
        as_ended: Whether to import one that had not ended, with its unfinished jobs cancelled.

    Raises:
        ArchiveError: The file is no complete export, is damaged, or its job set had not ended.
        NameInUseError: The name is in use.
        StoreError: The store has the job set already, or cannot be written.
    """
    try:
        with path.open("rb") as file:
            incoming = IncomingJobSet(
                _opened(file), at, f"taken in from {path.name}", name, as_ended=as_ended
            )
            incoming.check()
            return store.import_job_set(incoming.history())
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from error


def _opened(file: IO[bytes]) -> CompleteExport:
    start = file.read(64)
    file.seek(0)
    if start.startswith(b"PK"):
        return Archive(file)
    if start.lstrip().startswith(b"{"):
        return Document(file)
    what = next((what for mark, what in _OTHER_FILES.items() if start.startswith(mark)), None)
    raise ArchiveError(
        f"this is {what or 'another file'}; what can be imported is an archive (--format archive) "
        "or a JSON document (--format json) that was exported from a job set"
    )


class CompleteExport(Protocol):
    """An archive or a document that is being read; each method reads its part from the start.

    Every method raises `ArchiveError` where a value is not what it must be. `IncomingJobSet`
    checks whether the items fit together.
    """

    @property
    def head(self) -> Head:
        """The head."""

    def experiments(self) -> Iterator[ExperimentRecord]:
        """Yield each experiment."""

    def payloads(self) -> Iterator[tuple[PayloadDescription, bytes]]:
        """Yield the description of each payload, and its bytes, not yet checked."""

    def jobs(self) -> Iterator[JobHistory]:
        """Yield each job with its attempts."""

    def results(self) -> Iterator[tuple[ResultDescription, bytes]]:
        """Yield the description of each result, and its bytes, not yet checked."""

    def events(self) -> Iterator[EventRecord]:
        """Yield each event."""

    def snapshots(self) -> Iterator[tuple[SnapshotDescription, bytes]]:
        """Yield the description of each snapshot, and its bytes, not yet checked."""

    def observations(self) -> Iterator[Observation]:
        """Yield each observation."""


class IncomingJobSet:
    """A job set that is being imported.

    Args:
        export: The export.
        at: The present time.
        cause: Where the job set came from, for its log.
        name: Name of the job set here; ``None`` keeps its own.
        as_ended: Whether unfinished jobs are cancelled.

    Raises:
        ArchiveError: The head is wrong, or the job set had not ended.
    """

    def __init__(
        self, export: CompleteExport, at: datetime, cause: str, name: str | None, *, as_ended: bool
    ) -> None:
        head = export.head
        draft = read_job_set(head.job_set)
        if not head.ended and not as_ended:
            raise ArchiveError(
                f"job set {draft.name!r} had not ended when it was exported. The original "
                "goes on elsewhere, and to go on here as well would pay twice: export it again "
                "when it has ended, or import it as ended (--as-ended), which cancels its "
                "unfinished jobs here"
            )
        self._export = export
        self._at = at
        self._cause = cause if head.ended else f"{cause}, as ended"
        self._draft = replace(draft, name=name or draft.name)
        self._size = read(JobSetSize, head.job_set, "the job set")
        self._as_ended = as_ended

    def check(self) -> None:
        """Read everything once: shapes, sums, how parts fit together, circuits and results.

        Raises:
            ArchiveError: Something is wrong.
        """
        check_circuits(self.history().payloads)
        history = self.history(thorough=True)
        for part in (
            *(history.experiments, history.payloads, history.jobs),
            *(history.results, history.events, history.snapshots, history.observations),
        ):
            deque(part, maxlen=0)

    def history(self, *, thorough: bool = False) -> JobSetHistory:
        """Return the job set; its parts are checked as they are read, in their order.

        Args:
            thorough: Whether results are decoded as well.
        """
        check = ConsistencyCheck(self._size)
        return JobSetHistory(
            draft=self._draft,
            n_experiments=self._size.n_experiments,
            n_jobs=self._size.n_jobs,
            experiments=self._experiments(check),
            payloads=self._payloads(check),
            jobs=self._jobs(check),
            results=self._results(check, thorough=thorough),
            events=self._events(check),
            snapshots=self._snapshots(check, thorough=thorough),
            observations=self._observations(check),
        )

    def _experiments(self, check: ConsistencyCheck) -> Iterator[ExperimentRecord]:
        for experiment in self._export.experiments():
            check.experiment(experiment)
            yield experiment
        check.end_of_experiments()

    def _payloads(self, check: ConsistencyCheck) -> Iterator[tuple[int, Blob]]:
        for payload, data in self._export.payloads():
            what = f"the payload of experiment {payload.start}"
            blob = payload.blob(data, what)
            if blob.format not in PAYLOAD_KINDS:
                raise wrong(what, "format", blob.format, "one of " + ", ".join(PAYLOAD_KINDS))
            check.payload(payload, _number_of_items(blob, what))
            yield payload.start, blob
        check.end_of_payloads()

    def _jobs(self, check: ConsistencyCheck) -> Iterator[JobHistory]:
        for history in self._export.jobs():
            check.job(history)
            yield self._ended(history)
        check.end_of_jobs()

    def _ended(self, history: JobHistory) -> JobHistory:
        job = history.job
        if job.state.is_final:
            return history
        if not self._as_ended:
            msg = f"job {job.index} is {job.state}, though the job set is said to have ended"
            raise ArchiveError(msg)
        error = f"was {job.state}, and {_NOT_ENDED}"
        return replace(history, job=replace(job, state=JobState.CANCELLED, error=error))

    def _results(self, check: ConsistencyCheck, *, thorough: bool) -> Iterator[StoredResult]:
        latest: StoredResult | None = None
        for description, data in self._export.results():
            result = description.result(data)
            check.result(result)
            if thorough and latest is not None and latest.job_index != result.job_index:
                _check_latest(latest, check)
            latest = result
            yield result
        if thorough and latest is not None:
            _check_latest(latest, check)
        check.end_of_results()

    def _events(self, check: ConsistencyCheck) -> Iterator[EventRecord]:
        for number, event in enumerate(self._export.events()):
            check.event(event, number)
            yield event
        yield EventRecord(self._at, None, None, "imported", None, None, self._cause)

    def _snapshots(self, check: ConsistencyCheck, *, thorough: bool) -> Iterator[Snapshot]:
        for description, data in self._export.snapshots():
            snapshot = description.snapshot(data)
            check.snapshot(snapshot)
            if thorough:
                _check_snapshot(snapshot)
            yield snapshot

    def _observations(self, check: ConsistencyCheck) -> Iterator[Observation]:
        for number, seen in enumerate(self._export.observations()):
            check.observation(seen, number)
            yield seen


def _check_snapshot(snapshot: Snapshot) -> None:
    try:
        read_snapshot(snapshot)
    except CodecError as error:
        raise ArchiveError(str(error)) from error


def _check_latest(result: StoredResult, check: ConsistencyCheck) -> None:
    """Check that the latest result of a job that is done can be decoded."""
    if not check.is_done(result.job_index):
        return
    try:
        open_result(result.blob).each("success")
    except CodecError as error:
        msg = f"the result of job {result.job_index} cannot be read: {error}"
        raise ArchiveError(msg) from error


def _number_of_items(blob: Blob, what: str) -> int:
    try:
        return Container(blob.data).n_items
    except CodecError as error:
        raise ArchiveError(f"{what} cannot be read: {error}") from error
