"""Archives: a zip with a manifest and five parts, each written and read as a stream.

    manifest.json      the head, and length and SHA-256 of every part
    experiments.jsonl  one experiment a line
    payloads.bin       per block of experiments a line that describes it, and its bytes
    jobs.jsonl         one job a line, with its attempts
    results.bin        per raw result a line that describes it, and its bytes
    events.jsonl       one event a line

Nothing is ever unpacked to a file, so no name inside leads anywhere; and what is there besides,
twice, encrypted, or shrunk beyond belief is refused before any of it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.errors import ArchiveError
from qiskit_job_manager.exchange.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from qiskit_job_manager.exchange.parts import Outgoing

ARCHIVE_FORMAT = "qiskit-job-manager/archive"

_MANIFEST = "manifest.json"
_EXPERIMENTS, _PAYLOADS, _JOBS = "experiments.jsonl", "payloads.bin", "jobs.jsonl"
_RESULTS, _EVENTS = "results.bin", "events.jsonl"
_NAMES = (_EXPERIMENTS, _PAYLOADS, _JOBS, _RESULTS, _EVENTS)

_LARGEST_MANIFEST_BYTES = 16 << 20
_LONGEST_LINE_BYTES = 4 << 20
# As for the blocks of a blob: real texts shrink less than this, unless they are short.
_ALWAYS_BELIEVED_BYTES = 64 << 20
_BELIEVED_RATIO = 256

_LARGEST_DIRECTORY_BYTES = 1 << 16
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64_BYTES = 20

# 1 January 1980: archives of the same job set are the same, byte for byte.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_archive(outgoing: Outgoing, file: IO[bytes]) -> None:
    """Write a job set as an archive."""
    head = {"format": ARCHIVE_FORMAT, **outgoing.head()}
    parts: dict[str, Any] = {}
    with zipfile.ZipFile(file, "w") as archive:
        for name, chunks in (
            (_EXPERIMENTS, _lines(outgoing.experiments())),
            (_PAYLOADS, _described(outgoing.payloads())),
            (_JOBS, _lines(outgoing.jobs())),
            (_RESULTS, _described(outgoing.results())),
            (_EVENTS, _lines(outgoing.events())),
        ):
            parts[name] = _write_part(archive, name, chunks)
        manifest = json.dumps({**head, "parts": parts}, indent=1).encode()
        _write_part(archive, _MANIFEST, [manifest])


def _lines(values: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    return (json.dumps(each).encode() + b"\n" for each in values)


def _described(blobs: Iterable[tuple[dict[str, Any], bytes]]) -> Iterator[bytes]:
    for form, data in blobs:
        yield json.dumps(form).encode() + b"\n"
        yield data


def _write_part(archive: zipfile.ZipFile, name: str, chunks: Iterable[bytes]) -> dict[str, Any]:
    entry = zipfile.ZipInfo(name, _NO_TIME)
    # Payloads and results are compressed already.
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".bin") else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    digest, size = hashlib.sha256(), 0
    with archive.open(entry, "w", force_zip64=True) as part:
        for chunk in chunks:
            part.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


class Archive:
    """An archive that is being read; one of the `Parts`.

    Args:
        path: The file.
        file: The file, open.

    Raises:
        ArchiveError: It is no archive, or not a whole one.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        with self._understood():
            _refuse_large_directory(file)
            self._zip = zipfile.ZipFile(file)
            _check_entries(self._zip, file.seek(0, io.SEEK_END))
            manifest = self._zip.read(_MANIFEST)
            self._head = Fields(json.loads(manifest), "the manifest")
            if self._head.text("format") != ARCHIVE_FORMAT:
                raise self._head.wrong("format", repr(ARCHIVE_FORMAT))

    @property
    def head(self) -> Fields:
        """The head."""
        return self._head

    def experiments(self) -> Iterator[Any]:
        """Yield the plain values of each experiment."""
        return self._values(_EXPERIMENTS)

    def payloads(self) -> Iterator[tuple[Fields, bytes]]:
        """Yield what each payload is, and its bytes."""
        return self._blobs(_PAYLOADS)

    def jobs(self) -> Iterator[Any]:
        """Yield the plain values of each job."""
        return self._values(_JOBS)

    def results(self) -> Iterator[tuple[Fields, bytes]]:
        """Yield what each result is, and its bytes."""
        return self._blobs(_RESULTS)

    def events(self) -> Iterator[Any]:
        """Yield the plain values of each event."""
        return self._values(_EVENTS)

    def _values(self, name: str) -> Iterator[Any]:
        with self._understood(), self._part(name) as part:
            while line := part.line():
                yield json.loads(line)

    def _blobs(self, name: str) -> Iterator[tuple[Fields, bytes]]:
        with self._understood(), self._part(name) as part:
            while line := part.line():
                fields = Fields(json.loads(line), f"an entry of {name}")
                yield fields, part.take(fields.whole("bytes"))

    @contextmanager
    def _part(self, name: str) -> Iterator[_Part]:
        told = self._head.inner("parts").inner(name)
        size = told.whole("bytes")
        if size != self._zip.getinfo(name).file_size:
            raise told.wrong("bytes", "what the zip says")
        part = _Part(self._zip.open(name), name, size)
        yield part
        part.finish(told.hexadecimal("sha256", 32))

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except ArchiveError:
            raise
        except _DAMAGE as error:
            said = str(error) or type(error).__name__
            raise ArchiveError(f"{self._path} is damaged or no archive: {said}") from error


