"""Exports a job set to a file, in the format that the user chose."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.exchange.archives import write_archive
from qiskit_job_manager.exchange.csv_export import write_csv
from qiskit_job_manager.exchange.documents import write_document
from qiskit_job_manager.exchange.export_format import ExportFormat
from qiskit_job_manager.exchange.export_source import ExportSource
from qiskit_job_manager.exchange.qpy_export import write_qpy
from qiskit_job_manager.files import safe_file_name, written_whole
from qiskit_job_manager.results import source_of
from qiskit_job_manager.results.tables import columns, write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit_job_manager.results import ManagedResults
    from qiskit_job_manager.results.tables import By


_TABLES = (ExportFormat.PARQUET, ExportFormat.CSV)


def export_file(
    results: ManagedResults, path: Path, wanted: ExportFormat, by: By, *, overwrite: bool
) -> Path:
    """Write a job set to a file, which appears when all of it is written.

    Args:
        results: The results of the job set, which tell where the rest is.
        path: The file; a folder gets one named after the job set.
        wanted: The format.
        by: For tables: one row an experiment, or one an outcome.
        overwrite: Whether it may take the place of a file that is there.

    Returns:
        The file.

    Raises:
        InvalidArgumentError: It cannot be written there, or not so.
    """
    source = source_of(results.job_set)
    name = safe_file_name(source.record.name, wanted.suffix)
    file = path / name if path.is_dir() else path
    if wanted in _TABLES:
        columns(results.rows(), by)  # refuses before a file is made
    elif by != "experiment":
        msg = f"by is {by!r}, which only tables know: parquet and csv; not {wanted}"
        raise InvalidArgumentError(msg)
    with written_whole(file, overwrite=overwrite) as target:
        _write(results, wanted, by, target)
    return file


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
