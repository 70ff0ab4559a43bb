"""Asks again for the usage of jobs that was not known when their results were fetched.

A backend may compute what it charges only after a job has ended. So the engine stores a request
with the first submission. The driver of the set asks for all jobs at once when none is under way,
and some more times after longer and longer pauses. Where no usage is missing it asks nothing.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from qiskit_job_manager.engine.duplicate_submissions import label_of
from qiskit_job_manager.model import JobState, RemoteFigures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from qiskit_job_manager.model import JobSetRecord, Request
    from qiskit_job_manager.ports import Backend, Store

FIRST_PAUSE_S = 15.0
MOST_TRIES = 4
_LONGER = 4
_AT_ONCE = 1000


class UsagePolling:
    """When to ask for the usage of one job set; owned by the engine's thread.

    Args:
        request: The stored request for it, or ``None``.
        now_s: Time on the engine's clock.
    """

    def __init__(self, request: Request | None, now_s: float) -> None:
        self.request = request
        self._since_s = now_s
        self._tries = 0
        self._under_way = False
        self._is_missing: bool | None = None

    def note_submission(self, request: Request | None) -> None:
        """Take note of the request, and that there will be more to ask for."""
        self.request = request
        self._tries = 0

    def note_begin(self) -> None:
        """Take note that the backend is being asked."""
        self._under_way = True

    def note_end(self, now_s: float) -> None:
        """Take note that the backend answered, or did not."""
        self._under_way = False
        self._tries += 1
        self._since_s = now_s
        self._is_missing = None

    def look(
        self, states: Iterable[JobState], now_s: float, is_missing: Callable[[], bool]
    ) -> None:
        """Take note of the states of the jobs.

        Args:
            states: The states of the jobs that may still move.
            now_s: Time on the engine's clock.
            is_missing: Says whether any usage is missing; reads the store.
        """
        if any(state.is_running for state in states):
            self._since_s, self._is_missing = now_s, None
        elif self._is_missing is None:
            self._is_missing = is_missing()

    @property
    def is_over(self) -> bool:
        """Whether nothing is missing now, or it was asked for often enough."""
        return not self._under_way and (self._is_missing is False or self._tries >= MOST_TRIES)

    @property
    def due_s(self) -> float:
        """When to ask next, on the engine's clock; infinity means never."""
        if self.request is None or self._under_way or self.is_over or not self._is_missing:
            return float("inf")
        return self._since_s + FIRST_PAUSE_S * float(_LONGER**self._tries)


def poll_usage(
    backend: Backend, store: Store, record: JobSetRecord
) -> Callable[[], Mapping[str, RemoteFigures]]:
    """Return the call that asks for the missing usage; it gives it by the tags of attempts."""

    def run() -> dict[str, RemoteFigures]:
        attempts = store.attempts_without_usage(record.key, _AT_ONCE)
        ids = {each.tag: each.remote_id for each in attempts if each.remote_id is not None}
        found = backend.fetch_usage(label_of(record.job_set_id), list(ids.values()))
        known = {each.tag: each.figures or RemoteFigures() for each in attempts}
        return {
            tag: _completed(known[tag], found[remote_id])
            for tag, remote_id in ids.items()
            if remote_id in found and found[remote_id].usage_s is not None
        }

    return run


def _completed(known: RemoteFigures, news: RemoteFigures) -> RemoteFigures:
    """Return what is known, with what was missing taken from the news."""
    names = [field.name for field in fields(known) if getattr(known, field.name) is None]
    return replace(known, **{name: getattr(news, name) for name in names})