# What zipfile, zlib and json raise; NotImplementedError and RecursionError are RuntimeErrors.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(KeyError, RuntimeError, ValueError, OverflowError, MemoryError),
)


class _Part(io.RawIOBase):
    """One part, hashed as it is read."""

    def __init__(self, raw: IO[bytes], name: str, size: int) -> None:
        self._raw = raw
        self._name = name
        self._digest = hashlib.sha256()
        self._left = size
        self._buffered = io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self._digest.update(data)
        return len(data)

    def line(self) -> bytes:
        """Return the next line, empty at the end."""
        line = self._buffered.readline(_LONGEST_LINE_BYTES)
        self._left -= len(line)
        if line and not line.endswith(b"\n"):
            raise ArchiveError(f"{self._name} has a line without end, or one that is far too long")
        return line

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size > self._left:
            raise ArchiveError(f"{self._name} ends before {size} bytes that it says to have")
        self._left -= size
        return self._buffered.read(size)

    def finish(self, digest: bytes) -> None:
        """See that what was read, to the end, is what was written."""
        if self._left or self._digest.digest() != digest:
            raise ArchiveError(
                f"{self._name} does not match its checksum: the file was damaged or changed"
            )


def _refuse_large_directory(file: IO[bytes]) -> None:
    """Refuse a directory of many entries, all of which `zipfile` would hold in memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END.size, 0))
    end = file.read()
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise ArchiveError("is no zip file, or not a whole one")
    *_, directory, _, _ = _END.unpack(end)
    before = size - _END.size - _LOCATOR64_BYTES - _END64.size
    file.seek(max(before, 0))
    end64 = file.read(_END64.size)
    if end64.startswith(b"PK\x06\x06"):
        directory = max(directory, _END64.unpack(end64)[-2])
    if directory > _LARGEST_DIRECTORY_BYTES:
        raise ArchiveError("lists far more than an archive has")


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    entries = archive.infolist()
    names = sorted(entry.filename for entry in entries)
    if names != sorted((_MANIFEST, *_NAMES)):
        shown = ", ".join(repr(name[:40]) for name in names[:8])
        raise ArchiveError(f"an archive has {', '.join((_MANIFEST, *_NAMES))}, not {shown}")
    for entry in entries:
        most = max(_ALWAYS_BELIEVED_BYTES, _BELIEVED_RATIO * entry.compress_size)
        most = min(most, _LARGEST_MANIFEST_BYTES) if entry.filename == _MANIFEST else most
        if entry.file_size > most:
            raise ArchiveError(f"{entry.filename} says it unpacks to {entry.file_size} bytes")
    if sum(entry.compress_size for entry in entries) > size:
        raise ArchiveError("its parts are longer than the file")
