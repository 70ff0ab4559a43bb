"""Readers of results that stay open from one page to the next."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from qiskit_job_manager.results import ManagedResults, ResultSource

if TYPE_CHECKING:
    from collections.abc import Hashable

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import SearchableStore

_KEPT = 4


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
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return self._known[key]


readers = ResultReaders()
