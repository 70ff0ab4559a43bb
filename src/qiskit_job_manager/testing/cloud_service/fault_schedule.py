"""Which request and which job meets which fault: first by script, then by chance."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.cloud_service.faults import Endpoint, Fate, Faults, Trouble
from qiskit_job_manager.testing.emulator.schedule import Draws, FateQueue

if TYPE_CHECKING:
    from collections.abc import Iterable


class FaultSchedule:
    """Chooses the trouble of each request and the fate of each job. Safe to use from any thread.

    Attributes:
        faults: How the cloud behaves now; may be replaced at any time.
        fates: The fates that were set for the next jobs.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.fates = FateQueue(Fate.RUNS)
        self._scripts: dict[Endpoint, deque[Trouble | None]] = {each: deque() for each in Endpoint}
        self._draws = Draws()
        self._lock = threading.Lock()

    def script(self, endpoint: Endpoint, troubles: Iterable[Trouble | None]) -> None:
        """Set the troubles of the next requests of a kind, one each; ``None``: no trouble."""
        with self._lock:
            self._scripts[endpoint].extend(troubles)

    def trouble(self, endpoint: Endpoint) -> Trouble | None:
        """Return the trouble of the present request."""
        with self._lock:
            waiting = self._scripts[endpoint]
            if waiting:
                return waiting.popleft()
        faults = self.faults
        odds = [each for each in faults.odds if each.endpoint is endpoint]
        chosen = self._draws.choose(faults.seed, endpoint, [each.rate for each in odds])
        return None if chosen is None else odds[chosen].trouble

    def fate(self) -> Fate:
        """Return the fate of the job that is being accepted."""
        return self.fates.next(self.faults.seed, self.faults.fates)
