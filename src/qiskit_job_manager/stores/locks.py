"""Locks that the kernel frees when the process that holds them dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import StoreNotWritableError

if TYPE_CHECKING:
    from pathlib import Path

_LOOKS = 3
_LOOK_AGAIN_S = 0.005

_open_locks: weakref.WeakSet[KernelLock] = weakref.WeakSet()


class KernelLock:
    """An exclusive lock on a file, held by this object until it is released or forgotten.

    Two objects exclude each other also within one process. The file stays: to remove it would let
    two processes hold "the" lock, on two files of one name.
    """

    def __init__(self, descriptor: int) -> None:
        self._close = weakref.finalize(self, os.close, descriptor)
        _open_locks.add(self)

    @classmethod
    def take(cls, path: Path) -> KernelLock | None:
        """Return the lock on ``path``, or ``None`` while somebody else holds it."""
        descriptor = _open(path)
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
        """Tell whether somebody holds the lock on ``path``."""
        if not path.exists():
            return False
        descriptor = _open(path)
        try:
            return not _try(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Free the lock; harmless when it is free."""
        self._close()


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreNotWritableError(
            f"The lock {path} cannot be made: {error.strerror}. Whoever drives a job set must be "
            "able to write beside the store."
        ) from error


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget_in_child() -> None:
    # A fork shares the lock: a child that outlives its parent would keep the set from being driven.
    for lock in list(_open_locks):
        lock.release()


os.register_at_fork(after_in_child=_forget_in_child)
