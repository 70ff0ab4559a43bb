"""A folder that keeps results that can be read only once, on their way to the store.

For each attempt, named by its tag, there may be

    TAG.lock    held (flock) by the process that fetches the result, as long as it lives
    TAG.part    the result while it is written; it also shows that a fetch began
    TAG.result  the result, whole and on disk: one line of JSON (format, bytes, sha256), then bytes
    TAG.error   why there is none: one line of JSON (kind, message)

A result is synced before it is renamed to its name, so that a file of that name is whole.
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

_TAG = re.compile(r"[A-Za-z0-9._-]{1,200}")
_KINDS: dict[str, type[BackendError]] = {
    kind.__name__: kind
    for kind in (
        errors.CredentialsError,
        errors.RemoteJobFailedError,
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
        """Be the only process that fetches a result; gives ``False`` if another one is."""
        with self._file(tag, "lock").open("ab") as lock:
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
                os.posix_fallocate(part.fileno(), 0, RESERVED_BYTES)
            except OSError as error:
                msg = f"there is no room for a result in {self.folder}, it is not fetched: {error}"
                raise TransientBackendError(msg) from error
            yield part

    def keep(self, tag: str, part: BinaryIO, result: RawResult) -> None:
        """Write a result; it is whole and on disk when this returns."""
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
        """Write why there is no result."""
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
        trouble = self._file(tag, "error")
        if trouble.exists():
            stored = json.loads(trouble.read_text(encoding="utf-8"))
            trouble.unlink()
            raise _KINDS.get(stored["kind"], TransientBackendError)(stored["message"])
        return None

    def was_begun(self, tag: str) -> bool:
        """Say whether a fetch began that gave nothing."""
        return self._file(tag, "part").exists()

    def forget(self, tag: str) -> None:
        """Remove everything of an attempt, because the store has its result."""
        if self.folder.exists():
            for kind in ("result", "part", "error", "lock"):
                self._file(tag, kind).unlink(missing_ok=True)

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
