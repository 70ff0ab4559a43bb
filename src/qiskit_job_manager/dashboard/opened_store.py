"""The store of a dashboard, opened when a page first needs it and again after trouble."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import StoreBusyError, StoreGoneError, StoreTooNewError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.ports import SearchableStore

_OPEN_AGAIN = (StoreGoneError, StoreTooNewError)


class GivenStore:
    """A store that somebody else opened, and closes.

    Args:
        store: The store.
    """

    def __init__(self, store: SearchableStore) -> None:
        self._store = store

    def get(self) -> SearchableStore:
        """Return the store."""
        return self._store

    def note(self, error: Exception) -> None:
        """Take note of an error of the store: nothing can be done here."""


class OpenedStore:
    """Opens a store once for all pages. Any thread may use it.

    Args:
        open_store: Opens it.
        exists: Whether there is something to open; asked before it is opened again, as opening
            would make an empty store in the place of one that is gone.
        where: The place of the store, for messages.
    """

    def __init__(
        self, open_store: Callable[[], SearchableStore], exists: Callable[[], bool], where: str
    ) -> None:
        self._open = open_store
        self._exists = exists
        self._where = where
        self._store: SearchableStore | None = None
        self._was_open = False
        self._lock = threading.Lock()

    def get(self) -> SearchableStore:
        """Return the store.

        Raises:
            StoreError: It cannot be opened; the next call tries again.
        """
        if not self._lock.acquire(timeout=10):
            raise StoreBusyError(f"The store {self._where} is still being opened: try again.")
        try:
            # A file that was removed can still be read while it is open.
            if self._was_open and not self._exists():
                raise StoreGoneError(f"The store {self._where} is gone: it was removed or moved.")
            if self._store is None:
                self._store, self._was_open = self._open(), True
            return self._store
        finally:
            self._lock.release()

    def note(self, error: Exception) -> None:
        """Take note of an error of the store: after some it must be opened again."""
        if isinstance(error, _OPEN_AGAIN):
            self.close()

    def close(self) -> None:
        """Close the store; the next call of `get` opens it again."""
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()
