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
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def serving(self, tag: str) -> Iterator[bool]:
        """Be the only one that fetches a result; gives ``False`` if another process is."""
        with self._file(tag, "lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def wait_until_served(self, tag: str) -> None:
        """Return when no process fetches the result any more."""
        with self._file(tag, "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def reserved(self, tag: str) -> Iterator[BinaryIO]:
        """Give a file with room for a result, to be passed to `keep`.

        Raises:
            TransientBackendError: There is no room, so the result must not be fetched now.
        """
        with self._file(tag, "part").open("wb") as part:
            try:
                os.posix_fallocate(part.fileno(), 0, RESERVED_BYTES)
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
        self._file(tag, "error").write_text(text, encoding="utf-8")

    def take(self, tag: str) -> RawResult | None:
        """Return the result, or ``None`` if there is neither a result nor an error.

        The result stays until `forget`; an error is told once.

        Raises:
            BackendError: What the fetch raised.
            CodecError: The file is damaged.
        """
        path = self._file(tag, "result")
        if path.exists():
            return _read(path)
        trouble = self._file(tag, "error")
        if trouble.exists():
            told = json.loads(trouble.read_text(encoding="utf-8"))
            trouble.unlink()
            raise _KINDS.get(told["kind"], TransientBackendError)(told["message"])
        return None

    def was_begun(self, tag: str) -> bool:
        """Say whether a fetch was begun of which nothing came."""
        return self._file(tag, "part").exists()

    def forget(self, tag: str) -> None:
        """Remove all that stands here of an attempt, as the store has it."""
        if self.folder.exists():
            for kind in ("result", "part", "error", "lock"):
                self._file(tag, kind).unlink(missing_ok=True)

    def _file(self, tag: str, kind: str) -> Path:
        if not _TAG.fullmatch(tag):
            msg = f"{tag!r} is not the tag of an attempt"
            raise CodecError(msg)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f"{tag}.{kind}"

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> RawResult:
    line, _, data = path.read_bytes().partition(b"\n")
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
