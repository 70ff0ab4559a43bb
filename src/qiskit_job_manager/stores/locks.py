"""Locks that the kernel frees when the process that holds them dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
import weakref
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import StoreNotWritableError
from qiskit_job_manager.private_files import open_private, private_folder

if TYPE_CHECKING:
    from pathlib import Path

_LOOKS = 3
_LOOK_AGAIN_S = 0.005

_open_locks: weakref.WeakSet[KernelLock] = weakref.WeakSet()


class KernelLock:
    """An exclusive lock on a file; this object holds it until it is released or collected.

    Two objects exclude each other also within one process. The file stays. If it were removed,
    two processes could each hold a lock, on two files of one name.
    """

    def __init__(self, descriptor: int) -> None:
        self._close = weakref.finalize(self, os.close, descriptor)
        _open_locks.add(self)

    @classmethod
    def take(cls, path: Path) -> KernelLock | None:
        """Return the lock on ``path``, or ``None`` while another object holds it."""
        private_folder(path.parent)
        descriptor = open_private(path, os.O_CREAT | os.O_RDWR)
        # `is_held` holds the lock for an instant; a second look tells that from a driver.
        for look in range(_LOOKS):
            if _try(descriptor, fcntl.LOCK_EX):
                return cls(descriptor)
            if look < _LOOKS - 1:
                time.sleep(_LOOK_AGAIN_S)
        os.close(descriptor)
        return None

    @staticmethod
    def is_held(path: Path) -> bool:
        """Return whether an object, here or in another process, holds the lock on ``path``."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:  # another user's: it cannot be known, so nobody may drive
            return True
        try:
            return not _try(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Free the lock; harmless when it is free."""
        self._close()


def ensure_locks_work(folder: Path) -> None:
    """Try a lock of each kind that a store needs, on a file of its own.

    Without a lock service, SQLite takes a network drive for one that another process holds.

    Raises:
        StoreNotWritableError: The file system has no locks.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        _try(file.fileno(), fcntl.LOCK_EX)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _no_locks(error) from error


def _no_locks(error: OSError) -> StoreNotWritableError:
    return StoreNotWritableError(
        f"File locks do not work where the store is ({error.strerror}), and without them two "
        "processes could submit the same jobs: put the store on a local disk, or on a network "
        "drive that has a lock service, or use PostgreSQL."
    )


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _no_locks(error) from error
    return True


def _forget_in_child() -> None:
    # A fork shares the lock: a child that outlives its parent would keep the set from being driven.
    for lock in list(_open_locks):
        lock.release()


os.register_at_fork(after_in_child=_forget_in_child)
