"""What was read a moment ago and takes long to read, so that pages that refresh cost little."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from qiskit_job_manager.dashboard.visit import Visit

_T = TypeVar("_T")

_KEPT = 200


class Remembered:
    """Values that are read again after some time only. Any thread may use it."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, visit: Visit, key: tuple[Hashable, ...], for_s: float, read: Callable[[], _T]
    ) -> _T:
        """Return a value that is at most so many seconds old.

        Args:
            visit: The request: of which store, and when.
            key: What it is a value of.
            for_s: The seconds.
            read: Reads it.
        """
        whole = (visit.store.url, *key)
        now_s = visit.clock.monotonic()
        with self._lock:
            at_s, value = self._known.get(whole, (float("-inf"), None))
        if now_s - at_s <= for_s:
            known: _T = value
            return known
        fresh = read()
        with self._lock:
            self._known[whole] = now_s, fresh
            self._known.move_to_end(whole)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return fresh

    def forget(self) -> None:
        """Forget all: something was changed here, and its page must show it."""
        with self._lock:
            self._known.clear()


remembered = Remembered()
