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
