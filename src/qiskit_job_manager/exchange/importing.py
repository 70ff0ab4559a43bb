"""Takes a complete export into a store: checked as a whole before anything is stored.

Nothing that is taken in can be paid for twice. A job set that has ended stays as it is. One that
had not ended is refused, as what it came from goes on with it; taken in as ended on the user's
word, its unfinished jobs are cancelled here, and a cancelled job is never sent again.
"""

from __future__ import annotations

import json
import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.codec.circuits import CIRCUITS_FORMAT
from qiskit_job_manager.codec.containers import Container
from qiskit_job_manager.codec.pubs import ESTIMATOR_PUBS_FORMAT, SAMPLER_PUBS_FORMAT
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.codec.sandbox import run_limited
from qiskit_job_manager.errors import ArchiveError, CodecError
from qiskit_job_manager.exchange import forms
from qiskit_job_manager.exchange.archives import Archive
from qiskit_job_manager.exchange.documents import Document
from qiskit_job_manager.exchange.fields import Fields
from qiskit_job_manager.exchange.fitting import Blocks, Expected
from qiskit_job_manager.exchange.parts import VERSION, checked_blob
from qiskit_job_manager.model import (
    Blob,
    EventRecord,
    ExperimentRecord,
    JobHistory,
    JobSetDraft,
    JobSetHistory,
    JobState,
    StoredResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import IO

    from qiskit_job_manager.exchange.parts import Parts
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store

_PAYLOAD_FORMATS = (CIRCUITS_FORMAT, SAMPLER_PUBS_FORMAT, ESTIMATOR_PUBS_FORMAT)
# What one child decodes: some of its thirty seconds, more than the one that it takes to start.
_EXPERIMENTS_AT_ONCE = 4000
_BYTES_AT_ONCE = 16 << 20
_NOT_ENDED = (
    "had not ended when it was exported; whoever has the original may have gone on with it, so it "
    "was cancelled here and is never sent from here"
)


def take_in(
    store: Store, path: Path, at: datetime, *, name: str | None = None, as_ended: bool = False
) -> JobSetRecord:
    """Store the job set of an archive or a document, all of it or nothing.

    Args:
        store: Where to.
        path: The file.
        at: The present time, for the story.
        name: Name to give it; ``None`` keeps its own.
        as_ended: Whether to take in one that had not ended, with what is unfinished cancelled.

    Raises:
        ArchiveError: It is no complete export, is damaged, or had not ended.
        NameInUseError: The name is in use.
        StoreError: The store has the job set already, or cannot be written.
    """
    try:
        with path.open("rb") as file:
            return store.import_job_set(_checked(_opened(path, file), path, at, name, as_ended))
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from error


def _opened(path: Path, file: IO[bytes]) -> Parts:
    start = file.read(64)
    file.seek(0)
    if start.startswith(b"PK"):
        return Archive(path, file)
    if start.lstrip().startswith(b"{"):
        return Document(path, file)
    what = next((what for mark, what in _OTHERS.items() if start.startswith(mark)), "another file")
    raise ArchiveError(
        f"{path} is {what}; what can be taken in is an archive (--format archive) or a JSON "
        "document (--format json) that was exported from a job set"
    )


_OTHERS = {
    b"PAR1": "a Parquet file, which holds counts and no circuits",
    b"QISKIT": "a QPY file, which holds circuits and no results (qjm run runs it)",
    b"index,": "a CSV file, which holds counts and no circuits",
}


def _checked(
    parts: Parts, path: Path, at: datetime, name: str | None, as_ended: bool
) -> JobSetHistory:
    """Read everything once and check it; return what reads and checks it again, to be stored."""
    incoming = Incoming(parts, at, f"taken in from {path.name}", name, as_ended=as_ended)
    _decode_elsewhere(path, incoming.history().payloads)
    history = incoming.history(thorough=True)
    for part in (
        *(history.experiments, history.payloads, history.jobs, history.results, history.events),
    ):
        deque(part, maxlen=0)
    return incoming.history()


class Incoming:
    """A job set on its way in.

    Args:
        parts: The export.
        at: The present time.
        cause: Where it came from, for the story.
        name: Name to give it; ``None`` keeps its own.
        as_ended: Whether what is unfinished is cancelled.

    Raises:
        ArchiveError: The head is wrong, or it had not ended.
    """

    def __init__(
        self, parts: Parts, at: datetime, cause: str, name: str | None, *, as_ended: bool
    ) -> None:
        head = parts.head
        if head.whole("version", 1) != VERSION:
            raise head.wrong("version", f"{VERSION}: this program is too old, or the file damaged")
        self._draft, self._n_experiments, self._n_jobs = forms.read_set(head.plain("job_set"))
        if not head.truth("ended") and not as_ended:
            raise ArchiveError(_refusal(self._draft))
        self._parts = parts
        self._at = at
        self._cause = cause if head.truth("ended") else f"{cause}, as ended"
        self._name = name or self._draft.name
        self._as_ended = as_ended

    def history(self, *, thorough: bool = False) -> JobSetHistory:
        """Return the job set; its parts are checked as they are read, in their order.

        Args:
            thorough: Whether results are opened as well.
        """
        blocks, expected = Blocks(self._n_experiments), Expected()
        return JobSetHistory(
            draft=replace(self._draft, name=self._name),
            n_experiments=self._n_experiments,
            n_jobs=self._n_jobs,
            experiments=self._experiments(),
            payloads=self._payloads(blocks),
            jobs=self._jobs(blocks, expected),
            results=self._results(expected, thorough=thorough),
            events=self._events(),
        )

    def _experiments(self) -> Iterator[ExperimentRecord]:
        index = -1
        for index, form in enumerate(self._parts.experiments()):
            yield forms.read_experiment(form, index)
        _must_be(index + 1, self._n_experiments, "experiments")

    def _payloads(self, blocks: Blocks) -> Iterator[tuple[int, Blob]]:
        for fields, data in self._parts.payloads():
            start = fields.whole("start")
            what = f"the payload of experiment {start}"
            stop = fields.whole("stop", start + 1)
            blocks.add(start, stop)
            blob = checked_blob(fields, data, what)
            if blob.format not in _PAYLOAD_FORMATS:
                raise fields.wrong("format", "one of " + ", ".join(_PAYLOAD_FORMATS))
            _must_hold(blob, stop - start, what)
            yield start, blob
        blocks.must_be_whole()

    def _jobs(self, blocks: Blocks, expected: Expected) -> Iterator[JobHistory]:
        index = -1
        for index, form in enumerate(self._parts.jobs()):
            has_result = Fields(form, f"job {index}").truth("has_result")
            history = forms.read_job(form, index, has_result=has_result)
            blocks.see(history.job)
            expected.job(history)
            yield self._ended(history)
        _must_be(index + 1, self._n_jobs, "jobs")
        blocks.must_be_covered()

    def _ended(self, history: JobHistory) -> JobHistory:
        job = history.job
        if job.state.is_final:
            return history
        if not self._as_ended:
            raise ArchiveError(f"job {job.index} is {job.state}, though all is said to have ended")
        error = f"was {job.state}, and {_NOT_ENDED}"
        return replace(history, job=replace(job, state=JobState.CANCELLED, error=error))

    def _results(self, expected: Expected, *, thorough: bool) -> Iterator[StoredResult]:
        last: StoredResult | None = None
        for fields, data in self._parts.results():
            result = _result(fields, data)
            expected.result(result)
            if last is not None and result.job_index < last.job_index:
                raise fields.wrong("job", f"at least {last.job_index}: they stand in order")
            if last is not None and result.job_index > last.job_index:
                _check_last(last, expected, thorough=thorough)
            last = result
            yield result
        if last is not None:
            _check_last(last, expected, thorough=thorough)
        expected.must_be_seen()

    def _events(self) -> Iterator[EventRecord]:
        for number, form in enumerate(self._parts.events()):
            event = forms.read_event(form, number)
            if event.job_index is not None and event.job_index >= self._n_jobs:
                raise ArchiveError(
                    f"event {number} is of job {event.job_index}, which is not there"
                )
            yield event
        yield EventRecord(self._at, None, None, "imported", None, None, self._cause)


def _result(fields: Fields, data: bytes) -> StoredResult:
    job = fields.whole("job")
    blob = checked_blob(fields, data, f"the result of job {job}")
    return StoredResult(job, fields.whole("attempt", 1), fields.time("stored_at"), blob)


def _check_last(result: StoredResult, expected: Expected, *, thorough: bool) -> None:
    """See that the latest result of a job that is done can be read."""
    if not thorough or not expected.must_be_readable(result.job_index):
        return
    try:
        open_result(result.blob).each("success")
    except CodecError as error:
        msg = f"the result of job {result.job_index} cannot be read: {error}"
        raise ArchiveError(msg) from error


def _must_hold(blob: Blob, n_experiments: int, what: str) -> None:
    try:
        n_items = Container(blob.data).n_items
    except CodecError as error:
        raise ArchiveError(f"{what} cannot be read: {error}") from error
    _must_be(n_items, n_experiments, f"experiments in {what}")


def _must_be(found: int, said: int, what: str) -> None:
    if found != said:
        raise ArchiveError(f"there are {found} {what}, where {said} should be")


def _refusal(draft: JobSetDraft) -> str:
    return (
        f"job set {draft.name!r} had not ended when it was exported. Whoever has the original goes "
        "on with it, and to go on here as well would pay twice: export it again when it has ended, "
        "or take it in as ended (--as-ended), with whatever is unfinished cancelled"
    )


# -- circuits from outside ------------------------------------------------------------------------


def _decode_elsewhere(path: Path, payloads: Iterable[tuple[int, Blob]]) -> None:
    """Have all circuits decoded by child processes, as hostile ones can abort whoever does it.

    Raises:
        ArchiveError: One cannot be decoded.
    """
    with tempfile.TemporaryDirectory(prefix="qiskit-job-manager-") as folder:
        for batch in _batches(payloads):
            file = Path(folder) / "payloads"
            _write(file, batch)
            reason = run_limited("qiskit_job_manager.exchange.circuits_child", file)
            if reason is not None:
                first = batch[0][0]
                raise ArchiveError(f"{path}: the circuits from experiment {first} on: {reason}")


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
            form = {"format": blob.format, "bytes": len(blob.data)}
            target.write(json.dumps(form).encode() + b"\n" + blob.data)
