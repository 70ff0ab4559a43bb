"""Documents: a job set as one JSON object, complete, with the counts in plain view.

What is in an archive is here, too; the bytes of payloads and results are base64. ``outcomes`` is
for whoever reads the document: state, shots, counts and metadata of each experiment. It is not read
back, as all of it follows from the rest.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.errors import ArchiveError
from qiskit_job_manager.exchange.fields import Fields
from qiskit_job_manager.results.tables import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from qiskit_job_manager.exchange.parts import Outgoing
    from qiskit_job_manager.results.rows import Rows

DOCUMENT_FORMAT = "qiskit-job-manager/document"

_LARGEST_BYTES = 256 << 20


def write_document(outgoing: Outgoing, rows: Rows, file: IO[bytes]) -> None:
    """Write a job set as a document, one item of a list a line."""
    head = {"format": DOCUMENT_FORMAT, **outgoing.head()}
    file.write(json.dumps(head, indent=1)[:-2].encode())
    for name, values in (
        ("experiments", outgoing.experiments()),
        ("outcomes", _outcomes(rows)),
        ("payloads", _with_data(outgoing.payloads())),
        ("jobs", outgoing.jobs()),
        ("results", _with_data(outgoing.results())),
        ("events", outgoing.events()),
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
    for form, data in blobs:
        yield {**form, "base64": base64.b64encode(data).decode()}


class Document:
    """A document that is being read; one of the `Parts`. It is held in memory as a whole.

    Args:
        path: The file.
        file: The file, open.

    Raises:
        ArchiveError: It is no document.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        text = file.read(_LARGEST_BYTES + 1)
        if len(text) > _LARGEST_BYTES:
            raise ArchiveError(
                f"{path} has more than {_LARGEST_BYTES >> 20} MiB; a job set of this size is taken "
                "in from an archive (--format archive)"
            )
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArchiveError(f"{path} is no JSON: {error}") from error
        self._head = Fields(whole, str(path))
        if whole.get("format") != DOCUMENT_FORMAT:
            raise self._head.wrong("format", repr(DOCUMENT_FORMAT))

    @property
    def head(self) -> Fields:
        """The head."""
        return self._head

    def experiments(self) -> Iterator[Any]:
        """Yield the plain values of each experiment."""
        return iter(self._head.items("experiments"))

    def payloads(self) -> Iterator[tuple[Fields, bytes]]:
        """Yield what each payload is, and its bytes."""
        return self._blobs("payloads")

    def jobs(self) -> Iterator[Any]:
        """Yield the plain values of each job."""
        return iter(self._head.items("jobs"))

    def results(self) -> Iterator[tuple[Fields, bytes]]:
        """Yield what each result is, and its bytes."""
        return self._blobs("results")

    def events(self) -> Iterator[Any]:
        """Yield the plain values of each event."""
        return iter(self._head.items("events"))

    def _blobs(self, name: str) -> Iterator[tuple[Fields, bytes]]:
        for value in self._head.items(name):
            fields = Fields(value, f"an entry of {name}")
            try:
                data = base64.b64decode(fields.text("base64"), validate=True)
            except binascii.Error:
                raise fields.wrong("base64", "base64") from None
            yield fields, data
