"""A folder where results that can be read once stand between the backend and the store.

For each attempt, named by its tag, there may be

    TAG.lock    held (flock) by the process that fetches the result, as long as it lives
    TAG.part    the result while it is written; also tells that a fetch was begun
    TAG.result  the result, whole and on disk: one line of JSON (format, bytes, sha256), then bytes
    TAG.error   why there is none: one line of JSON (kind, message)

A result is renamed into place after it was synced, so that it is whole whenever it is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, BinaryIO

from qiskit_job_manager import errors
from qiskit_job_manager.errors import BackendError, CodecError, TransientBackendError
from qiskit_job_manager.model import RawResult
from qiskit_job_manager.private_files import open_private, private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Reserved before a result is fetched: better to find the disk full then than after.
RESERVED_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024

_TAG = re.compile(r"[A-Za-z0-9._-]{1,200}")
_KINDS: dict[str, type[BackendError]] = {
    kind.__name__: kind
    for kind in (
        errors.CredentialsError,
        errors.RemoteJobFailedError,
        errors.RemoteJobNotRunError,
        errors.ResultGoneError,
        errors.TransientBackendError,
    )
}


class Spool:
    """The spool of one store.

    Args:
        folder: Where; made when it is first written to, readable by its owner only.
        *others: Further folders in which results of this store may be, from when it was opened
            by another name or in another place.
    """

    def __init__(self, folder: Path, *others: Path) -> None:
        self.folder = folder
        self._others = others

    @contextlib.contextmanager
    def serving(self, tag: str) -> Iterator[bool]:
        """Be the only one that fetches a result; gives ``False`` if another process is."""
        with self._opened(tag, "lock", os.O_RDWR) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def wait_until_served(self, tag: str) -> None:
        """Return when no process fetches the result any more."""
        with self._opened(tag, "lock", os.O_RDWR) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def reserved(self, tag: str) -> Iterator[BinaryIO]:
        """Give a file with room for a result, to be passed to `keep`.

        Raises:
            TransientBackendError: There is no room, so the result must not be fetched now.
        """
        with self._opened(tag, "part", os.O_RDWR | os.O_TRUNC) as part:
            try:
                _reserve(part.fileno(), RESERVED_BYTES)
            except OSError as error:
                msg = f"there is no room for a result in {self.folder}, it is not fetched: {error}"
                raise TransientBackendError(msg) from error
            yield part

    def keep(self, tag: str, part: BinaryIO, result: RawResult) -> None:
        """Have a result on disk, whole, before this returns."""
        head = {
            "format": result.format,
            "bytes": len(result.data),
            "sha256": hashlib.sha256(result.data).hexdigest(),
        }
        part.write(json.dumps(head).encode() + b"\n")
        part.write(result.data)
        part.truncate()
        part.flush()
        os.fsync(part.fileno())
        self._file(tag, "part").rename(self._file(tag, "result"))
        self._sync_folder()

    def keep_error(self, tag: str, error: BackendError) -> None:
        """Say why there is no result."""
        known = type(error).__name__ in _KINDS
        kind = type(error).__name__ if known else TransientBackendError.__name__
        text = json.dumps({"kind": kind, "message": str(error)})
        with self._opened(tag, "error", os.O_RDWR | os.O_TRUNC) as file:
            file.write(text.encode())

    def take(self, tag: str) -> RawResult | None:
        """Return the result, or ``None`` if there is neither a result nor an error.

        The result stays until `forget`; an error is raised once.

        Raises:
            BackendError: What the fetch raised.
            CodecError: The file is damaged.
        """
        for path in self._existing(tag, "result"):
            return _read(path)
        for path in self._existing(tag, "error"):
            said = json.loads(_bytes(path))
            path.unlink()
            raise _KINDS.get(said["kind"], TransientBackendError)(said["message"])
        return None

    def was_begun(self, tag: str) -> bool:
        """Return whether a fetch was begun and has not brought a result."""
        return bool(self._existing(tag, "part"))

    def forget(self, tag: str) -> None:
        """Remove all that stands here of an attempt, as the store has it."""
        for kind in ("result", "part", "error", "lock"):
            for path in self._existing(tag, kind):
                path.unlink(missing_ok=True)

    def _existing(self, tag: str, kind: str) -> list[Path]:
        name = _name(tag, kind)
        folders = [each for each in (self.folder, *self._others) if (each / name).exists()]
        return [private_folder(folder) / name for folder in folders]

    def _opened(self, tag: str, kind: str, flags: int) -> BinaryIO:
        return os.fdopen(open_private(self._file(tag, kind), flags | os.O_CREAT), "r+b")

    def _file(self, tag: str, kind: str) -> Path:
        return private_folder(self.folder) / _name(tag, kind)

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _name(tag: str, kind: str) -> str:
    if not _TAG.fullmatch(tag):
        msg = f"{tag!r} is not the tag of an attempt"
        raise CodecError(msg)
    return f"{tag}.{kind}"


def _bytes(path: Path) -> bytes:
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        return file.read()


def _read(path: Path) -> RawResult:
    line, _, data = _bytes(path).partition(b"\n")
    try:
        head = json.loads(line)
        whole = len(data) == head["bytes"] and hashlib.sha256(data).hexdigest() == head["sha256"]
        format_ = str(head["format"])
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the spooled result {path} is damaged; it is kept as it is"
        raise CodecError(msg) from error
    if not whole:
        msg = f"the spooled result {path} does not match its checksum; it is kept as it is"
        raise CodecError(msg)
    return RawResult(format_, data)


def _reserve(descriptor: int, size: int) -> None:
    """Make sure that the disk has room for the first bytes of a file.

    Raises:
        OSError: It has not.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    # macOS has no such call; there, bytes that were written once have their place.
    zeros = bytes(_PIECE_BYTES)
    written = 0
    while written < size:
        written += os.pwrite(descriptor, zeros[: size - written], written)
