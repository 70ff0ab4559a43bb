"""The experiments that were handed over, on their way into the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
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
