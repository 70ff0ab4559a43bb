"""CSV and QPY: one-way exports, streamed.

A spreadsheet runs what a cell begins with, so a text that begins with one of the characters that
start a formula gets an apostrophe before it, as OWASP says for "CSV injection".
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import CIRCUITS_FORMAT, frames_in, load_circuit
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.results.tables import columns, records

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.results.rows import Rows
    from qiskit_job_manager.results.tables import By

# With their full-width forms, which some spreadsheets take for the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_csv(rows: Rows, by: By, file: IO[bytes]) -> None:
    """Write a table as CSV in UTF-8; counts and metadata are JSON in their cells.

    Raises:
        InvalidArgumentError: There is no such table of these results.
    """
    names = columns(rows, by)
    # What UTF-8 cannot hold must not stop the export halfway.
    text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for record in records(rows, by):
        writer.writerow([_cell(value) for value in record.values()])
    text.flush()
    text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    # Leading blanks do not keep a spreadsheet from it.
    if isinstance(value, str) and (
        value.startswith(_FORMULA_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)
    ):
        return f"'{value}"
    return value


def write_qpy(store: Store, record: JobSetRecord, file: IO[bytes]) -> None:
    """Write the circuits as one QPY file.

    Raises:
        InvalidArgumentError: The experiments are PUBs, which QPY does not hold.
        CodecError: A stored circuit cannot be read.
    """
    from qiskit import qpy

    qpy.dump(_Circuits(store, record), file)


class _Circuits(Sequence[Any]):
    """The circuits of a job set, each read when it is asked for; those of one job are at hand."""

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
        if payload.format != CIRCUITS_FORMAT:
            msg = (
                f"the experiments of job set {self._record.name!r} are PUBs, and QPY holds "
                "circuits only; --format archive holds everything"
            )
            raise InvalidArgumentError(msg)
        self._start, self._frames = job.start, frames_in(payload)
