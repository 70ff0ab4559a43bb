"""Folders and files beside a store that only their owner may read, write or plant.

A store may lie where others can write (``/tmp``, a group's scratch folder). There another user
could make the folders of the store first, and read results, hold locks or plant links. So a folder
that belongs to another user is refused, and no file is opened through a link.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import StoreNotWritableError

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(folder: Path) -> Path:
    """Return a folder that is ours and closed to others; make it if there is none.

    Raises:
        StoreNotWritableError: It cannot be made, is no folder, or belongs to another user.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        itself, target = folder.lstat(), folder.stat()
    except OSError as error:
        raise StoreNotWritableError(
            f"The folder {folder} cannot be made: {error.strerror}. The program must be able to "
            "write there to drive job sets."
        ) from error
    for found in (itself, target):
        _must_be_ours(folder, found.st_uid)
    if target.st_mode & _OTHERS:
        # A file system without rights (FAT, some network drives) ignores this.
        folder.chmod(0o700)
    return folder


def open_private(path: Path, flags: int) -> int:
    """Open a file of ours in a private folder, and return its descriptor.

    Args:
        path: The file; it is made with the flag `os.O_CREAT`, readable by its owner only.
        flags: As for `os.open`. The file is never opened through a link.

    Raises:
        FileNotFoundError: It is not there.
        StoreNotWritableError: It is a link, belongs to another user, or cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise StoreNotWritableError(f"The file {path} cannot be used: {why}.") from error
    try:
        found = os.fstat(descriptor)
        _must_be_ours(path, found.st_uid)
        if not stat.S_ISREG(found.st_mode):
            raise StoreNotWritableError(f"{path} cannot be used: it is no plain file.")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _must_be_ours(path: Path, owner: int) -> None:
    if owner != os.geteuid():
        raise StoreNotWritableError(
            f"{path} belongs to another user (number {owner}), who could read your results or "
            "change them: remove it, or put the store into a folder of your own."
        )
