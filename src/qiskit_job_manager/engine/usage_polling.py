"""Asks once more for the usage of jobs that was not final when their results were fetched.

What is charged for may be worked out after a job has ended. So that it is summed all the same, a
word in the store says from the first submission on that it is to be asked for; whoever drives the
set then does it, all jobs at once, once none is under way, and some more times with longer and
longer pauses. Where nothing is missing that takes no request.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from qiskit_job_manager.engine.duplicate_submissions import label_of
from qiskit_job_manager.model import JobState, RemoteFigures, Request, RequestKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Backend, Store

FIRST_PAUSE_S = 15.0
MOST_TRIES = 4
_LONGER = 4
_AT_ONCE = 1000


class Measuring:
    """When to ask for the usage of one job set; owned by the engine's thread.

    Args:
        request: The stored word that this is still to be done, or ``None``.
        now_s: Time on the engine's clock.
    """

    def __init__(self, request: Request | None, now_s: float) -> None:
        self.request = request
        self._since_s = now_s
        self._tries = 0
        self._under_way = False
        self._is_missing: bool | None = None

    def note_submission(self, request: Request | None) -> None:
        """Take note of the word, and that there will be more to ask for."""
        self.request = request
        self._tries = 0

    def note_begin(self) -> None:
        """Take note that the backend is being asked."""
        self._under_way = True

    def note_end(self, now_s: float) -> None:
        """Take note of an answer, or of none."""
        self._under_way = False
        self._tries += 1
        self._since_s = now_s
        self._is_missing = None

    def look(
        self, states: Iterable[JobState], now_s: float, is_missing: Callable[[], bool]
    ) -> None:
        """Take note of where the jobs stand.

        Args:
            states: The states of the jobs that may still move.
            now_s: Time on the engine's clock.
            is_missing: Says whether anything is to be asked for; looks into the store.
        """
        if any(state.is_running for state in states):
            self._since_s, self._is_missing = now_s, None
        elif self._is_missing is None:
            self._is_missing = is_missing()

    @property
    def is_over(self) -> bool:
        """Whether nothing is missing by now, or it was asked for often enough."""
        return not self._under_way and (self._is_missing is False or self._tries >= MOST_TRIES)

    @property
    def due_s(self) -> float:
        """When to ask, on the engine's clock, if at all."""
        if self.request is None or self._under_way or self.is_over or not self._is_missing:
            return float("inf")
        return self._since_s + FIRST_PAUSE_S * float(_LONGER**self._tries)


def measure(
    backend: Backend, store: Store, record: JobSetRecord
) -> Callable[[], Mapping[str, RemoteFigures]]:
    """Return the call that asks for what is missing, by the tags of the attempts."""

    def run() -> dict[str, RemoteFigures]:
        attempts = store.attempts_without_usage(record.key, _AT_ONCE)
        ids = {each.tag: each.remote_id for each in attempts if each.remote_id is not None}
        told = backend.measured(label_of(record.job_set_id), list(ids.values()))
        known = {each.tag: each.figures or RemoteFigures() for each in attempts}
        return {
            tag: _together(known[tag], told[remote_id])
            for tag, remote_id in ids.items()
            if remote_id in told and told[remote_id].usage_s is not None
        }

    return run


def _together(known: RemoteFigures, told: RemoteFigures) -> RemoteFigures:
    """Add what is told to what is known."""
    names = [field.name for field in fields(known) if getattr(known, field.name) is None]
    return replace(known, **{name: getattr(told, name) for name in names})


def measure_request(store: Store, job_set_key: int) -> Request | None:
    """Return the stored word that usage is still to be asked for, or ``None``."""
    words = store.requests(job_set_key)
    return next((word for word in words if word.kind is RequestKind.MEASURE), None)
