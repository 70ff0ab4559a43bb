"""The experiments that were handed over, kept until they are stored.

`Given` reads them in their order, for one job set; `HandedExperiments` by their index, for a group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class Given(Iterator[Any]):
    """The experiments that were handed over; those that are not stored yet can be read again.

    Args:
        experiments: All of them.

    Attributes:
        n_stored: How many are known to be stored, from the first one on.
    """

    def __init__(self, experiments: Iterable[Any]) -> None:
        self.n_stored = 0
        self._rest = iter(experiments)
        self._read: deque[Any] = deque()
        self._again: deque[Any] = deque()

    def __next__(self) -> Any:
        experiment = self._again.popleft() if self._again else next(self._rest)
        self._read.append(experiment)
        return experiment

    def settle(self, n_stored: int) -> None:
        """Take note that so many are stored."""
        while self.n_stored < n_stored:
            self._read.popleft()
            self.n_stored += 1

    def rewind(self) -> None:
        """Give those that are not stored again."""
        self._again.extendleft(reversed(self._read))
        self._read.clear()

    def handed_on(self) -> Iterator[Any]:
        """Yield the experiments, none of which is to be read again."""
        for experiment in self:
            self._read.clear()
            yield experiment

    def take_back(self) -> list[Any]:
        """Return those that were read and are not stored; they are not given again."""
        taken = list(self._read) + list(self._again)
        self._read.clear()
        self._again.clear()
        return taken


END = object()
"""In place of an experiment: there is none."""


class HandedExperiments:
    """Experiments by their index; those of an iterator are kept until they are dropped.

    Args:
        experiments: All of them.

    Attributes:
        length: How many there are, or ``None`` where only their end will tell.
    """

    def __init__(self, experiments: Iterable[Any]) -> None:
        is_list = isinstance(experiments, Sequence)
        self.length = len(experiments) if isinstance(experiments, Sequence) else None
        self._list: Sequence[Any] | None = experiments if is_list else None  # type: ignore[assignment]
        self._rest = iter(()) if is_list else iter(experiments)
        self._kept: dict[int, Any] = {}
        self._n_read = 0
        self._error: Exception | None = None

    def at(self, index: int) -> Any:
        """Return an experiment that was not dropped, or `END`.

        What the iterator raises is raised here, each time that an experiment behind it is asked
        for.
        """
        if self._list is not None:
            return self._list[index] if index < len(self._list) else END
        while self._n_read <= index:
            if self._error is not None:
                raise self._error
            try:
                experiment = next(self._rest, END)
            except Exception as error:
                self._error = error
                raise
            if experiment is END:
                return END
            self._kept[self._n_read] = experiment
            self._n_read += 1
        return self._kept[index]

    def has(self, index: int) -> bool:
        """Say whether there is an experiment; also where the iterator raises, there is none."""
        try:
            return self.at(index) is not END
        except Exception:
            if self._error is None:
                raise
            return False

    def drop_before(self, index: int) -> None:
        """Keep those of an iterator no longer that come before an index."""
        for each in [key for key in self._kept if key < index]:
            del self._kept[each]

    def all_from(self, start: int, size: int) -> list[Any] | None:
        """Return experiments, or ``None`` if they were dropped."""
        if self._list is not None:
            return list(self._list[start : start + size])
        indices = range(start, start + size)
        return [self._kept[i] for i in indices] if all(i in self._kept for i in indices) else None
