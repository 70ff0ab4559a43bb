"""Archives: a zip with a manifest and its parts, each written and read as a stream.

    manifest.json      the head, and length and SHA-256 of every part
    experiments.jsonl  one experiment a line
    payloads.bin       for each block of experiments, a line that describes it, and its bytes
    jobs.jsonl         one job a line, with its attempts
    results.bin        for each raw result, a line that describes it, and its bytes
    events.jsonl       one event a line
    snapshots.bin      for each snapshot, a line that describes it, and its bytes
    observations.jsonl one observation a line

The last two are there where anything was recorded of what the job set ran in and on.
No part is ever unpacked to a file, so a name in the zip cannot lead anywhere. A part that is
unknown, there twice, encrypted, or compressed beyond belief is refused before any of it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qiskit_job_manager.exchange.export_source import ExportSource
    from qiskit_job_manager.model import EventRecord, ExperimentRecord, JobHistory, Observation

ARCHIVE_FORMAT = "qiskit-job-manager/archive"

_N = TypeVar("_N")
_D = TypeVar("_D", PayloadDescription, ResultDescription, SnapshotDescription)

_MANIFEST = "manifest.json"
_EXPERIMENTS, _PAYLOADS, _JOBS = "experiments.jsonl", "payloads.bin", "jobs.jsonl"
_RESULTS, _EVENTS = "results.bin", "events.jsonl"
_NAMES = (_EXPERIMENTS, _PAYLOADS, _JOBS, _RESULTS, _EVENTS)
_SNAPSHOTS, _OBSERVATIONS = "snapshots.bin", "observations.jsonl"
_MAY_BE = (_SNAPSHOTS, _OBSERVATIONS)

_USUAL = (_MANIFEST, *_NAMES)

NAME_IN_CRATE = "job-set.qjmz"
"""The name of an archive inside of an RO-Crate."""

_CRATE = "ro-crate-metadata.json"
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


def write_archive(source: ExportSource, file: IO[bytes]) -> None:
    """Write a job set as an archive."""
    head = {"format": ARCHIVE_FORMAT, **source.head()}
    parts: dict[str, Any] = {}
    observed = (
        (_SNAPSHOTS, _described(source.snapshots())),
        (_OBSERVATIONS, _lines(source.observations())),
    )
    with zipfile.ZipFile(file, "w") as archive:
        for name, chunks in (
            (_EXPERIMENTS, _lines(source.experiments())),
            (_PAYLOADS, _described(source.payloads())),
            (_JOBS, _lines(source.jobs())),
            (_RESULTS, _described(source.results())),
            (_EVENTS, _lines(source.events())),
            *(observed if source.is_observed else ()),
        ):
            parts[name] = _write_part(archive, name, chunks)
        manifest = json.dumps({**head, "parts": parts}, indent=1).encode()
        _write_part(archive, _MANIFEST, [manifest])


def _lines(values: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    return (json.dumps(each).encode() + b"\n" for each in values)


def _described(blobs: Iterable[tuple[dict[str, Any], bytes]]) -> Iterator[bytes]:
    for description, data in blobs:
        yield json.dumps(description).encode() + b"\n"
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
    """An archive that is being read; each method reads its part from the start.

    Args:
        file: The file, open.

    Raises:
        ArchiveError: The file is no archive, or not a whole one; so does every method.
    """

    def __init__(self, file: IO[bytes]) -> None:
        with _damage_refused():
            _refuse_large_directory(file)
            self._zip = zipfile.ZipFile(file)
            _check_entries(self._zip, file.seek(0, io.SEEK_END))
            manifest = json.loads(self._zip.read(_MANIFEST))
        self.head = read_head(manifest, ARCHIVE_FORMAT, "the manifest")
        self._parts = read(_Manifest, manifest, "the manifest").parts
        for name in _MAY_BE:
            if (name in self._parts) != (name in self._zip.namelist()):
                raise ArchiveError(f"{name} stands in the manifest or in the zip, and not in both")

    def experiments(self) -> Iterator[ExperimentRecord]:
        """Yield each experiment."""
        return self._lines(_EXPERIMENTS, read_experiment)

    def payloads(self) -> Iterator[tuple[PayloadDescription, bytes]]:
        """Yield the description of each payload, and its bytes, not yet checked."""
        return self._blobs(_PAYLOADS, PayloadDescription, "payload")

    def jobs(self) -> Iterator[JobHistory]:
        """Yield each job with its attempts."""
        return self._lines(_JOBS, read_job)

    def results(self) -> Iterator[tuple[ResultDescription, bytes]]:
        """Yield the description of each result, and its bytes, not yet checked."""
        return self._blobs(_RESULTS, ResultDescription, "result")

    def events(self) -> Iterator[EventRecord]:
        """Yield each event."""
        return self._lines(_EVENTS, read_event)

    def snapshots(self) -> Iterator[tuple[SnapshotDescription, bytes]]:
        """Yield the description of each snapshot, and its bytes, not yet checked."""
        if _SNAPSHOTS in self._parts:
            yield from self._blobs(_SNAPSHOTS, SnapshotDescription, "snapshot")

    def observations(self) -> Iterator[Observation]:
        """Yield each observation."""
        if _OBSERVATIONS in self._parts:
            yield from self._lines(_OBSERVATIONS, read_observation)

    def _lines(self, name: str, read_item: Callable[[Any, int], _N]) -> Iterator[_N]:
        with _damage_refused(), self._part(name) as part:
            for number, line in enumerate(part.lines()):
                yield read_item(json.loads(line), number)

    def _blobs(self, name: str, kind: type[_D], noun: str) -> Iterator[tuple[_D, bytes]]:
        with _damage_refused(), self._part(name) as part:
            for number, line in enumerate(part.lines()):
                description = read(kind, json.loads(line), f"{noun} {number}")
                yield description, part.take(description.n_bytes)

    @contextmanager
    def _part(self, name: str) -> Iterator[_Part]:
        expected = read(_PartSum, self._parts.get(name), f"{name} in the manifest")
        size = self._zip.getinfo(name).file_size
        if size != expected.n_bytes:
            raise wrong(f"{name} in the manifest", "bytes", expected.n_bytes, f"{size}")
        part = _Part(self._zip.open(name), name, size)
        yield part
        part.finish(expected.sha256)


@dataclass(frozen=True)
class _Manifest:
    parts: dict[str, Any]


@dataclass(frozen=True)
class _PartSum:
    n_bytes: int
    sha256: bytes


@contextmanager
def _damage_refused() -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise ArchiveError(f"the file is damaged or no archive: {reason}") from error


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

    def lines(self) -> Iterator[bytes]:
        """Yield each line that follows; between two lines, bytes may be taken."""
        while line := self._buffered.readline(_LONGEST_LINE_BYTES):
            self._left -= len(line)
            if not line.endswith(b"\n"):
                msg = f"{self._name} has a line without end, or one that is far too long"
                raise ArchiveError(msg)
            yield line

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size > self._left:
            msg = f"{self._name} ends before the {size} bytes that it announces"
            raise ArchiveError(msg)
        self._left -= size
        return self._buffered.read(size)

    def finish(self, sha256: bytes) -> None:
        """Check that all was read, and that it is what was written."""
        if self._left or self._digest.digest() != sha256:
            raise ArchiveError(
                f"{self._name} does not match its checksum: the file was damaged or changed"
            )


def _refuse_large_directory(file: IO[bytes]) -> None:
    """Refuse a directory of many entries, all of which `zipfile` would hold in memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END.size, 0))
    end = file.read()
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise ArchiveError("it is no zip file, or not a whole one")
    *_, directory, _, _ = _END.unpack(end)
    before = size - _END.size - _LOCATOR64_BYTES - _END64.size
    file.seek(max(before, 0))
    end64 = file.read(_END64.size)
    if end64.startswith(b"PK\x06\x06"):
        directory = max(directory, _END64.unpack(end64)[-2])
    if directory > _LARGEST_DIRECTORY_BYTES:
        raise ArchiveError("it lists far more than an archive has")


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    entries = archive.infolist()
    names = sorted(entry.filename for entry in entries)
    if names not in (sorted(_USUAL), sorted((*_USUAL, *_MAY_BE))):
        if _CRATE in names:
            raise ArchiveError(f"this is an RO-Crate; import the archive in it, {NAME_IN_CRATE}")
        shown = ", ".join(repr(name[:40]) for name in names[:8])
        raise ArchiveError(f"an archive has {', '.join(_USUAL)}, not {shown}")
    for entry in entries:
        most = max(_ALWAYS_BELIEVED_BYTES, _BELIEVED_RATIO * entry.compress_size)
        most = min(most, _LARGEST_MANIFEST_BYTES) if entry.filename == _MANIFEST else most
        if entry.file_size > most:
            raise ArchiveError(f"{entry.filename} says it unpacks to {entry.file_size} bytes")
    if sum(entry.compress_size for entry in entries) > size:
        raise ArchiveError("its parts are longer than the file")
