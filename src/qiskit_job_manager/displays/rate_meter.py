"""How fast the jobs of a job set end, measured over the last minutes."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from qiskit_job_manager.model.progress import Pace

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Clock

# Long enough to see several jobs end on a busy device, short enough to notice a change of pace.
# Where even that is too short, the rate is that of the last few jobs that ended.
_WINDOW_S = 600.0
_APART_S = 1.0
_FEWEST_SAMPLES = 8
_LONGEST_SHOWN_S = 10 * 365 * 86400.0


class Meter:
    """Measures the rate at which jobs end.

    Args:
        clock: Gives the time.
        begun_at: When the work began; ``None``: now. Where all has ended before the first look,
            nothing is said of the time, as it is not known how long it took.
    """

    def __init__(self, clock: Clock, begun_at: datetime | None = None) -> None:
        self._clock = clock
        self._tells_time = begun_at is None
        # The clock of the process that handed over may be ahead of ours.
        before = timedelta() if begun_at is None else max(clock.now() - begun_at, timedelta())
        self._begun_s = clock.monotonic() - before.total_seconds()
        self._samples: deque[tuple[float, int]] = deque()

    def pace(self, progress: Progress) -> Pace:
        """Note the present progress, and return the pace."""
        now_s = self._clock.monotonic()
        self._tells_time |= not progress.ended
        self._note(now_s, progress.n_ended)
        # It is there to tell the end; of the whole it may count only the last part.
        rate = None if progress.ended else self._rate(now_s, progress.n_ended)
        elapsed_s = now_s - self._begun_s if self._tells_time else None
        left = progress.n_jobs - progress.n_ended - progress.needs_user
        if not rate or left <= 0 or left / rate > _LONGEST_SHOWN_S:
            return Pace(elapsed_s, rate)
        left_s = left / rate
        return Pace(elapsed_s, rate, left_s, self._clock.now() + timedelta(seconds=left_s))

    def _note(self, now_s: float, n_ended: int) -> None:
        samples = self._samples
        while len(samples) > _FEWEST_SAMPLES and samples[1][0] < now_s - _WINDOW_S:
            samples.popleft()
        if not samples or (samples[-1][1] != n_ended and now_s >= samples[-1][0] + _APART_S):
            samples.append((now_s, n_ended))

    def _rate(self, now_s: float, n_ended: int) -> float | None:
        since_s, before = self._samples[0]
        if n_ended <= before or now_s <= since_s:
            return None
        return (n_ended - before) / (now_s - since_s)
