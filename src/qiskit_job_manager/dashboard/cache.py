"""What is kept from one page to the next, so that pages that refresh cost little.

`remembered` has what was read a moment ago and takes long to read; `readers` has the open readers
of results.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.results import ManagedResults, ResultSource

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import SearchableStore

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


# -- readers of results ----------------------------------------------------------------------------

_READERS_KEPT = 4


class Stored:
    """A job set as far as its results need it; it cannot be driven.

    Args:
        store: Where it is.
        record: The job set.
    """

    def __init__(self, store: SearchableStore, record: JobSetRecord) -> None:
        self._source = ResultSource(store, record)

    def _result_source(self, *, as_it_is_now: bool) -> ResultSource:
        del as_it_is_now
        return self._source


def results_of(store: SearchableStore, record: JobSetRecord) -> ManagedResults:
    """Return what is stored of the results of a job set now."""
    return ManagedResults(Stored(store, record), record.backend_name, success=False, partial=True)


class ResultReaders:
    """Keeps the readers of the latest few job sets: opening a result takes most of the time."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, ManagedResults] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, store: SearchableStore, record: JobSetRecord) -> ManagedResults:
        """Return the results of a job set."""
        key = (id(store), record.key, record.n_experiments, record.complete)
        with self._lock:
            if key not in self._known:
                self._known[key] = results_of(store, record)
            self._known.move_to_end(key)
            while len(self._known) > _READERS_KEPT:
                self._known.popitem(last=False)
            return self._known[key]


readers = ResultReaders()
