"""Which request and which job meets which fault."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.emulator.schedule import Draws, FateQueue
from qiskit_job_manager.testing.ibm_service.faults import Fate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.testing.ibm_service.faults import Behaviour, Kind, Rule, Trouble


@dataclass(slots=True)
class _ActiveRule:
    """A rule, since when it holds, and how many requests it may still hit."""

    rule: Rule
    since_s: float
    left: int | None

    def applies(self, kind: Kind, now_s: float) -> bool:
        """Whether it may hit a request of this kind now."""
        age_s = now_s - self.since_s - self.rule.after_s
        in_time = age_s >= 0 and (self.rule.for_s is None or age_s < self.rule.for_s)
        return self.rule.kind is kind and self.left != 0 and in_time


class FaultSchedule:
    """Chooses the trouble of each request and the fate of each job. Safe to use from any thread.

    Attributes:
        behaviour: Its seed and the shares of its fates; may be replaced at any time.
        fates: The fates that were set for the next jobs.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.fates = FateQueue(Fate.RUNS)
        self._rules: list[_ActiveRule] = []
        self._draws = Draws()
        self._lock = threading.Lock()

    def add(self, rules: Iterable[Rule]) -> None:
        """Add rules; of several that apply to a request, the oldest wins."""
        now_s = time.monotonic()
        with self._lock:
            self._rules.extend(_ActiveRule(rule, now_s, rule.times) for rule in rules)

    def clear(self) -> None:
        """Forget all rules and fates."""
        self.fates.clear()
        with self._lock:
            self._rules.clear()

    def fate(self) -> Fate:
        """Return the fate of the job that is being accepted."""
        return self.fates.next(self.behaviour.seed, self.behaviour.fates)

    def trouble(self, kind: Kind) -> Trouble | None:
        """Return the trouble of the present request."""
        now_s = time.monotonic()
        with self._lock:
            for place, active in enumerate(self._rules):
                if active.applies(kind, now_s) and self._hits(active.rule, kind, place):
                    if active.left is not None:
                        active.left -= 1
                    return active.rule.trouble
        return None

    def _hits(self, rule: Rule, kind: Kind, place: int) -> bool:
        return self._draws.next(self.behaviour.seed, f"{kind}/{place}") < rule.rate
