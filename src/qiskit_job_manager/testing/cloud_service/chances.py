"""Which request and which job meets which fault: as scripted, and then by chance."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.cloud_service.faults import Endpoint, Fate, Faults, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Chances:
    """Deals out troubles and fates. Safe to use from any thread.

    Attributes:
        faults: How the cloud behaves now; may be replaced at any time.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._scripts: dict[Endpoint, deque[Trouble | None]] = {each: deque() for each in Endpoint}
        self._fates: deque[Fate] = deque()
        self._dealt: Counter[str] = Counter()
        self._lock = threading.Lock()

    def script(self, endpoint: Endpoint, troubles: Iterable[Trouble | None]) -> None:
        """Say what happens to the next requests of a kind; ``None``: nothing does."""
        with self._lock:
            self._scripts[endpoint].extend(troubles)

    def tell(self, fates: Iterable[Fate]) -> None:
        """Say what becomes of the next jobs that are accepted."""
        with self._lock:
            self._fates.extend(fates)

    def trouble(self, endpoint: Endpoint) -> Trouble | None:
        """Return what happens to the present request."""
        with self._lock:
            waiting = self._scripts[endpoint]
            if waiting:
                return waiting.popleft()
        mine = [each for each in self.faults.odds if each.endpoint is endpoint]
        drawn = self._draw(endpoint, [each.rate for each in mine])
        return None if drawn is None else mine[drawn].trouble

    def fate(self) -> Fate:
        """Return what becomes of the job that is being accepted."""
        with self._lock:
            if self._fates:
                return self._fates.popleft()
        fates = sorted(self.faults.fates.items())
        drawn = self._draw("job", [rate for _, rate in fates])
        return Fate.RUNS if drawn is None else fates[drawn][0]

    def _draw(self, kind: str, rates: Sequence[float]) -> int | None:
        """Return which of some exclusive things happens the next time, if any."""
        with self._lock:
            self._dealt[kind] += 1
            number = self._dealt[kind]
        # A hash, not a generator: threads that come in another order find the same chances.
        digest = hashlib.sha256(f"{self.faults.seed}/{kind}/{number}".encode()).digest()
        point = int.from_bytes(digest[:8]) / 2**64
        for place, rate in enumerate(rates):
            if point < rate:
                return place
            point -= rate
        return None
