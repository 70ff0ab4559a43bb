"""Documents: a job set as one JSON object, complete, with the counts in plain view.

A document holds what an archive holds; the bytes of payloads and results are base64. ``outcomes``
is for people: state, shots, counts and metadata of each experiment. It is not read back, as all of
it follows from the rest.
"""

from __future__ import annotations

import base64
import json
from itertools import count
from typing import IO, TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.errors import ArchiveError
from qiskit_job_manager.exchange.json_schema import (
    PayloadDescription,
    ResultDescription,
    SnapshotDescription,
    read,
    read_event,
    read_experiment,
    read_head,
    read_job,
    read_observation,
    wrong,
)
from qiskit_job_manager.results.tables import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.exchange.export_source import ExportSource
    from qiskit_job_manager.model import EventRecord, ExperimentRecord, JobHistory, Observation
    from qiskit_job_manager.results.rows import Rows

DOCUMENT_FORMAT = "qiskit-job-manager/document"

_D = TypeVar("_D", PayloadDescription, ResultDescription, SnapshotDescription)

_LARGEST_BYTES = 256 << 20


def write_document(source: ExportSource, rows: Rows, file: IO[bytes]) -> None:
    """Write a job set as a document, one item of a list a line."""
    head = {"format": DOCUMENT_FORMAT, **source.head()}
    observed = (
        ("snapshots", _with_data(source.snapshots())),
        ("observations", source.observations()),
    )
    file.write(json.dumps(head, indent=1)[:-2].encode())
    for name, values in (
        ("experiments", source.experiments()),
        ("outcomes", _outcomes(rows)),
        ("payloads", _with_data(source.payloads())),
        ("jobs", source.jobs()),
        ("results", _with_data(source.results())),
        ("events", source.events()),
        *(observed if source.is_observed else ()),
    ):
        _write_list(file, name, values)
    file.write(b"\n}\n")


def _write_list(file: IO[bytes], name: str, values: Iterable[dict[str, Any]]) -> None:
    file.write(f',\n "{name}": ['.encode())
    separator = "\n  "
    for value in values:
        file.write((separator + json.dumps(value)).encode())
        separator = ",\n  "
    file.write(b"\n ]")


def _outcomes(rows: Rows) -> Iterator[dict[str, Any]]:
    for record in records(rows, "experiment"):
        finite = {k: None if v != v else v for k, v in record.items()}  # noqa: PLR0124  # NaN
        yield {**finite, "metadata": json.loads(record["metadata"])}


def _with_data(blobs: Iterable[tuple[dict[str, Any], bytes]]) -> Iterator[dict[str, Any]]:
    for description, data in blobs:
        yield {**description, "base64": base64.b64encode(data).decode()}


class Document:
    """A document that is being read, held in memory as a whole; each method reads from the start.

    Args:
        file: The file, open.

    Raises:
        ArchiveError: The file is no document; so does every method where an item is wrong.
    """

    def __init__(self, file: IO[bytes]) -> None:
        text = file.read(_LARGEST_BYTES + 1)
        if len(text) > _LARGEST_BYTES:
            raise ArchiveError(
                f"the file has more than {_LARGEST_BYTES >> 20} MiB; a job set of this size is "
                "imported from an archive (--format archive)"
            )
        try:
            self._whole = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArchiveError(f"the file is no JSON: {error}") from error
        self.head = read_head(self._whole, DOCUMENT_FORMAT, "the document")

    def experiments(self) -> Iterator[ExperimentRecord]:
        """Yield each experiment."""
        return map(read_experiment, self._items("experiments"), count())

    def payloads(self) -> Iterator[tuple[PayloadDescription, bytes]]:
        """Yield the description of each payload, and its bytes, not yet checked."""
        return self._blobs("payloads", PayloadDescription)

    def jobs(self) -> Iterator[JobHistory]:
        """Yield each job with its attempts."""
        return map(read_job, self._items("jobs"), count())

    def results(self) -> Iterator[tuple[ResultDescription, bytes]]:
        """Yield the description of each result, and its bytes, not yet checked."""
        return self._blobs("results", ResultDescription)

    def events(self) -> Iterator[EventRecord]:
        """Yield each event."""
        return map(read_event, self._items("events"), count())

    def snapshots(self) -> Iterator[tuple[SnapshotDescription, bytes]]:
        """Yield the description of each snapshot, and its bytes, not yet checked."""
        if "snapshots" in self._whole:
            yield from self._blobs("snapshots", SnapshotDescription)

    def observations(self) -> Iterator[Observation]:
        """Yield each observation."""
        if "observations" in self._whole:
            yield from map(read_observation, self._items("observations"), count())

    def _items(self, name: str) -> list[Any]:
        items = self._whole.get(name)
        if not isinstance(items, list):
            raise wrong("the document", name, items, "a list")
        return items

    def _blobs(self, name: str, kind: type[_D]) -> Iterator[tuple[_D, bytes]]:
        for number, value in enumerate(self._items(name)):
            what = f"entry {number} of {name}"
            description = read(kind, value, what)
            try:
                data = base64.b64decode(value.get("base64"), validate=True)
            except (TypeError, ValueError):
                raise wrong(what, "base64", value.get("base64"), "its bytes as base64") from None
            yield description, data
