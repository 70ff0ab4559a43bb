"""Looks at what a job set runs in and on: the environment of this process, and the calibration.

Nothing waits for a look: it is a call like any other, beside the submissions. The first one begins
with the driving. While jobs are sent or end, another one follows after a quarter of an hour, which
is shorter than any known interval of calibrations, and a last one when all jobs have ended. What
dies with this process is simulated here, and its calibration cannot change: one look is enough.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.model import Observation, ObservationKind
from qiskit_job_manager.ports import HasCalibration

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qiskit_job_manager.model import Snapshot, Token
    from qiskit_job_manager.ports import Backend, Clock, Store

PAUSE_S = 900.0
_LONGEST_NOTE = 500


class ObservationSchedule:
    """When to look at what one job set runs on; owned by the engine's thread.

    Args:
        is_on: Whether anything is recorded.
        changes: Whether what is seen may change while jobs run.
        is_news: Whether there is anything to look at for: jobs that have not ended.
    """

    def __init__(self, *, is_on: bool, changes: bool, is_news: bool) -> None:
        self._is_on = is_on
        self._changes = changes
        self._is_news = is_news
        self._begun_s = float("-inf")
        self._under_way = False

    def note_begin(self, now_s: float) -> None:
        """Take note that a look begins; what happens later is news again."""
        self._under_way, self._is_news, self._begun_s = True, False, now_s

    def note_end(self, *, hangs: bool) -> None:
        """Take note that a look is over, whether or not anything was seen.

        Args:
            hangs: Whether it was given up. Then there is no other one, as each takes a thread.
        """
        self._under_way = False
        self._is_on &= not hangs

    def note_step(self) -> None:
        """Take note that a job was sent, or has ended."""
        self._is_news |= self._changes

    def due_s(self, *, has_ended: bool) -> float:
        """Return when to look next, on the engine's clock; infinity means never.

        Args:
            has_ended: Whether all jobs have ended.
        """
        if not self._is_on or self._under_way or not self._is_news:
            return float("inf")
        return self._begun_s + (0.0 if has_ended else PAUSE_S)

    @property
    def is_over(self) -> bool:
        """Whether no look is under way, and none is due when all jobs have ended."""
        return not self._is_on or not (self._under_way or self._is_news)


def looking(
    backend: Backend,
    store: Store,
    token: Token,
    clock: Clock,
    environment: Callable[[], Snapshot | None],
) -> Callable[[], None]:
    """Return the call that looks, and records what it sees.

    Args:
        backend: What is looked at.
        store: Where it is recorded.
        token: The lease of the job set.
        clock: Tells the time.
        environment: Returns what this process runs in, or ``None`` if that cannot be had.
    """
    began_at, job_set_key = clock.now(), token.job_set_key
    is_first_driver = token.fence == 1  # it handed the job set over, and recorded its own then

    def run() -> None:
        own = None if is_first_driver else environment()
        if own is not None:
            _record_environment(store, job_set_key, own, began_at)
        if isinstance(backend, HasCalibration):
            seen, snapshot = _calibration(backend, began_at)
            if seen is not None:
                store.observe(job_set_key, replace(seen, last_at=clock.now()), snapshot)

    return run


def _calibration(
    backend: HasCalibration, at: datetime
) -> tuple[Observation | None, Snapshot | None]:
    """Look at the calibration; say why where it cannot be had."""
    # NumPy comes with it, which a process that only reads does not need.
    from qiskit_job_manager.codec.snapshots import encode_snapshot

    kind = ObservationKind.CALIBRATION
    try:
        content = backend.calibration()
        if content is None:
            return None, None
        snapshot = encode_snapshot(content)
    except Exception as error:  # noqa: BLE001  # whatever it is, the jobs go on
        words = clean(str(error)).strip() or type(error).__name__
        return Observation(kind, at, at, None, words[:_LONGEST_NOTE]), None
    return Observation(kind, at, at, snapshot.sha256), snapshot


def _record_environment(store: Store, job_set_key: int, own: Snapshot, at: datetime) -> None:
    """Record what this process runs in, unless the newest observation says so already."""
    kind = ObservationKind.ENVIRONMENT
    known = [each.sha256 for each in store.observations(job_set_key) if each.kind is kind]
    if known[-1:] != [own.sha256]:
        store.observe(job_set_key, Observation(kind, at, at, own.sha256), own)
