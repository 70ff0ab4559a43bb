"""Files that are written for the user: whole or not at all, and under names that do no harm."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_STEM_BYTES = 100
_DIGITS_OF_HASH = 8
_DOTS = re.compile(r"\.{2,}")
_HARMLESS = frozenset("._-")
# Windows takes these for devices in every folder and with every suffix.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
)


def safe_file_name(name: str, suffix: str) -> str:
    """Return a file name made from any text, the same each time, that is harmless everywhere.

    Letters, digits and ``. _ -`` stay; all else becomes ``_``. Where something was changed, a few
    digits of a hash of the text keep apart what would look alike.

    Args:
        name: Any text, such as the name of a job set.
        suffix: Put after it, such as ``".csv"``.

    Example:
        >>> safe_file_name("rb-sweep", ".csv")
        'rb-sweep.csv'
        >>> safe_file_name("../../etc/passwd", ".csv")
        'etc_passwd-aef1e0e3.csv'
    """
    plain = "".join(c if c.isalnum() or c in _HARMLESS else "_" for c in name)
    plain = _cut(_DOTS.sub("_", plain).strip("._-"))
    if plain == name != "" and plain.partition(".")[0].lower() not in _DEVICES:
        return f"{plain}{suffix}"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS_OF_HASH]
    first, dot, rest = plain.partition(".")
    kept = f"{first}_{dot}{rest}" if first.lower() in _DEVICES else plain
    return f"{kept or 'job-set'}-{digest}{suffix}"


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST_STEM_BYTES].decode("utf-8", "ignore").rstrip("._-")


@contextmanager
def written_whole(path: Path, *, overwrite: bool = False) -> Iterator[IO[bytes]]:
    """Give a new file to write to, which appears under its name when all of it is on the disk.

    Like the store, it can be read by its owner only. Where something fails, nothing is left.

    Args:
        path: Where it is to be; its folder exists.
        overwrite: Whether it may take the place of a file that is there.

    Raises:
        InvalidArgumentError: It cannot be written there; the message says why.
    """
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    descriptor, name = _made(path)
    hidden = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(hidden, path, overwrite=overwrite)
    finally:
        hidden.unlink(missing_ok=True)
    _fsync_folder(path.parent)


def _made(path: Path) -> tuple[int, str]:
    if path.is_dir():
        msg = f"{path} is a folder; name a file in it"
        raise InvalidArgumentError(msg)
    try:
        return tempfile.mkstemp(prefix=".qjm-", suffix=".part", dir=path.parent)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise InvalidArgumentError(msg) from error


def _publish(hidden: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        hidden.replace(path)
        return
    try:
        # Unlike a rename, a link fails where something has come there meanwhile.
        os.link(hidden, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:  # the file system has no links
        hidden.replace(path)


def _exists(path: Path) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{path} exists; choose another name, or replace it: {ways.OVERWRITE}"
    )


def _fsync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows opens no folders, and some file systems do not sync them
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
