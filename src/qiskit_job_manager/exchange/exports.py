"""Exports a job set to a file, in the format that the user chose.

CSV tables and QPY are streamed and cannot be imported.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import frames_in, load_circuit
from qiskit_job_manager.codec.formats import PAYLOAD_KINDS
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.exchange.archives import NAME_IN_CRATE, write_archive
from qiskit_job_manager.exchange.documents import write_document
from qiskit_job_manager.exchange.export_format import ExportFormat
from qiskit_job_manager.exchange.export_source import ExportSource
from qiskit_job_manager.exchange.ro_crate import write_ro_crate
from qiskit_job_manager.files import safe_file_name, written_whole
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.results import source_of
from qiskit_job_manager.results.lookup import jobs_of
from qiskit_job_manager.results.tables import columns, records_of, write_parquet
from qiskit_job_manager.views.escape import cell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.results import ManagedResults
    from qiskit_job_manager.results.rows import Rows
    from qiskit_job_manager.results.tables import By


_TABLES = (ExportFormat.PARQUET, ExportFormat.CSV)


def write_csv(rows: Rows, by: By, file: IO[bytes]) -> None:
    """Write a table as CSV in UTF-8.

    A table by outcome has a column for each key of the circuits' metadata. In a table by experiment
    counts and metadata are JSON in their cells.

    Raises:
        InvalidArgumentError: There is no such table of these results.
    """
    names = columns(rows, by)
    keys = _metadata_keys(rows) if by == "outcome" else []
    # A lone surrogate, which UTF-8 does not know, must not stop the export halfway.
    text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, *(cell(f"metadata.{key}") for key in keys)])
    for row in rows:
        metadata = [cell(_plain(row.metadata.get(key))) for key in keys]
        for record in records_of([row], by, names):
            writer.writerow([*map(cell, record.values()), *metadata])
    text.flush()
    text.detach()


def _metadata_keys(rows: Rows) -> list[str]:
    """Return the keys of the circuits' metadata, in the order in which they are met."""
    return list(dict.fromkeys(key for row in rows for key in row.metadata))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value, default=str, skipkeys=True)


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
        job = jobs_of(self._store, self._record, index)[0]
        payload = self._store.payload(job.key)
        if PAYLOAD_KINDS.get(payload.format) is not ExperimentKind.CIRCUIT:
            msg = (
                f"the experiments of job set {self._record.name!r} are PUBs, and QPY holds "
                "circuits only; --format archive holds everything"
            )
            raise InvalidArgumentError(msg)
        self._start, self._frames = job.start, frames_in(payload)


def export_file(
    results: ManagedResults, path: Path, wanted: ExportFormat, by: By | None, *, overwrite: bool
) -> Path:
    """Write a job set to a file, which appears when all of it is written.

    Args:
        results: The results of the job set, which tell where the rest is.
        path: The file; a folder gets one named after the job set.
        wanted: The format.
        by: For tables: one row an experiment, or one an outcome; ``None``: as suits the format.
        overwrite: Whether it may take the place of a file that is there.

    Returns:
        The file.

    Raises:
        InvalidArgumentError: It cannot be written there, or not so.
        JobManagerUnknownJobSet: The job set was deleted meanwhile; there is no file.
        JobManagerInvalidStateError: The job set was changed meanwhile; there is no file.
    """
    source = source_of(results.job_set)
    name = safe_file_name(source.record.name, wanted.suffix)
    file = path / name if path.is_dir() else path
    if wanted in _TABLES:
        by = by or _usual(results.rows(), wanted)
        columns(results.rows(), by)  # refuses before a file is made
    elif by == "outcome":
        msg = f"by is {by!r}, which only tables know: parquet and csv; not {wanted}"
        raise InvalidArgumentError(msg)
    with written_whole(file, overwrite=overwrite) as target:
        _write(results, wanted, by or "experiment", target)
        source.must_be_there()
    return file


def _usual(rows: Rows, wanted: ExportFormat) -> By:
    """Return what a row of a table is: in CSV an outcome, as other programs read no JSON in it."""
    has_outcomes = rows.kind is not ExperimentKind.ESTIMATOR_PUB
    return "outcome" if wanted is ExportFormat.CSV and has_outcomes else "experiment"


def _write(results: ManagedResults, wanted: ExportFormat, by: By, file: IO[bytes]) -> None:
    source = source_of(results.job_set)
    store, record = source.store, source.record
    match wanted:
        case ExportFormat.PARQUET:
            write_parquet(results.rows(), by, file)
        case ExportFormat.CSV:
            write_csv(results.rows(), by, file)
        case ExportFormat.JSON:
            write_document(ExportSource(store, record), results.rows(), file)
        case ExportFormat.QPY:
            write_qpy(store, record, file)
        case ExportFormat.ARCHIVE:
            write_archive(ExportSource(store, record), file)
        case ExportFormat.RO_CRATE:
            write_ro_crate(results, source, _parts_of_crate(results), file)


def _parts_of_crate(results: ManagedResults) -> dict[str, Callable[[IO[bytes]], None]]:
    """Return what writes the parts of an RO-Crate, by their names."""
    rows = results.rows()
    forms = {NAME_IN_CRATE: ExportFormat.ARCHIVE, "results.csv": ExportFormat.CSV}
    if rows.kind is ExperimentKind.CIRCUIT:
        forms["circuits.qpy"] = ExportFormat.QPY
    by = _usual(rows, ExportFormat.CSV)
    return {name: partial(_write, results, form, by) for name, form in forms.items()}
