"""Which request and which job meets which fault."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.ibm_service.faults import Fate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.testing.ibm_service.faults import Behaviour, Kind, Rule, Trouble


@dataclass(slots=True)
class _Standing:
    """A rule as it stands: since when, and how often it still applies."""

    rule: Rule
    since_s: float
    left: int | None

    def applies(self, kind: Kind, now_s: float) -> bool:
        """Whether it may hit such a request now."""
        age_s = now_s - self.since_s - self.rule.after_s
        in_time = age_s >= 0 and (self.rule.for_s is None or age_s < self.rule.for_s)
        return self.rule.kind is kind and self.left != 0 and in_time


class Chances:
    """Deals out troubles and fates. Safe to use from any thread.

    Attributes:
        behaviour: Its seed and the shares of its fates; may be replaced at any time.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._rules: list[_Standing] = []
        self._fates: deque[Fate] = deque()
        self._dealt: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, rules: Iterable[Rule]) -> None:
        """Obey further rules; of several that apply to a request, the oldest wins."""
        now_s = time.monotonic()
        with self._lock:
            self._rules.extend(_Standing(rule, now_s, rule.times) for rule in rules)

    def clear(self) -> None:
        """Forget all rules and fates."""
        with self._lock:
            self._rules.clear()
            self._fates.clear()

    def tell(self, fates: Iterable[Fate]) -> None:
        """Say what becomes of the next jobs that are accepted."""
        with self._lock:
            self._fates.extend(fates)

    def fate(self) -> Fate:
        """Return what becomes of the job that is being accepted."""
        with self._lock:
            self._dealt["fate"] += 1
            return self._fates.popleft() if self._fates else self._fate_by_share()

    def _fate_by_share(self) -> Fate:
        drawn = self._drawn("fate", 0)
        for fate, share in sorted(self.behaviour.fates.items()):
            drawn -= share
            if drawn < 0:
                return Fate(fate)
        return Fate.RUNS

    def trouble(self, kind: Kind) -> Trouble | None:
        """Return what happens to the present request."""
        now_s = time.monotonic()
        with self._lock:
            self._dealt[kind] += 1
            for place, standing in enumerate(self._rules):
                if standing.applies(kind, now_s) and self._drawn(kind, place) < standing.rule.rate:
                    if standing.left is not None:
                        standing.left -= 1
                    return standing.rule.trouble
        return None

    def _drawn(self, kind: str, place: int) -> float:
        # A hash, not a generator: threads that come in another order find the same chances.
        text = f"{self.behaviour.seed}/{kind}/{place}/{self._dealt[kind]}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
