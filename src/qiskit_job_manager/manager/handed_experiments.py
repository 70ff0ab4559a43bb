"""The experiments that were handed over to a group, found by their index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

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

    def at(self, index: int) -> Any:
        """Return an experiment that was not dropped, or `END`."""
        if self._list is not None:
            return self._list[index] if index < len(self._list) else END
        while self._n_read <= index:
            experiment = next(self._rest, END)
            if experiment is END:
                return END
            self._kept[self._n_read] = experiment
            self._n_read += 1
        return self._kept[index]

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
