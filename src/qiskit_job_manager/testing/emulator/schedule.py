"""Seeded draws, and the fates of the jobs that a service accepts."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_Fate = TypeVar("_Fate", bound=str)


class Draws:
    """Numbers drawn by a seed, one series for each kind. Safe to use from any thread.

    The n-th number of a kind depends on the seed, the kind and n alone, so that threads that come
    in another order find the same chances.
    """

    def __init__(self) -> None:
        self._drawn: Counter[str] = Counter()
        self._lock = threading.Lock()

    def next(self, seed: int, kind: str) -> float:
        """Return the next number of a kind, from 0 to 1."""
        with self._lock:
            self._drawn[kind] += 1
            number = self._drawn[kind]
        digest = hashlib.sha256(f"{seed}/{kind}/{number}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64

    def choose(self, seed: int, kind: str, rates: Sequence[float]) -> int | None:
        """Return the index of one of some exclusive rates, or ``None`` for none of them."""
        point = self.next(seed, kind)
        for place, rate in enumerate(rates):
            if point < rate:
                return place
            point -= rate
        return None


class FateQueue(Generic[_Fate]):
    """Says what becomes of each accepted job. Safe to use from any thread.

    Args:
        otherwise: The fate of a job that neither the queue nor chance gives another one.
    """

    def __init__(self, otherwise: _Fate) -> None:
        self._otherwise = otherwise
        self._waiting: deque[_Fate] = deque()
        self._draws = Draws()
        self._lock = threading.Lock()

    def extend(self, fates: Iterable[_Fate]) -> None:
        """Set the fates of the next jobs, one each."""
        with self._lock:
            self._waiting.extend(fates)

    def clear(self) -> None:
        """Forget all fates that were set."""
        with self._lock:
            self._waiting.clear()

    def next(self, seed: int, shares: Mapping[_Fate, float]) -> _Fate:
        """Return the fate of the job that is being accepted: one that was set, or by chance."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
        by_name = sorted(shares.items())
        chosen = self._draws.choose(seed, "job", [share for _, share in by_name])
        return self._otherwise if chosen is None else by_name[chosen][0]
